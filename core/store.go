package core

import (
	"context"
	"encoding/json"
	"time"
)

// Store keeps everything. Reads see committed rows only; every write goes through Do.
type Store interface {
	Reader
	// Do runs fn in a transaction together with other jobs that are waiting, each behind its own savepoint, and
	// returns after the commit. fn touches only rows of subject (a payment, a key, a feedback), does no other I/O
	// and may be run twice. An error of fn undoes fn alone and comes back as it is. A caller that gives up does not
	// cancel the batch. An error of the commit itself leaves open whether it happened: it comes back as an Internal
	// *Error with Code commit_unknown, and the caller reads again by its own key.
	Do(ctx context.Context, subject string, fn func(Tx) error) error
	// Ready proves that a row can be written now.
	Ready(ctx context.Context) error
	// Room is Unavailable with code storage_low while new payments would take the room that what they lead to needs:
	// feedback and results. It is cheap, and nil where that cannot be known.
	Room() error
	Close() error
}

// Reader reads. What does not exist, or belongs to another merchant, is a NotFound *Error.
type Reader interface {
	// Payment loads a payment with its attempts, operations and facts; inside Do it locks the payment's row.
	// An empty merchant is for the program itself (feedback, sweep), never for a caller.
	Payment(ctx context.Context, merchant, id string) (*Payment, error)
	// Payments lists payments of a merchant, newest first, each as whole as Payment loads it.
	Payments(ctx context.Context, merchant string, q PaymentQuery) ([]*Payment, error)
	// PaymentID is the id of the merchant's payment with this merchant reference.
	PaymentID(ctx context.Context, merchant, reference string) (string, error)
	// Locate finds the attempt of account that one of refs identifies, tried in their order.
	Locate(ctx context.Context, account string, refs []Ref) (Place, error)
	// OpenPayments lists, by rising id after the given one, payments that their provider may still change.
	OpenPayments(ctx context.Context, after string, limit int) ([]string, error)
	// ChangedPayments lists payments changed at since, with a greater id than after, or later: the longest unchanged first.
	ChangedPayments(ctx context.Context, since time.Time, after string, limit int) ([]Changed, error)

	// NextWork is when the earliest work of these kinds is due, zero when there is none.
	NextWork(ctx context.Context, kinds []WorkKind) (time.Time, error)
	// LastBeat is when somebody last noted that he lives, zero when nobody ever did.
	LastBeat(ctx context.Context) (time.Time, error)

	// Evidence lists what is stored about a payment, oldest first.
	Evidence(ctx context.Context, paymentID string) ([]Evidence, error)
	Event(ctx context.Context, merchant, id string) (Event, error)
	Events(ctx context.Context, merchant string, q EventQuery) ([]Event, error)

	// Mandate is a mandate; an empty merchant is for the program itself, never for a caller.
	Mandate(ctx context.Context, merchant, id string) (*Mandate, error)
	// Mandates lists a merchant's mandates, newest first, in one status unless it is empty.
	Mandates(ctx context.Context, merchant string, status MandateStatus, p Page) ([]*Mandate, error)

	// WebhookEndpoint is an endpoint; an empty merchant is for the program itself, never for a caller.
	WebhookEndpoint(ctx context.Context, merchant, id string) (*WebhookEndpoint, error)
	// WebhookEndpoints lists a merchant's endpoints, newest first.
	WebhookEndpoints(ctx context.Context, merchant string, p Page) ([]*WebhookEndpoint, error)
	// Delivery is one delivery without its tries, for the program itself.
	Delivery(ctx context.Context, id string) (*Delivery, error)
	// Deliveries lists deliveries of a merchant, newest first, with their tries.
	Deliveries(ctx context.Context, merchant string, q DeliveryQuery) ([]*Delivery, error)
	// Tries lists the tries of a payment's events without what was answered, those of the latest event first.
	Tries(ctx context.Context, paymentID string, limit int) ([]EventTry, error)
	// EventsAfter lists a merchant's events created from a time to another, the oldest first, after the one with this
	// id at from; empty: from the first one at from.
	EventsAfter(ctx context.Context, merchant string, q EventSpan) ([]Event, error)

	// Feedback is one item of the inbox; an empty merchant is for operators and the program.
	Feedback(ctx context.Context, merchant, id string) (*InboxItem, error)
	Inbox(ctx context.Context, q InboxQuery) ([]*InboxItem, error)

	Idempotent(ctx context.Context, scope IdempotencyScope) (*IdempotencyRecord, error)
	// APIKey finds a key by the public part of its text.
	APIKey(ctx context.Context, id string) (APIKey, error)
	APIKeys(ctx context.Context) ([]APIKey, error)
	// AccountRow is what is kept about a configured account.
	AccountRow(ctx context.Context, name string) (AccountRow, error)
}

