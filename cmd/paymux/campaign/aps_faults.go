package campaign

// apsCalls are what can happen to a call of the program to the provider.
var apsCalls = []choice{{refused, 6}, {nameless, 3}, {untrusted, 3}, {cutBefore, 3}, {halfSent, 4}, {resetBefore, 4}, {silentBefore, 4}, {resetAfter, 8}, {silentAfter, 8},
	{late, 8}, {twice, 6}, {busy, 5}, {moved, 4}, {slow, 8}, {cutShort, 5}, {empty, 4}, {otherType, 4}, {dripping, 4}, {endless, 4}, {unsigned, 5}, {unknownCode, 5},
	{otherCurrency, 5}, {"drop_before", 4}, {"drop_after", 8}, {"hang", 5}, {"delay_effect", 8}, {"http_before", 6}, {"http_after", 10}, {"truncate", 4}, {"garbage", 5},
	{"other_amount", 5}, {"other_reference", 5}}

// apsAsks are what can happen to a question. An answer that lies about the totals, signed by the provider, would be
// believed: there is nobody else to ask. It may know less than it should for a while.
var apsAsks = []choice{{refused, 8}, {nameless, 3}, {untrusted, 3}, {cutBefore, 3}, {halfSent, 4}, {resetBefore, 4}, {silentBefore, 4}, {resetAfter, 5}, {silentAfter, 5},
	{late, 4}, {twice, 4}, {busy, 5}, {moved, 4}, {slow, 8}, {cutShort, 4}, {empty, 4}, {otherType, 4}, {dripping, 4}, {endless, 4}, {unsigned, 5}, {unknownCode, 5},
	{notFound, 10}, {lagging, 12}, {"hang", 5}, {"http_before", 8}, {"truncate", 4}, {"garbage", 5}, {"other_reference", 6}}

// apsPages are what can happen when a buyer decides on the provider's page.
var apsPages = []choice{{"drop_before", 10}, {"drop_after", 20}, {"hang", 5}, {"http_before", 10}, {"http_after", 10}, {"delay_effect", 10}, {"other_amount", 5}, {"other_reference", 5}}

var apsLetters = []choice{{flood, 8}, {otherAddress, 10}, {replayed, 12}, {wrongAccount, 8}, {contradiction, 10}, {otherMoney, 10}, {unknownField, 10}, {unknownEvent, 10}, {unknownOrder, 8}}
