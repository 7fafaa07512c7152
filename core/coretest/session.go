package coretest

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/paymux/paymux/core"
)

// Sessions is a scripted provider with checkout sessions: the buyer opens one in the browser from what Start gives out, is
// back with its id, is shown what he chose, agrees at the provider and is back again; Complete goes through with it. It
// believes no id but that of a session that was opened for the attempt. Its books say what it sold.
type Sessions struct {
	*Provider
	Now       bool // without a review: the buyer agrees at once, and the result leg follows
	OnRead    func(core.SessionInput) (core.Outcome, error)
	OnUpdate  func(core.Op, core.UpdateInput) (core.Outcome, error)
	OnConfirm func(core.Op, core.ConfirmInput) (core.Outcome, error)
	OnFinish  func(core.Op, core.CompleteInput) (core.Outcome, error)

	mu   sync.Mutex
	open map[string]*Session // by id
}

// Session is one checkout session, by the provider's books.
type Session struct {
	ID        string
	Reference string // of the attempt it was opened for
	Review    core.Review
	Amount    core.Money // as last told
	Sent      bool       // the buyer may be sent to agree
	Agreed    bool
	Canceled  bool
	Sold      int // how often it was gone through with; more than once is a loss
}

// RefSession is the name of a session's id.
const RefSession = "session"

// NewSessions claims a wallet with review, changes of the order, and agreements that are charged in parts.
func NewSessions() *Sessions {
	s := &Sessions{Provider: NewProvider(), open: map[string]*Session{}}
	s.Caps.Resume = map[core.OpKind]core.ResumeRule{core.OpStart: core.ResumeSameKey, core.OpUpdate: core.ResumeSameKey, core.OpConfirm: core.ResumeSameKey,
		core.OpComplete: core.ResumeReread, core.OpCapture: core.ResumeSameKey, core.OpRefund: core.ResumeSameKey, core.OpVoid: core.ResumeSameKey}
	s.Caps.Methods = []core.MethodCaps{{Method: core.Method{Type: "wallet"}, Captures: []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual}, Review: true,
		Update: true, UpdateShipping: true, Agreement: true, Delivery: true, CapturesPerAuth: 1, PartialRefund: true, RefundPerCapture: true, VoidAfterCapture: true,
		SessionLife: 24 * time.Hour, NextActions: []string{core.NextWidget, core.NextRedirect}}}
	s.Provider.OnStart = s.start
	s.Provider.OnReturn = s.returned
	s.Provider.OnQuery = s.query
	return s
}

func (s *Sessions) start(_ core.Op, _ core.StartInput) (core.Outcome, error) {
	next := &core.NextAction{Type: core.NextWidget, Then: core.ThenRead, Resumable: true, Accepts: []string{"session"},
		Widget: &core.Widget{SDK: "amazon_pay", ScriptURL: "https://script.example/checkout.js", Config: map[string]any{"payloadJSON": `{"a":"<&>"}`}}}
	if s.Now {
		next.Then = core.ThenComplete
	}
	return core.Outcome{Result: core.Succeeded, Next: next}, nil
}

// Open is what the buyer does first: a session of this id for the attempt, with his choice of an address.
func (s *Sessions) Open(id, reference, address string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[id] = &Session{ID: id, Reference: reference, Agreed: s.Now, Sent: s.Now, Review: core.Review{Instrument: "Visa ···1111", Fingerprint: address,
		Buyer:         core.Buyer{FirstName: "Erika", Shipping: &core.Address{Line1: address, Country: "DE"}},
		ChangeActions: []core.ChangeAction{{What: "address", ScriptURL: "https://script.example/checkout.js", SessionID: id}}}}
	return s.open[id]
}

// Change is what the buyer or the provider does with a session.
func (s *Sessions) Change(id string, how func(*Session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s.open[id])
}

// Sold is how often the provider went through with any session.
func (s *Sessions) Sold() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.open {
		n += x.Sold
	}
	return n
}

// of is the session that a call is about, nil for none.
func (s *Sessions) of(k core.Known) *Session {
	x := s.open[k.Refs[RefSession]]
	if x == nil || x.Reference != k.Reference {
		return nil
	}
	return x
}

func (s *Sessions) returned(r core.Return) (core.Feedback, error) {
	if r.Step == "back" {
		return core.Feedback{Facts: []core.Fact{{Kind: core.BuyerAway}}}, nil
	}
	if id := r.Values.Get("session"); id != "" {
		return core.Feedback{Refs: core.Refs{RefSession: id}}, nil
	}
	return core.Feedback{}, nil
}

// ReadSession tells of a session that belongs to the attempt, and nothing of any other.
func (s *Sessions) ReadSession(_ context.Context, in core.SessionInput) (core.Outcome, error) {
	if s.OnRead != nil {
		return s.OnRead(in)
	}
	return s.Read(in), nil
}