// Tx is one job of the write queue.
type Tx interface {
	Reader
	// Write stores a change of a payment. It is a Conflict with code version_conflict when the payment was changed
	// since it was loaded, reference_exists when the merchant reference or a capture's or refund's is taken, and
	// amount_exceeds_remaining (Invalid) when less is left than the change reserves.
	Write(c *Change) error

	// Plan writes work, or sets DueAt and Tries of what stands there and ends its lease; its fence stays. With a zero
	// DueAt it removes it, whoever has it.
	Plan(w Work) error
	// Soon writes work that is due at at, or makes that earlier which is due later.
	Soon(kind WorkKind, subject string, at time.Time) error
	// Grab plans w as taken by the caller until w.DueAt, and returns it with its fence.
	Grab(w Work) (Work, error)
	// Take takes work of a kind that is due, the longest due first, until a time. Work whose last lease nobody ended
	// counts as Failed once more, and from the fourth time on is taken for twice as long each time: processes die, but not
	// so often over the same. On a database that is shared it skips what another instance is looking at.
	Take(kind WorkKind, due, until time.Time, limit int) ([]Work, error)
	// Again ends a lease and has the work due at w.DueAt after w.Tries, with w.Failed; Done removes it. Both are a Conflict with code
	// lease_lost when its fence is another by now.
	Again(w Work) error
	Done(w Work) error
	// Renew prolongs the leases of works that are still held under their fence.
	Renew(works []Work, until time.Time) error
	// Restart ends every lease and makes all that is to be asked due at at: there is nobody else.
	Restart(at time.Time) error
	// Beat notes that somebody lives.
	Beat(at time.Time) error
	// Claim inserts r, or returns what stands there already.
	Claim(r *IdempotencyRecord) (existing *IdempotencyRecord, err error)
	// Finish stores the answer of a claimed record. A final answer that is there already stays, and r becomes what is
	// there: whoever was faster has answered.
	Finish(r *IdempotencyRecord) error
	// Release forgets a claim whose operation was proved not to have happened.
	Release(scope IdempotencyScope) error
	// Forget deletes up to most records claimed until a time whose operation is decided, the oldest first. It returns how
	// many those were, and when the oldest that is left was claimed; zero: none is.
	Forget(until time.Time, most int) (forgotten int, oldest time.Time, err error)
	// Receive inserts an item of the inbox; false when the account has one with this dedupe key.
	Receive(item *InboxItem) (inserted bool, err error)
	// SaveInbox updates state, place, tries and note of an item.
	SaveInbox(item *InboxItem) error
	// Translate stores what an item says to its adapter as it is now.
	Translate(id string, said json.RawMessage) error
	// Park notes by which references of account an unmatched item may be found, instead of those noted before.
	Park(id, account string, refs []Ref) error
	// Unpark makes the unmatched items that one of refs may match due at at, and tells how many.
	Unpark(refs []RefOf, at time.Time) (int, error)
	// WriteMandate inserts a mandate with Version 0, else updates it by its version.
	WriteMandate(m *Mandate) error
	// InsertWebhookEndpoint stores a new endpoint of a merchant who has fewer than most: a Conflict with code
	// limit_reached otherwise. One whose address the merchant has already is Invalid with code url_invalid, and Object
	// names that one.
	InsertWebhookEndpoint(e *WebhookEndpoint, most int) error
	// UpdateWebhookEndpoint stores a change of an endpoint whose Version is one higher than the stored one: a Conflict
	// with code version_conflict otherwise. A taken address is url_invalid as above.
	UpdateWebhookEndpoint(e *WebhookEndpoint) error
	DeleteWebhookEndpoint(merchant, id string) error
	// MarkEndpoint notes since when an endpoint does nothing but fail, the earliest time that was told; zero: it works.
	// Nothing is noted when it has another address than e by now.
	MarkEndpoint(e *WebhookEndpoint, failingSince time.Time) error
	// DisableEndpoint disables an endpoint that is enabled at the address of e; false when it was not.
	DisableEndpoint(e *WebhookEndpoint, reason string, at time.Time) (bool, error)
	// Tell stores an event that is about no payment; false when there is one with its id.
	Tell(e Event) (told bool, err error)
	// InsertDeliveries stores new deliveries. An event that is on its way to an endpoint already is an error.
	InsertDeliveries(list []*Delivery) error
	// Redeliver makes the delivery of d's event to d's endpoint due at d.NextAt as if for the first time, or inserts d;
	// it returns the id of the one there is.
	Redeliver(d *Delivery) (id string, err error)
	// SaveDelivery stores state, Failure and NextAt of a delivery, and with a try that try as well, which gets its Number;
	// d is as it was read, but for these. Of one that was asked for again or ended since it was read, only the try is
	// stored, as one of those before: false.
	SaveDelivery(d *Delivery, try *DeliveryTry) (current bool, err error)
	InsertAPIKey(k APIKey) error
	RevokeAPIKey(id string, at time.Time) error
	// TouchAPIKeys stores when keys were last used.
	TouchAPIKeys(used map[string]time.Time) error
	InsertMerchant(id string, at time.Time) error // does nothing when it exists
	InsertAccount(a AccountRow) error             // does nothing when it exists
}

