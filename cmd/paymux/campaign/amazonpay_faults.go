package campaign

// Amazon signs no answer, and shows an object as it is or not at all.
var (
	amazonCalls = []choice{{refused, 6}, {nameless, 3}, {untrusted, 3}, {cutBefore, 3}, {halfSent, 4}, {resetBefore, 4}, {silentBefore, 4}, {resetAfter, 8}, {silentAfter, 8},
		{late, 8}, {twice, 6}, {busy, 5}, {moved, 4}, {slow, 8}, {cutShort, 5}, {empty, 4}, {otherType, 4}, {dripping, 4}, {endless, 4}, {unknownCode, 5},
		{otherCurrency, 5}, {"drop_before", 4}, {"drop_after", 8}, {"hang", 5}, {"delay_effect", 8}, {"http_before", 6}, {"http_after", 10}, {"truncate", 4}, {"garbage", 5},
		{"other_amount", 5}, {"other_reference", 5}, {"http_stored_before", 8}, {"http_stored_after", 8}}
	amazonAsks = []choice{{refused, 8}, {nameless, 3}, {untrusted, 3}, {cutBefore, 3}, {halfSent, 4}, {resetBefore, 4}, {silentBefore, 4}, {resetAfter, 5}, {silentAfter, 5},
		{late, 4}, {twice, 4}, {busy, 5}, {moved, 4}, {slow, 8}, {cutShort, 4}, {empty, 4}, {otherType, 4}, {dripping, 4}, {endless, 4}, {unknownCode, 5},
		{notFound, 10}, {"hang", 5}, {"http_before", 8}, {"truncate", 4}, {"garbage", 5}, {"other_reference", 6}}
	amazonFetches = []choice{{refused, 8}, {resetBefore, 4}, {silentBefore, 4}, {resetAfter, 5}, {silentAfter, 5}, {busy, 5}, {moved, 4}, {slow, 8}, {cutShort, 4},
		{empty, 4}, {dripping, 4}, {endless, 4}, {notFound, 10}}
	amazonPages   = []choice{{"drop_before", 10}, {"drop_after", 20}, {"hang", 5}, {"http_before", 10}, {"http_after", 10}, {"delay_effect", 10}}
	amazonLetters = []choice{{flood, 8}, {replayed, 12}, {wrongAccount, 8}, {unknownField, 10}, {unknownOrder, 8}, {unknownEvent, 10}}
)

// amazonRows are what of the failure model is different at Amazon Pay.
var amazonRows = map[string]row{
	"F-N23": {why: "Amazon Pay signs no answer"},
	"F-N24": {kinds: []string{"http_stored_before", "http_stored_after"}},
	"F-N25": {why: "the clocks of a world agree; what another one's are is refused by the simulator's own tests"},
	"F-N30": {why: "Amazon Pay tells no totals, but of one object each"},
	"F-F13": {why: "a notification names no mode; test and live differ as two accounts do, F-F12"},
	"F-F14": {why: "a notification tells no amount"},
	"F-F15": {why: "a notification tells no state that another one could contradict"},
	"F-F16": {why: "Amazon Pay tells of no payment in two steps that depend on each other, as PAYONE's appointed and paid do"},
	"F-F17": {kinds: []string{"office: " + guaranteed, "office: chargeback", "office: close"}},
	"F-F18": {why: "a notification goes to one address"},
	"F-F19": {kinds: []string{"message: " + unknownEvent}},
	"F-C12": {why: "it is the column complete of F-C04 to F-C09"},
}