// Read is ReadSession unscripted.
func (s *Sessions) Read(in core.SessionInput) core.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(in.Known)
	switch {
	case x == nil:
		return core.Outcome{Result: core.Succeeded}
	case x.Canceled:
		return core.Outcome{Result: core.Succeeded, Refs: core.Refs{RefSession: x.ID}, Facts: []core.Fact{ended(x)}}
	}
	review := x.Review
	return core.Outcome{Result: core.Succeeded, Refs: core.Refs{RefSession: x.ID}, Review: &review}
}

func ended(x *Session) core.Fact {
	return core.Fact{Kind: core.AttemptEnded, ID: x.ID, Strength: core.Asserted, Failure: &core.Failure{Category: core.FailureBuyerCanceled, RetryAdvice: core.RetryAfterBuyerAction}}
}

// UpdateSession takes another amount of a session that the buyer has not agreed to, unless scripted.
func (s *Sessions) UpdateSession(_ context.Context, op core.Op, in core.UpdateInput) (core.Outcome, error) {
	s.called(op)
	if s.OnUpdate != nil {
		return s.OnUpdate(op, in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(in.Known).Amount = in.Order.Amount
	return core.Outcome{Result: core.Succeeded}, nil
}

// Confirm sends the buyer to agree, unless scripted; not when he chose otherwise since.
func (s *Sessions) Confirm(_ context.Context, op core.Op, in core.ConfirmInput) (core.Outcome, error) {
	s.called(op)
	if s.OnConfirm != nil {
		return s.OnConfirm(op, in)
	}
	return s.Send(op, in), nil
}

// Send is Confirm unscripted.
func (s *Sessions) Send(op core.Op, in core.ConfirmInput) core.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(in.Known)
	if in.Review != nil && in.Review.Fingerprint != x.Review.Fingerprint {
		review := x.Review
		return core.Outcome{Result: core.Declined, Review: &review, Failure: &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetrySameProvider, ProviderMessage: "the buyer chose otherwise since"}}
	}
	x.Sent, x.Amount = true, op.Amount
	return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenComplete, URL: "https://provider.example/agree/" + x.ID, Resumable: true}}
}

// Complete goes through with a session that the buyer has agreed to, once, unless scripted.
func (s *Sessions) Complete(_ context.Context, op core.Op, in core.CompleteInput) (core.Outcome, error) {
	s.called(op)
	if s.OnFinish != nil {
		return s.OnFinish(op, in)
	}
	return s.Finish(op, in), nil
}

// Finish is Complete unscripted.
func (s *Sessions) Finish(op core.Op, in core.CompleteInput) core.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(in.Known)
	switch {
	case x == nil || !x.Agreed || x.Canceled:
		out := core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryAfterBuyerAction, ProviderMessage: "the buyer has not agreed"}}
		if x != nil && x.Canceled {
			out.Facts = []core.Fact{ended(x)}
		}
		return out
	case x.Sold > 0:
		return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryNever, ProviderMessage: "completed already"}}
	}
	x.Sold++
	x.Amount = in.Order.Authorize
	return core.Outcome{Result: core.Succeeded, Facts: s.sold(x, op.Reference, in.Order)}
}

// sold is what the books tell of a session that was gone through with: the agreement to the whole order, and what is
// authorized or taken of it.
func (s *Sessions) sold(x *Session, reference string, o core.Order) []core.Fact {
	facts := []core.Fact{{Kind: core.AgreementOpen, ID: "P-" + reference, Amount: o.Amount, Strength: core.Asserted}}
	auth := core.Fact{Kind: core.Authorized, ID: "A-" + reference, Amount: o.Authorize, Strength: core.Asserted}
	switch {
	case o.Authorize.Minor == 0:
	case o.Capture == core.CaptureAutomatic:
		auth.Kind, auth.Of = core.Captured, auth.ID
		facts = append(facts, auth)
	default:
		facts = append(facts, auth)
	}
	return facts
}

// query tells what the books say of the attempt's session.
func (s *Sessions) query(in core.QueryInput) (core.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(in.Known)
	switch {
	case x == nil:
		return core.Snapshot{}, nil
	case x.Sold > 0:
		return core.Snapshot{Found: true, Facts: s.sold(x, in.Reference, core.Order{Amount: in.Amount, Authorize: x.Amount, Capture: core.CaptureManual})}, nil
	case x.Canceled:
		return core.Snapshot{Found: true, Facts: []core.Fact{ended(x)}}, nil
	case x.Agreed:
		return core.Snapshot{Found: true, Session: core.SessionAgreed}, nil
	}
	return core.Snapshot{Found: true, Session: core.SessionOpen}, nil
}

// Sessions is a copy of the provider's books, by id.
func (s *Sessions) Sessions() map[string]Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Session{}
	for id, x := range maps.All(s.open) {
		out[id] = *x
	}
	return out
}