// Change is everything one transaction stores about a payment, computed by comparing it with what was loaded.
type Change struct {
	Payment        *Payment // with Version already raised by one
	New            bool     // insert it; else update it where the version is one lower
	ReserveCapture int64    // the change needs so much to be capturable before it, in minor units
	ReserveRefund  int64    // the change needs so much to be refundable before it
	NewAttempts    []*Attempt
	Attempts       []*Attempt // changed
	NewOperations  []*Operation
	Operations     []*Operation // changed
	Facts          []Entry
	Evidence       []Evidence
	Refs           []RefOf // new lookups; one that exists for the same attempt is skipped, for another it is an error
	Events         []Event
}

// Ref is one value that identifies an attempt at a provider.
type Ref struct{ Kind, Value string }

// RefOf ties a Ref to an attempt of an account.
type RefOf struct {
	Account string
	Ref
	Place
}

// Place is where something belongs.
type Place struct{ MerchantID, PaymentID, AttemptID string }

// Changed is a payment and when it was changed last.
type Changed struct {
	ID string
	At time.Time
}

// Page asks for part of a list, newest first.
type Page struct {
	Limit  int    // one more than is shown tells whether there is more
	Before string // id of the last one seen
}

// PaymentQuery filters payments.
type PaymentQuery struct {
	Page
	Status    Status
	Reference string
	Account   string
	Review    *bool     // needs review, or does not; nil: either
	From, To  time.Time // of creation; zero: open
}

// EventQuery filters events.
type EventQuery struct {
	Page
	Payment  string
	Type     string
	From, To time.Time // of its creation; zero: open
}

// EventSpan asks for events of a time, the oldest first.
type EventSpan struct {
	From, To time.Time // both included
	After    string    // id of the last one seen at From; empty: none
	Types    []string  // none: all
	Limit    int
}

