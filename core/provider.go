package core

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Provider is one configured account at a payment service provider. It translates: no storage, no goroutines,
// no retries, no decisions about status. Concurrent use is safe.
// The bytes of a request are a function of configuration, op and input alone (no clock, no random), so the same
// call made again after a crash sends the same bytes.
type Provider interface {
	Capabilities() Capabilities
	// Start begins an attempt and says what the buyer must do.
	Start(ctx context.Context, op Op, in StartInput) (Outcome, error)
	// ParseFeedback authenticates one inbound message, then tells the facts in it and the answer it expects.
	// It has no effect and may be called again for the same bytes. Errors: ErrUnauthenticated, Malformed, or an
	// Unavailable *Error when the message cannot be judged now.
	ParseFeedback(ctx context.Context, m Message) (Feedback, error)
}

// What else a provider can do is told by these interfaces, asked of it once when its account is opened.
type (
	// ReturnParser reads what a browser brought back. Everything in it is a Hint.
	ReturnParser interface {
		ParseReturn(ctx context.Context, r Return) (Feedback, error)
	}
	// Checker tells, before anything is stored or sent, why Start or ChargeMandate would refuse a request: an Invalid
	// *Error with code and pointer. It is pure; nil is no promise that the provider will take it.
	Checker interface {
		CheckStart(op Op, in StartInput) error
		CheckChargeMandate(op Op, in ChargeMandateInput) error
	}
	// SessionReader reads what the buyer chose so far, for review.
	SessionReader interface {
		ReadSession(ctx context.Context, in SessionInput) (Outcome, error)
	}
	// SessionUpdater changes amount or delivery of a session that the buyer has not confirmed.
	SessionUpdater interface {
		UpdateSession(ctx context.Context, op Op, in UpdateInput) (Outcome, error)
	}
	// Confirmer confirms a reviewed session.
	Confirmer interface {
		Confirm(ctx context.Context, op Op, in ConfirmInput) (Outcome, error)
	}
	// Completer finishes a session after the buyer's return.
	Completer interface {
		Complete(ctx context.Context, op Op, in CompleteInput) (Outcome, error)
	}
	// Authorizer makes one more reservation on what the buyer agreed to.
	Authorizer interface {
		Authorize(ctx context.Context, op Op, in AuthorizeInput) (Outcome, error)
	}
	// Capturer takes all or part of an authorized amount.
	// The zero Outcome means Unknown: the money may have moved. NotSent needs proof.
	Capturer interface {
		Capture(ctx context.Context, op Op, in CaptureInput) (Outcome, error)
	}
	// Voider releases what is authorized and not captured.
	Voider interface {
		Void(ctx context.Context, op Op, in VoidInput) (Outcome, error)
	}
	// Refunder gives back all or part of what was captured.
	Refunder interface {
		Refund(ctx context.Context, op Op, in RefundInput) (Outcome, error)
	}
	// Querier asks what the provider knows. It reads only; Snapshot.Found false proves nothing.
	Querier interface {
		Query(ctx context.Context, in QueryInput) (Snapshot, error)
	}
	// MandateStarter obtains a buyer's consent outside a purchase.
	MandateStarter interface {
		StartMandate(ctx context.Context, op Op, in MandateInput) (Outcome, error)
	}
	// MandateCharger charges a stored consent.
	MandateCharger interface {
		ChargeMandate(ctx context.Context, op Op, in ChargeMandateInput) (Outcome, error)
	}
	// MandateUpdater changes a stored consent; with Outcome.Next the buyer must act.
	MandateUpdater interface {
		UpdateMandate(ctx context.Context, op Op, in UpdateMandateInput) (Outcome, error)
	}
	// MandateCanceler ends a stored consent.
	MandateCanceler interface {
		CancelMandate(ctx context.Context, op Op, in CancelMandateInput) (Outcome, error)
	}
)

// OpKind is what an operation is for.
type OpKind string

// The kinds of operations.
const (
	OpStart         OpKind = "start"
	OpUpdate        OpKind = "update"
	OpConfirm       OpKind = "confirm"
	OpComplete      OpKind = "complete"
	OpAuthorize     OpKind = "authorize"
	OpCapture       OpKind = "capture"
	OpVoid          OpKind = "void"
	OpRefund        OpKind = "refund"
	OpStartMandate  OpKind = "start_mandate"
	OpChargeMandate OpKind = "charge_mandate"
	OpUpdateMandate OpKind = "update_mandate"
	OpCancelMandate OpKind = "cancel_mandate"
)

// Op is one call with effect, committed before it is made and never changed afterwards, but for Try.
type Op struct {
	ID        string
	Kind      OpKind
	Reference string // the attempt's own reference: the same for every operation of the attempt
	Key       string // this operation's own key: idempotency key, refund reference, reference of a second confirm
	Ordinal   int    // nth of its kind in the attempt, from 1; goes into Key
	Sequence  int64  // booking number: 1 + highest known on the authorization it touches; 0 on the first
	Amount    Money
	Baseline  Totals // counters of the attempt when the intent was committed
	Try       int    // 1, then 2, 3 … for the same op made again
	CreatedAt time.Time
	Deadline  time.Time
}

