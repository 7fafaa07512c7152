package sandbox

// card is one instrument of a buyer's wallet, and what Amazon's sandbox does with it.
type card struct {
	ending  string // the last four digits, by which the documents name it
	brand   string
	verdict verdict
	gift    bool // paid with a gift card first
}

// verdict is what happens when the buyer leaves the processing page, and when a charge is made later.
type verdict int

// The verdicts of the documented test cards, then those of our own. A later charge on one of the latter succeeds.
const (
	approved        verdict = iota
	buyerCanceled           // the session ends Canceled/BuyerCanceled
	declined                // the session ends Canceled/Declined
	pendingApproved         // authorized 30 seconds later; needs Authorize and canHandlePendingAuthorization
	pendingDeclined         // declined as HardDeclined 30 seconds later; needs the same
	challenged              // the buyer is asked for a second proof while processing
	declinedOnce            // the buyer is asked for another instrument while processing
)

// cards are the documented test cards, in the order the wallet shows them.
var cards = []card{
	{ending: "1111", brand: "Visa"},
	{ending: "0005", brand: "American Express"},
	{ending: "4444", brand: "Mastercard"},
	{ending: "9424", brand: "Discover"},
	{ending: "0000", brand: "JCB"},
	{ending: "3064", brand: "Visa", verdict: buyerCanceled},
	{ending: "3434", brand: "Visa", verdict: declined},
	{ending: "0701", brand: "Visa", verdict: pendingApproved},
	{ending: "4354", brand: "Mastercard", verdict: pendingDeclined},
	{ending: "6069", brand: "Visa", gift: true},
	{ending: "3155", brand: "Visa", verdict: challenged},
	{ending: "0002", brand: "Visa", verdict: declinedOnce},
}

// cardEnding finds a test card by its last four digits.
func cardEnding(ending string) (card, bool) {
	for _, c := range cards {
		if c.ending == ending {
			return c, true
		}
	}
	return card{}, false
}

// descriptor is the text that a shop shows as it is.
func (c card) descriptor() string {
	text := c.brand + " ****" + c.ending + " (Amazon Pay)"
	if c.gift {
		return "Amazon Gift Card and " + text
	}
	return text
}

func (c card) pending() bool { return c.verdict == pendingApproved || c.verdict == pendingDeclined }