// InboxQuery filters the inbox.
type InboxQuery struct {
	Page
	Merchant string // empty: all, and unmatched ones
	Payment  string
	Account  string
	State    InboxState
	From, To time.Time // of reception: at From or later, before To; zero: open
	Oldest   bool      // the longest received first
}

// Bounds are the ids between which those of the items received in the time of q are; empty: open.
func (q InboxQuery) Bounds() (from, before string) {
	return firstID(prefixFeedback, q.From), firstID(prefixFeedback, q.To)
}

// EvidenceKind is where evidence comes from.
type EvidenceKind string

// The kinds of evidence.
const (
	EvidenceCall     EvidenceKind = "api_call"
	EvidenceAnswer   EvidenceKind = "provider_call" // of a call with effect
	EvidenceQuery    EvidenceKind = "provider_query"
	EvidenceFeedback EvidenceKind = "feedback"
	EvidenceReturn   EvidenceKind = "return"
	EvidenceOperator EvidenceKind = "operator" // what an operator attested, and where he saw it
)

// Evidence is what facts rest on: redacted bytes exchanged with a provider, a feedback, a return, a merchant's call, an
// operator's word.
// It is inserted and never changed.
type Evidence struct {
	ID          string
	PaymentID   string
	AttemptID   string
	OperationID string
	FeedbackID  string
	Kind        EvidenceKind
	Title       string
	Detail      json.RawMessage
	CreatedAt   time.Time
}

// Event is what a merchant is told. Body is what he gets, letter by letter, but for the client token (Links.Told).
type Event struct {
	ID         string
	MerchantID string
	PaymentID  string // empty when it is about none
	Sequence   int64  // per payment, without gap; 0 without one
	Type       string
	Body       []byte
	CreatedAt  time.Time
}

// InboxState is where an item of the inbox stands.
type InboxState string

// The states of an inbox item.
const (
	InboxReceived  InboxState = "received"
	InboxApplied   InboxState = "applied"
	InboxUnmatched InboxState = "unmatched"
	InboxDead      InboxState = "dead"
)

// InboxItem is one authentic feedback, raw and understood.
type InboxItem struct {
	ID          string
	Account     string
	DedupeKey   string
	ContentType string
	Raw         []byte          // as it came, but for card numbers
	Masked      int             // how many card numbers were masked in Raw, which its signature no longer covers then
	Feedback    json.RawMessage // the Feedback as the provider translated it
	State       InboxState
	Note        string
	Place       Place
	Tries       int
	ReceivedAt  time.Time
	AppliedAt   time.Time
}

// IdempotencyScope is what an Idempotency-Key is unique in.
type IdempotencyScope struct{ MerchantID, Route, Key string }

// IdempotencyRecord is the claim of a key, and later the answer that was given.
type IdempotencyRecord struct {
	IdempotencyScope
	Fingerprint string
	PaymentID   string
	OperationID string
	Done        bool
	LeaseUntil  time.Time
	Answer      Answer
	CreatedAt   time.Time
}

// AccountRow is what is kept about a configured account: the salt of its references never changes.
type AccountRow struct {
	Name      string
	Provider  string
	Salt      []byte
	CreatedAt time.Time
}

// Scope is what an API key may do.
type Scope string

// The scopes.
const (
	ScopeMerchant Scope = "merchant"
	ScopeOperator Scope = "operator"
	ScopeRead     Scope = "read"
)

// APIKey is a merchant's key: ID is the public part of its text, Hash the SHA-256 of the whole text.
type APIKey struct {
	ID         string
	MerchantID string
	Scope      Scope
	Hash       []byte
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  time.Time
	LastUsedAt time.Time
}

// Answer is what a request was answered with: the status, the kind of resource and the resource as it was.
// The API renders it, first time and replay, with the same function.
type Answer struct {
	Status   int
	Kind     string // payment, capture, refund, mandate
	Snapshot json.RawMessage
	Replayed bool
}
