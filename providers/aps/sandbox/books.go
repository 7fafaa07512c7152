package sandbox

import (
	"fmt"
	"time"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// Effect kinds and who causes them, as the books name them.
const (
	effectAuthorize = "authorize"
	effectCapture   = "capture"
	effectRefund    = "refund"
	effectVoid      = "void"

	byPage       = "page"
	byAPI        = "api"
	byBackOffice = "backoffice"
	byProvider   = "provider"
)

// order is one merchant reference: its last try, and what was done with the money. Amounts are in minor units.
type order struct {
	account   *Account
	sent      map[string]string // the request of the last try, as echoed
	reference string
	command   string // PURCHASE or AUTHORIZATION
	currency  string
	amount    int64
	fortID    string // of the last try: each try has its own
	tries     int
	card      instrument
	by        string

	status string // of the last financially completed operation, or of the open one
	code   string
	open   verdict // the open try's, when status says it is open
	agreed string  // agreement_id

	authorized   int64
	captured     int64
	refunded     int64
	voided       int64
	authorizedAt time.Time
	authCode     string
	acquirer     string
	maintenance  map[string]bool // references of successful refunds
	effects      []simulator.Effect
}

// instrument is what a try was paid with; the number is kept masked only.
type instrument struct {
	option  string
	number  string // masked; empty for local options
	bin     string
	expiry  string // YYMM
	holder  string
	token   string
	verdict verdict
}

func (o *order) paid() bool        { return o.authorized > 0 }
func (o *order) isOpen() bool      { return o.open.settles != "" }
func (o *order) capturable() int64 { return o.authorized - o.captured - o.voided }

// done notes the outcome of a financially completed operation.
func (o *order) done(code string) { o.status, o.code = code[:2], code }

// book moves money.
func (o *order) book(kind string, amount int64, reference, by string, at time.Time) {
	switch kind {
	case effectAuthorize:
		o.authorized += amount
		o.authorizedAt = at
	case effectCapture:
		o.captured += amount
	case effectRefund:
		o.refunded += amount
	case effectVoid:
		o.voided += amount
	}
	o.effects = append(o.effects, simulator.Effect{Kind: kind, Amount: amount, Reference: reference, By: by, At: at.UTC()})
}

// token is a saved card of one merchant.
type token struct {
	name      string
	card      instrument
	agreement string
	active    bool
	created   time.Time
}

// books are all orders and saved cards.
type books struct {
	orders   map[string]*order // by merchant and reference
	byFortID map[string]*order
	tokens   map[string]*token // by merchant and name
	sequence []*order          // as they came
	issued   int               // fort ids
}

func newBooks() books {
	return books{orders: map[string]*order{}, byFortID: map[string]*order{}, tokens: map[string]*token{}}
}

func key(merchant, name string) string { return merchant + "/" + name }

// nextFortID is 18 digits: the moment in milliseconds, then a running number.
func (b *books) nextFortID(now time.Time) string {
	const thirteenDigits = 1_000_000_000_000
	b.issued++
	ms := now.UnixMilli()
	if ms < thirteenDigits {
		ms += thirteenDigits
	}
	return fmt.Sprintf("%013d%05d", ms, b.issued%100000)
}

// find looks an order up by reference, by fort id, or by both, which must agree, and brings it up to now.
func (b *books) find(merchant string, fields map[string]string, now time.Time) *order {
	reference, fortID := fields["merchant_reference"], fields["fort_id"]
	var o *order
	if reference != "" {
		o = b.orders[key(merchant, reference)]
	} else {
		o = b.byFortID[fortID]
	}
	if o == nil || o.account.MerchantIdentifier != merchant {
		return nil
	}
	if fortID != "" && b.byFortID[fortID] != o {
		return nil
	}
	o.lapse(now)
	return o
}

// begin opens the order of a reference, or its next try.
func (b *books) begin(a *Account, fields map[string]string, now time.Time) *order {
	k := key(a.MerchantIdentifier, fields["merchant_reference"])
	o := b.orders[k]
	if o == nil {
		o = &order{reference: fields["merchant_reference"], maintenance: map[string]bool{}}
		b.orders[k] = o
		b.sequence = append(b.sequence, o)
	}
	o.account, o.sent, o.command, o.currency = a, fields, fields["command"], fields["currency"]
	o.fortID = b.nextFortID(now)
	o.tries++
	b.byFortID[o.fortID] = o
	return o
}

// lapse voids what was authorized longer ago than the capture window and not captured.
func (o *order) lapse(now time.Time) {
	end := o.authorizedAt.Add(CaptureWindow)
	if o.capturable() > 0 && now.After(end) {
		o.book(effectVoid, o.capturable(), "", byProvider, end)
	}
}

func (b *books) list(now time.Time) simulator.Books {
	list := simulator.Books{Payments: []simulator.Payment{}}
	for _, o := range b.sequence {
		o.lapse(now)
		list.Payments = append(list.Payments, simulator.Payment{
			Reference: o.reference, ProviderReference: o.fortID, Currency: o.currency,
			Authorized: o.authorized, Captured: o.captured, Refunded: o.refunded, Voided: o.voided,
			Effects: append([]simulator.Effect{}, o.effects...),
		})
	}
	return list
}
