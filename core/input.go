package core

import (
	"regexp"
	"time"
)

// Method is how the buyer pays.
type Method struct {
	Type    string `json:"type"`              // amazon_pay, card, wallet, paypal, sepa_debit, bank_redirect, invoice, prepayment, any
	Flow    string `json:"flow,omitempty"`    // express, pay_now, hosted, widgets
	Product string `json:"product,omitempty"` // pay_and_ship, pay_only, sign_in
	Option  string `json:"option,omitempty"`  // the scheme as paymux names it: visa, mada, knet, stc_pay, …
}

// CaptureMode says when authorized money is taken.
type CaptureMode string

// The capture modes.
const (
	CaptureAutomatic CaptureMode = "automatic"
	CaptureManual    CaptureMode = "manual"
)

// Address is a postal address.
type Address struct {
	Name       string `json:"name,omitempty"`
	FirstName  string `json:"first_name,omitempty"`
	LastName   string `json:"last_name,omitempty"`
	Company    string `json:"company,omitempty"`
	Line1      string `json:"line1,omitempty"`
	Line2      string `json:"line2,omitempty"`
	Line3      string `json:"line3,omitempty"`
	City       string `json:"city,omitempty"`
	District   string `json:"district,omitempty"`
	State      string `json:"state,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	Phone      string `json:"phone,omitempty"`
}

// Buyer is who pays.
type Buyer struct {
	ID        string   `json:"id,omitempty"`
	Email     string   `json:"email,omitempty"`
	FirstName string   `json:"first_name,omitempty"`
	LastName  string   `json:"last_name,omitempty"`
	Company   string   `json:"company,omitempty"`
	Phone     string   `json:"phone,omitempty"`
	Locale    string   `json:"locale,omitempty"`
	Country   string   `json:"country,omitempty"`
	IP        string   `json:"ip,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
	Business  bool     `json:"business,omitempty"`
	Billing   *Address `json:"billing,omitempty"`
	Shipping  *Address `json:"shipping,omitempty"`
}

// LineItem is one position of the order; UnitAmount is in minor units of the payment's currency.
type LineItem struct {
	ID             string `json:"id,omitempty"`
	Name           string `json:"name"`
	Kind           string `json:"kind,omitempty"`
	Quantity       int64  `json:"quantity"`
	UnitAmount     int64  `json:"unit_amount"`
	TaxBasisPoints int64  `json:"tax_basis_points,omitempty"`
}

// ReturnURLs are our own, one per leg, each with the attempt's token; the leg comes back in Return.Step.
type ReturnURLs struct{ Review, Result, Success, Error, Cancel string }

// Save asks for a stored consent beside the payment.
type Save struct {
	Kind      SaveKind   `json:"kind,omitempty"`
	Recurring *Recurring `json:"recurring,omitempty"` // with SaveRecurring
}

// SaveKind is what a stored consent may be used for.
type SaveKind string

// The kinds of consent.
const (
	SaveNone        SaveKind = ""
	SaveRecurring   SaveKind = "recurring"
	SaveUnscheduled SaveKind = "unscheduled"
)

// Recurring is the plan the buyer agrees to.
type Recurring struct {
	Unit     string    `json:"unit"` // day, week, month, year, variable
	Interval int       `json:"interval"`
	Amount   *Money    `json:"amount,omitempty"` // nil: varies
	Count    int       `json:"count,omitempty"`  // 0: open end
	Until    time.Time `json:"until,omitzero"`
}

// DeliveryRules restrict the addresses a wallet offers.
type DeliveryRules struct {
	NoPOBoxes, NoPackstations bool
	Allow, Deny               []Region
}

func (d DeliveryRules) empty() bool {
	return !d.NoPOBoxes && !d.NoPackstations && len(d.Allow)+len(d.Deny) == 0
}

// Region is a part of a country.
type Region struct {
	Country             string
	States, PostalCodes []string
}

// Order is what the merchant asked for. Amount is the whole order; Authorize the part to reserve now
// (zero Minor with Agreement true: reserve nothing, only obtain the buyer's agreement).
type Order struct {
	MerchantReference string // for the books and the buyer's statement, never an identity
	Amount, Authorize Money
	Capture           CaptureMode
	AllowPending      bool
	Buyer             Buyer
	Items             []LineItem
	Description       string
	Statement         string
	Channel           string
	Save              Save
	Returns           ReturnURLs
}

// StartInput begins an attempt.
type StartInput struct {
	Order
	Method   Method
	Token    string // instrument chosen in the browser, or a stored token to be shown on the hosted page
	Delivery DeliveryRules
}

// SessionInput reads a session.
type SessionInput struct {
	Known
}

// UpdateInput changes a session.
type UpdateInput struct {
	Known Known
	Order
}

// ConfirmInput confirms a session as it was shown to the merchant.
type ConfirmInput struct {
	Known Known
	Order
	Review *Review
}