// Totals are counters of one attempt, in minor units.
type Totals struct{ Authorized, Captured, Refunded int64 }

// Result is how a call with effect ended.
type Result uint8

// The results. An adapter that forgets to say produces doubt, never a false verdict.
const (
	// Unknown: it may have happened.
	Unknown Result = iota
	// NotSent: proved that no byte of the request left.
	NotSent
	// Pending: the provider has accepted it and nobody else is needed; the money is open.
	Pending
	// Declined: refused. It closes the operation; only facts end an attempt.
	Declined
	// Succeeded: the call did what it is for; what happened to money is told by facts alone.
	Succeeded
)

func (r Result) String() string {
	return [...]string{"unknown", "not_sent", "pending", "declined", "succeeded"}[r]
}

// Outcome is what the answer of a call with effect says.
type Outcome struct {
	Result  Result
	Facts   []Fact
	Next    *NextAction // beside Declined: the attempt goes on, the buyer chooses again
	Refs    Refs        // ids that identify the attempt at the provider, looked up by feedback; unique in an account
	Memo    Refs        // things to hand back on later calls, never looked up
	Review  *Review
	Display string // the instrument as a buyer knows it, such as "VISA ••8902"
	Echo    Echo   // what the answer itself said; core compares only what is there
	Failure *Failure
}

// Echo is what an answer repeats of the request. Core compares what is there; a difference makes the outcome unknown.
type Echo struct {
	Reference string
	Amount    *Money
}

// Refs are named values of a provider. Names are the provider's business.
type Refs map[string]string

// Failure says why something was refused, in our words and the provider's.
type Failure struct {
	Category        string `json:"category"`
	RetryAdvice     string `json:"retry_advice"`
	ProviderCode    string `json:"provider_code"`
	ProviderMessage string `json:"provider_message"`
}

// Categories of a Failure.
const (
	FailureDeclinedSoft    = "issuer_declined_soft"
	FailureDeclinedHard    = "issuer_declined_hard"
	FailureFunds           = "insufficient_funds"
	FailureAuthentication  = "authentication_failed"
	FailureInstrument      = "instrument_invalid"
	FailureFraud           = "fraud_suspected"
	FailureLimit           = "limit_exceeded"
	FailureRejected        = "provider_rejected"
	FailureDeclaredTimeout = "provider_timeout_declared"
	FailureBuyerCanceled   = "buyer_canceled"
	FailureBuyerAbandoned  = "buyer_abandoned"
	FailureExpired         = "expired"
	FailureConfiguration   = "configuration"
	FailureDuplicate       = "duplicate_reference"
	RetryNever             = "never"
	RetryAfterBuyerAction  = "after_buyer_action"
	RetrySameProvider      = "same_provider"
	RetryOtherProvider     = "other_provider"
	RetryLater             = "later"
)

// ObjectKind is the kind of an object at a provider.
type ObjectKind uint8

// The kinds of objects.
const (
	ObjAuthorization ObjectKind = iota + 1
	ObjCapture
	ObjRefund
	ObjAgreement
	ObjSession
)

// ObjectState is where an object at a provider stands.
type ObjectState uint8

// The states of an object.
const (
	StateNone ObjectState = iota
	StatePending
	StateDeclined
	StateDone
)

// Object is one thing at the provider that has its own id.
type Object struct {
	Kind  ObjectKind
	ID    string
	State ObjectState
	Open  int64 // authorization: what may still be captured; capture: what may still be refunded; minor units
}

// Known is what core remembers of an attempt or a mandate and hands to every call after Start.
type Known struct {
	Reference string // the attempt's own reference
	Amount    Money  // the amount of the attempt
	Refs      Refs
	Memo      Refs
	Method    Method
	Objects   []Object
}

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
	KeepAgreement bool // the agreement is a mandate or will be charged again: cancel the charge only
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
}

// Snapshot is what a query found. Found false proves nothing.
type Snapshot struct {
	Found   bool
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
	Save    Save
	Method  Method
	Buyer   Buyer
	Returns ReturnURLs
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
}

// ChangeAction lets the buyer change one thing of a review.
type ChangeAction struct {
	What      string `json:"what"`
	ScriptURL string `json:"script_url"`
	SessionID string `json:"session_id"`
}

// Then is what core does when the buyer is back; told by the action, not guessed from interfaces.
type Then string

// What follows a return.
const (
	ThenAwait    Then = "await"    // feedback is the evidence
	ThenQuery    Then = "query"    // ask
	ThenRead     Then = "read"     // ReadSession, then requires_confirmation
	ThenComplete Then = "complete" // Complete
	ThenConfirm  Then = "confirm"  // the browser brought what Confirm needs
)

