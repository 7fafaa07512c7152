package sandbox

import (
	"slices"
	"strings"
)

// cardAttempts is how often a reference may be tried with cards (secondary source; local options: once).
const cardAttempts = 9

// paymentOption is one value of payment_option or digital_wallet.
type paymentOption struct {
	name       string   // as shown to the buyer
	card       bool     // entered on the card page; the others have a page of their own
	currencies []string // empty: every one
	purchase   bool     // PURCHASE only
	wallet     bool     // named in digital_wallet
	hidden     bool     // not offered by the page, only when the request names it
	elsewhere  bool     // exists, but not in the redirection channel
}

// paymentOptions follow the table of options in the reference.
var paymentOptions = map[string]paymentOption{
	"VISA":          {name: "Visa", card: true},
	"MASTERCARD":    {name: "Mastercard", card: true},
	"AMEX":          {name: "American Express", card: true},
	"MADA":          {name: "mada", card: true, currencies: []string{"SAR"}, purchase: true},
	"MEEZA":         {name: "Meeza", card: true, currencies: []string{"EGP"}, purchase: true},
	"KNET":          {name: "KNET", currencies: []string{"KWD"}, purchase: true},
	"NAPS":          {name: "NAPS", currencies: []string{"QAR"}, purchase: true},
	"OMANNET":       {name: "OmanNet", currencies: []string{"OMR"}, purchase: true},
	"BENEFIT":       {name: "Benefit", currencies: []string{"BHD"}, purchase: true},
	"TABBY":         {name: "Tabby", currencies: []string{"AED", "SAR"}, purchase: true},
	"TAMARA":        {name: "Tamara", currencies: []string{"AED", "SAR"}, purchase: true},
	"STCPAY":        {name: "stc pay", currencies: []string{"SAR"}, purchase: true, wallet: true},
	"VISA_CHECKOUT": {name: "Visa Checkout", wallet: true, hidden: true},
	"APPLE_PAY":     {name: "Apple Pay", wallet: true, elsewhere: true},
	"VALU":          {name: "valU", currencies: []string{"EGP"}, purchase: true, elsewhere: true},
}

func (p paymentOption) fits(command, currency string) bool {
	return (!p.purchase || command == "PURCHASE") && p.takes(currency)
}

func (p paymentOption) takes(currency string) bool {
	return len(p.currencies) == 0 || slices.Contains(p.currencies, currency)
}