// CompleteInput finishes a session. SetupOnly: a mandate without a charge.
type CompleteInput struct {
	Known Known
	Order
	SetupOnly bool
}

// AuthorizeInput reserves once more on the buyer's agreement.
type AuthorizeInput struct {
	Known
	AllowPending bool
	Returns      ReturnURLs
}

// CaptureInput takes money. Authorization is the object to capture; empty: charge the agreement directly.
type CaptureInput struct {
	Known
	Authorization string
	Final         bool // nothing more will be captured
	Statement     string
}

// VoidInput releases money. Authorization empty: all of the attempt; with nothing authorized: abandon the session.
type VoidInput struct {
	Known
	Authorization string
	KeepAgreement bool // the agreement is a mandate or will be charged again: the order alone ends
	Reason        string
}

// RefundInput gives money back from Capture, which core chooses so that it covers op.Amount.
type RefundInput struct {
	Known
	Capture string
	Reason  string
}

// QueryInput asks about Focus, or about everything known when it is zero.
type QueryInput struct {
	Known
	Focus Object
	Buyer bool // tell about the buyer as well, in Snapshot.Review
}

// SessionState is where a checkout session stands that needs Complete.
type SessionState string

// The states of a session. What ended it, or came of it, is told by facts.
const (
	// SessionOpen: it was not completed, and whether the buyer has agreed to it the provider does not tell.
	SessionOpen SessionState = "open"
	// SessionAgreed: the buyer has agreed to it at the provider, it was not completed, and nothing but Complete is missing.
	SessionAgreed SessionState = "agreed"
)

// Snapshot is what a query found. Found false proves nothing.
type Snapshot struct {
	Found   bool
	Session SessionState // empty: the provider has no sessions, or tells nothing of this one
	Facts   []Fact
	Refs    Refs
	Memo    Refs
	Display string
	Echo    Echo
	Review  *Review
	Failure *Failure
}

// MandateInput asks for a stored consent outside a purchase.
type MandateInput struct {
	MerchantReference string // for the books and the buyer, never an identity
	Description       string
	Save              Save
	Method            Method
	Buyer             Buyer
	Returns           ReturnURLs
}

// ChargeMandateInput charges a stored consent.
type ChargeMandateInput struct {
	Mandate  Known
	SaveKind SaveKind
	Order
	BuyerPresent bool
}

// UpdateMandateInput changes a stored consent.
type UpdateMandateInput struct {
	Mandate   Known
	Recurring *Recurring
	Returns   ReturnURLs // set: let the buyer change the instrument
}

// CancelMandateInput ends a stored consent.
type CancelMandateInput struct {
	Mandate Known
	Reason  string
}

// Review is what the buyer chose at the provider, shown to the merchant before the payment is confirmed.
type Review struct {
	Buyer         Buyer          `json:"buyer"`
	Instrument    string         `json:"instrument"`
	ChangeActions []ChangeAction `json:"change_actions"`
	Constraints   []string       `json:"constraints"`
	Fingerprint   string         `json:"fingerprint"` // of the delivery address, compared before Confirm
	ReadAt        time.Time      `json:"read_at"`     // when core learned it in this form; adapters leave it zero
}

// ChangeAction lets the buyer change one thing of a review.
type ChangeAction struct {
	What      string `json:"what"`
	ScriptURL string `json:"script_url"`
	SessionID string `json:"session_id"`
}

var referencePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// validate checks what only core can know; the shape was checked before.
func (c *Checkout) validate(m *Merchant, in *NewPayment) error {
	if in.Order.Capture == "" {
		in.Order.Capture = CaptureAutomatic
	}
	if in.Order.Method.Type == "" {
		in.Order.Method.Type = "any"
	}
	if !referencePattern.MatchString(in.Reference) {
		return invalid("reference_invalid", "/merchant_reference", "a reference is 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	if in.Amount.Minor <= 0 {
		return invalid("amount_invalid", "/amount", "the amount is a positive number of minor units")
	}
	if part := in.Order.Authorize; part != nil && *part != in.Amount.Minor && in.Order.Capture != CaptureManual {
		return invalid("amount_invalid", "/authorize_amount", "less than the amount can only be authorized with capture_method manual")
	}
	if _, ok := Exponent(in.Amount.Currency); !ok {
		return invalid("currency_invalid", "/currency", "the currency is an ISO 4217 code")
	}
	for _, u := range []struct{ pointer, url string }{{"/return_url", in.Order.ReturnURL}, {"/cancel_url", in.Order.CancelURL}, {"/review_url", in.Order.ReviewURL}} {
		if u.url == "" && (u.pointer != "/return_url" || in.Order.OffSession) {
			continue
		}
		if err := checkReturnURL(u.url, m.ReturnHosts, c.live); err != nil {
			err.Pointer = u.pointer
			return err
		}
	}
	return nil
}