// Types of a NextAction.
const (
	NextRedirect     = "redirect_to_url"
	NextPostForm     = "post_form"
	NextWidget       = "render_widget"
	NextInstructions = "show_instructions"
	NextAwait        = "await_result"
	NextNone         = "none"
)

// NextAction is what the buyer must do.
type NextAction struct {
	Type      string       `json:"type"`
	Then      Then         `json:"then"`
	URL       string       `json:"url,omitempty"`
	Method    string       `json:"method,omitempty"`
	Fields    [][2]string  `json:"fields,omitempty"` // name, value; in the order to be sent
	Widget    *Widget      `json:"widget,omitempty"`
	Bank      *BankDetails `json:"bank,omitempty"`
	Accepts   []string     `json:"accepts,omitempty"` // names the browser may bring back
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	Resumable bool         `json:"resumable,omitempty"` // may be performed again after the buyer came back without a result
}

// Widget is a provider's script element.
type Widget struct {
	SDK       string         `json:"sdk"` // amazon_pay, amazon_pay_v1, payone_fields
	ScriptURL string         `json:"script_url"`
	Config    map[string]any `json:"config"`
}

// BankDetails say where the buyer transfers money to.
type BankDetails struct {
	Holder    string    `json:"holder"`
	IBAN      string    `json:"iban"`
	BIC       string    `json:"bic"`
	Bank      string    `json:"bank"`
	Reference string    `json:"reference"`
	Due       time.Time `json:"due,omitzero"`
}

// Message is one inbound HTTP message of a provider, body unread by anybody else.
type Message struct {
	Method     string
	URL        *url.URL
	Header     http.Header
	Body       []byte
	RemoteAddr string
	ReceivedAt time.Time
}

// Return is what the buyer's browser brought back to one of our own return addresses.
type Return struct {
	Step   string // review, result, success, error, back: from our own URL
	Method string
	Values url.Values // of the body for POST, of the query for GET
	Known  Known
}

// Ack is the answer a provider expects.
type Ack struct {
	Status            int
	ContentType, Body string
}

// Feedback is what an authentic message says.
type Feedback struct {
	Facts     []Fact
	Refs      Refs   // tried one by one; strongest first is the provider's own id
	Reference string // the attempt's own reference, if the message names it
	Memo      Refs
	Display   string
	Failure   *Failure
	Echo      Echo // only where the message is about the attempt as a whole, not about a part of its money
	DedupeKey string
	Ack       Ack
	Read      []Object // not empty: read these and apply what the answer proves
	Shown     string   // the message without secrets and buyer data, for people
	Note      string   // why nothing is believed, for the inbox: unknown code, missing field, ambiguous parameters
}

// ResumeRule says how an operation of unknown outcome is brought to an end.
type ResumeRule uint8

// The resume rules.
const (
	ResumeAwait       ResumeRule = iota // never sent again: feedback or an operator decides
	ResumeSameKey                       // same bytes, same key, any time
	ResumeSameRef                       // same bytes; "exists already" means await
	ResumeTotals                        // query, compare with Op.Baseline: +amount done; equal twice, a gap apart: send again
	ResumeTotalsWhole                   // the same, but sent again only when it takes all that is left, so that a late first is in its way
	ResumeReread                        // the query decides
)

// MethodCaps is what an account can do with one method and flow.
type MethodCaps struct {
	Method            Method
	Options           []string // schemes, as paymux names them; empty: not chosen by the merchant
	Currencies        []string // empty: every currency of ISO 4217; the contract with the provider decides
	Countries         []string // of the buyer; empty: all
	Max               int64    // minor units; 0: none
	Captures          []CaptureMode
	Business          bool
	Review, Update    bool
	Save              []SaveKind
	OffSession        []CaptureMode
	NextActions       []string
	CapturesPerAuth   int // 0: many
	Reauthorize       bool
	VoidAfterCapture  bool // false: `final` gives up the rest here and the hold lapses there
	VoidBestEffort    bool
	PartialRefund     bool
	RetriesOnPage     bool // a decline does not end the attempt while the buyer is on the page
	FeedbackFirst     bool // no capture, void or refund before the first feedback was acknowledged
	SessionLife       time.Duration
	AuthorizationLife time.Duration
}

// Capabilities are what an account can do, as data: for routing, for the API, for the README. What can be called
// is told by the interfaces; both are checked against each other when the account is opened.
type Capabilities struct {
	Methods      []MethodCaps
	Resume       map[OpKind]ResumeRule
	ResumeGap    time.Duration
	ReferenceLen int // of Op.Reference and Op.Key; characters A–Z and 2–7
	Serial       bool
	Feedback     FeedbackCaps
}

// FeedbackCaps are the guarantees of a provider's feedback.
type FeedbackCaps struct {
	RetriesFor time.Duration
	Signed     bool
}