// offered are the options the page shows beside cards when the request names none, in a fixed order.
func offered(a *Account, command, currency string) []string {
	var names []string
	for name, option := range paymentOptions {
		if !option.card && !option.hidden && !option.elsewhere && option.fits(command, currency) && a.active(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// verdict is what becomes of a try.
type verdict struct {
	message  string // message code; msgSuccess approves
	acquirer string // the acquirer's own code
	status   string // for tries that stay open: 15, 19, 40; or 00 and 10
	settles  string // message code the open try ends with
}

var (
	approved        = verdict{message: msgSuccess, acquirer: "00"}
	declined        = verdict{message: msgDeclined, acquirer: "05"}
	lacksFunds      = verdict{message: msgFunds, acquirer: "51"}
	uncertainPaid   = verdict{message: msgUnconfirmed, acquirer: "68", status: statusUncertain, settles: msgSuccess}
	uncertainFailed = verdict{message: msgUnconfirmed, acquirer: "68", status: statusUncertain, settles: msgDeclined}
	pendingPaid     = verdict{message: msgSuccess, acquirer: "09", status: statusPending, settles: msgSuccess}
	reviewBlocked   = verdict{message: msgReview, acquirer: "00", status: statusInReview, settles: msgFraud}
	noEnrolment     = verdict{message: msgAuthentication, acquirer: "", status: statusIncomplete}
	technical       = verdict{message: msgTechnical, status: statusInvalid}
	cancelled       = verdict{message: msgCancelled, status: statusInvalid}
)

// magicVerdicts are the simulator's own rule for accounts with magic amounts: the last two digits decide.
var magicVerdicts = map[string]verdict{
	"51": lacksFunds, "66": declined, "77": uncertainPaid, "19": pendingPaid, "40": reviewBlocked, "72": cancelled, "06": technical,
}

// testCard is one number the page accepts.
type testCard struct {
	Number    string
	Option    string
	CVV       string // the documented one; every number of the right length is accepted
	Challenge bool   // 3-D Secure asks the buyer
	verdict   verdict
	Says      [2]string // what happens, in English and Arabic
}

// testCards are the documented ones, then the simulator's own rules on test numbers that are widely published:
// the numbers of APS's own declined and uncertain cards are in no stored text.
var testCards = []testCard{
	{Number: "4005550000000001", Option: "VISA", CVV: "123", verdict: approved, Says: saysApproved},
	{Number: "5123456789012346", Option: "MASTERCARD", CVV: "123", verdict: approved, Says: saysApproved},
	{Number: "345678901234564", Option: "AMEX", CVV: "1234", verdict: approved, Says: saysApproved},
	{Number: "4557012345678902", Option: "VISA", CVV: "123", Challenge: true, verdict: approved, Says: saysChallenge},
	{Number: "5313581000123430", Option: "MASTERCARD", CVV: "123", Challenge: true, verdict: approved, Says: saysChallenge},
	{Number: "374200000000004", Option: "AMEX", CVV: "1234", Challenge: true, verdict: approved, Says: saysChallenge},
	{Number: "5297412542005689", Option: "MADA", CVV: "350", verdict: approved, Says: saysApproved},
	{Number: "9818950527886700002", Option: "MEEZA", CVV: "422", verdict: approved, Says: saysApproved},
	{Number: "5078036221028566", Option: "MEEZA", CVV: "143", verdict: approved, Says: saysApproved},
	{Number: "4000000000000002", Option: "VISA", CVV: "123", verdict: declined, Says: [2]string{"declined (13666)", "مرفوضة (13666)"}},
	{Number: "4000000000009995", Option: "VISA", CVV: "123", verdict: lacksFunds, Says: [2]string{"insufficient funds (13029)", "رصيد غير كاف (13029)"}},
	{Number: "4000000000003220", Option: "VISA", CVV: "123", Challenge: true, verdict: declined, Says: [2]string{"3-D Secure, then declined", "تحقق ثم رفض"}},
	{Number: "4000000000000119", Option: "VISA", CVV: "123", verdict: uncertainPaid, Says: [2]string{"uncertain (15777), paid later", "غير مؤكدة (15777) ثم ناجحة"}},
	{Number: "4000000000000259", Option: "VISA", CVV: "123", verdict: uncertainFailed, Says: [2]string{"uncertain (15777), declined later", "غير مؤكدة (15777) ثم مرفوضة"}},
}

var (
	saysApproved  = [2]string{"succeeds", "ناجحة"}
	saysChallenge = [2]string{"3-D Secure challenge", "تحقق ثلاثي الأبعاد"}
)

func findCard(number string) (testCard, bool) {
	i := slices.IndexFunc(testCards, func(c testCard) bool { return c.Number == number })
	if i < 0 {
		return testCard{}, false
	}
	return testCards[i], true
}

// fits says whether the command and currency allow the card.
func (c testCard) fits(command, currency string) bool {
	return paymentOptions[c.Option].fits(command, currency)
}

// masked keeps the first six and the last four digits.
func masked(number string) string {
	return number[:6] + strings.Repeat("*", len(number)-10) + number[len(number)-4:]
}

// decide is the verdict on an amount in minor units: the magic rule of the account, else the instrument's own.
func decide(a *Account, amount int64, own verdict) verdict {
	if a.MagicAmounts && own.status != statusIncomplete { // who failed 3-D Secure never reaches the acquirer
		if magic, ok := magicVerdicts[lastTwo(amount)]; ok {
			return magic
		}
	}
	return own
}

func lastTwo(amount int64) string {
	return string([]byte{byte('0' + amount/10%10), byte('0' + amount%10)})
}
