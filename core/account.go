package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// AccountState says what an account is open for.
type AccountState string

// The states of an account.
const (
	AccountActive   AccountState = "active"
	AccountDraining AccountState = "draining" // no new payments; those it has go on
	AccountDisabled AccountState = "disabled"
)

// AccountConfig is an account as configured.
type AccountConfig struct {
	Name         string
	Provider     string // name of the provider
	State        AccountState
	Live         bool
	CallTimeout  time.Duration // whole call to the provider; 0: 40 s
	AnswerWithin time.Duration // a request is answered after this while its call to the provider goes on; 0: that of Options
}

// callTimeout is the whole time of a call, after which its outcome is unknown.
const callTimeout = 40 * time.Second

// queryTimeout bounds a question. It has no effect and is asked again, so nobody waits for it as for a call; and few
// enough are under way at a time that a provider which hangs fails often enough to be left alone, and others are asked.
const queryTimeout = 15 * time.Second

// Account is one configured contract with a provider. It is the only caller of its Provider: it sets the deadline,
// classifies how a call ended, compares what the answer echoes, and keeps the evidence. Its interfaces are asked
// once, here.
type Account struct {
	AccountConfig
	salt     []byte
	caps     Capabilities
	provider Provider

	reader   FeedbackReader
	checker  Checker
	returns  ReturnParser
	capturer Capturer
	voider   Voider
	refunder Refunder
	querier  Querier
	charger  MandateCharger
	canceler MandateCanceler

	mandateStarter MandateStarter
	mandateUpdater MandateUpdater
	mandateChecker MandateChecker
	authorizer     Authorizer
	finder         Finder

	sessions  SessionReader
	updater   SessionUpdater
	confirmer Confirmer
	completer Completer

	refused *atomic.Pointer[Refused]
}

// OpenAccount takes p as the provider of an account whose references are derived with salt. Capabilities that do not
// fit together, or claim what p has no method for, are errors: all of them at once.
func OpenAccount(cfg AccountConfig, salt []byte, p Provider) (*Account, error) {
	a := &Account{AccountConfig: cfg, salt: salt, caps: p.Capabilities(), provider: p, refused: &atomic.Pointer[Refused]{}}
	if _, ok := a.caps.Resume[OpCompleteMandate]; !ok { // it is the same call
		a.caps.Resume = maps.Clone(a.caps.Resume)
		if rule, ok := a.caps.Resume[OpComplete]; ok {
			a.caps.Resume[OpCompleteMandate] = rule
		}
	}
	if a.State == "" {
		a.State = AccountActive
	}
	if a.CallTimeout <= 0 {
		a.CallTimeout = callTimeout
	}
	a.reader, _ = p.(FeedbackReader)
	a.checker, _ = p.(Checker)
	a.returns, _ = p.(ReturnParser)
	a.capturer, _ = p.(Capturer)
	a.voider, _ = p.(Voider)
	a.refunder, _ = p.(Refunder)
	a.querier, _ = p.(Querier)
	a.charger, _ = p.(MandateCharger)
	a.canceler, _ = p.(MandateCanceler)
	a.mandateStarter, _ = p.(MandateStarter)
	a.mandateUpdater, _ = p.(MandateUpdater)
	a.mandateChecker, _ = p.(MandateChecker)
	a.authorizer, _ = p.(Authorizer)
	a.finder, _ = p.(Finder)
	a.sessions, _ = p.(SessionReader)
	a.updater, _ = p.(SessionUpdater)
	a.confirmer, _ = p.(Confirmer)
	a.completer, _ = p.(Completer)
	return a, a.check()
}

// paced is the account whose waits are divided by p. Where it does not say how soon a request is answered, answer does.
func (a *Account) paced(p pace, answer time.Duration) *Account {
	b := *a
	if b.AnswerWithin <= 0 {
		b.AnswerWithin = answer
	}
	b.CallTimeout, b.AnswerWithin, b.caps.ResumeGap = p.of(a.CallTimeout), p.of(b.AnswerWithin), p.of(a.caps.ResumeGap)
	b.caps.RefundsDecided = p.of(a.caps.RefundsDecided)
	return &b
}

// check holds what the capabilities claim against what can be called.
func (a *Account) check() error {
	var errs []error
	claim := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("account %s: "+format, append([]any{a.Name}, args...)...))
		}
	}
	claim(len(a.salt) < 16, "the salt of its references is too short")
	claim(len(a.caps.Methods) == 0, "its provider claims no method")
	claim(a.caps.ReferenceLen < 16 || a.caps.ReferenceLen > 50, "references of %d characters are not unique or too long", a.caps.ReferenceLen)
	for i, m := range a.caps.Methods {
		claim(m.Method.Type == "", "method %d has no type", i)
		claim(len(m.Captures)+len(m.SetUp) == 0, "method %s has no capture mode, and sets up no mandate", m.Method.Type)
		claim(slices.Contains(m.Captures, CaptureManual) && a.capturer == nil, "method %s claims manual capture, which nothing carries out", m.Method.Type)
		claim(slices.Contains(m.Captures, CaptureManual) && a.voider == nil, "method %s claims manual capture without a void", m.Method.Type)
		claim(m.PartialRefund && a.refunder == nil, "method %s claims refunds, which nothing carries out", m.Method.Type)
		claim(len(m.OffSession)+len(m.OnSession) > 0 && a.charger == nil, "method %s claims charges of mandates, which nothing carries out", m.Method.Type)
		claim(len(m.SetUp) > 0 && a.mandateStarter == nil, "method %s claims mandates outside of a purchase, which nothing sets up", m.Method.Type)
		claim((m.ChangePlan || len(m.ChangeInstrument) > 0) && a.mandateUpdater == nil, "method %s claims changes of mandates, which nothing carries out", m.Method.Type)
		claim(m.Reauthorize && a.authorizer == nil, "method %s claims further authorizations, which nothing carries out", m.Method.Type)
		claim(m.BuyerFor > 0 && a.querier == nil, "method %s claims to tell about the buyer, without a query", m.Method.Type)
		claim(m.Review && (a.sessions == nil || a.confirmer == nil), "method %s claims a review, which nothing reads or confirms", m.Method.Type)
		claim(m.Update && (a.updater == nil || !m.Review), "method %s claims changes of a reviewed order, which nothing carries out", m.Method.Type)
		claim(m.UpdateShipping && !m.Update, "method %s claims another delivery address for a reviewed order that cannot be changed", m.Method.Type)
	}
	for kind, rule := range a.caps.Resume {
		claim((rule == ResumeTotals || rule == ResumeTotalsWhole || rule == ResumeReread) && a.querier == nil, "resuming %s needs a query", kind)
	}
	return errors.Join(errs...)
}

// Capabilities are what the account can do.
func (a *Account) Capabilities() Capabilities { return a.caps }

// Can names the operations that can be called, for people.
func (a *Account) Can() []string {
	can := []string{"start"}
	for name, ok := range map[string]bool{"capture": a.capturer != nil, "void": a.voider != nil, "refund": a.refunder != nil,
		"query": a.querier != nil, "charge_mandate": a.charger != nil, "cancel_mandate": a.canceler != nil,
		"start_mandate": a.mandateStarter != nil, "update_mandate": a.mandateUpdater != nil, "authorize": a.authorizer != nil,
		"update": a.updater != nil, "confirm": a.confirmer != nil, "complete": a.completer != nil} {
		if ok {
			can = append(can, name)
		}
	}
	slices.Sort(can)
	return can
}

// methodCaps is what the account can do with method m, nil when it cannot do it. "any" leaves the choice to the
// provider's page, if it has one for that, else it is whatever comes first.
func (a *Account) methodCaps(m Method) *MethodCaps { return a.firstCaps(m, nil) }

// setUpCaps is methodCaps for consent of a kind outside of a purchase: what m leaves open is chosen so that it can be set
// up, where it can.
func (a *Account) setUpCaps(m Method, kind SaveKind) *MethodCaps {
	if c := a.firstCaps(m, func(c *MethodCaps) bool { return slices.Contains(c.SetUp, kind) }); c != nil {
		return c
	}
	return a.methodCaps(m)
}

func (a *Account) firstCaps(m Method, can func(*MethodCaps) bool) *MethodCaps {
	if c := a.capsOf(m, m.Type, can); c != nil || m.Type != "any" {
		return c
	}
	return a.capsOf(m, "", can)
}

func (a *Account) capsOf(m Method, kind string, can func(*MethodCaps) bool) *MethodCaps {
	for i := range a.caps.Methods {
		c := &a.caps.Methods[i]
		typeFits := kind == "" || c.Method.Type == kind
		flowFits := m.Flow == "" || c.Method.Flow == "" || c.Method.Flow == m.Flow
		productFits := m.Product == "" || c.Method.Product == m.Product
		optionFits := m.Option == "" || slices.Contains(c.Options, m.Option)
		if typeFits && flowFits && productFits && optionFits && (can == nil || can(c)) {
			return c
		}
	}
	return nil
}

// attemptReference identifies attempt number n of the merchant's payment at the provider.
func (a *Account) attemptReference(merchant, paymentReference string, n int) string {
	return reference(a.salt, a.caps.ReferenceLen, a.Name, merchant, paymentReference, fmt.Sprint(n))
}

// operationKey identifies one operation of an attempt at the provider: by the merchant's own reference for it, else by
// its ordinal.
func (a *Account) operationKey(attemptReference string, kind OpKind, own string, ordinal int) string {
	id := "#" + fmt.Sprint(ordinal)
	if own != "" {
		id = "=" + own
	}
	return reference(a.salt, a.caps.ReferenceLen, a.Name, attemptReference, string(kind), id)
}

// called is how one call to a provider ended, with what may be kept of it.
type called struct {
	Outcome
	exchanges []Exchange
	err       error
}

// call makes one call with effect. It is detached from ctx, bounded by the operation's deadline, and always ends in
// exactly one Result; a panic of an adapter leaves doubt, not a crash.
func (a *Account) call(ctx context.Context, op Op, f func(context.Context) (Outcome, error)) called {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), op.Deadline)
	defer cancel()
	var c called
	c.Outcome, c.err = guarded(withRecorder(a.judged(ctx), func(e Exchange) { c.exchanges = append(c.exchanges, e) }), f)
	switch {
	case c.err == nil:
		c.Outcome, c.err = a.integrity(op, c.Outcome)
	case errors.Is(c.err, ErrNotSent):
		c.Outcome = Outcome{Result: NotSent}
	case KindOf(c.err) == Invalid && len(c.exchanges) == 0:
		c.Outcome = Outcome{Result: Declined, Failure: refusal(c.err)} // the adapter refused it before any byte left
	default:
		c.Outcome = Outcome{Result: Unknown}
	}
	return c
}

func guarded[T any](ctx context.Context, f func(context.Context) (T, error)) (out T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the adapter broke: %v", r)
		}
	}()
	return f(ctx)
}

// refusal is why an adapter would not send a request.
func refusal(err error) *Failure {
	e, _ := errors.AsType[*Error](err)
	return &Failure{Category: FailureConfiguration, RetryAdvice: RetryOtherProvider, ProviderCode: e.Code, ProviderMessage: e.Message}
}

// integrity compares what the answer repeats of the request. An answer to another question proves nothing about ours.
func (a *Account) integrity(op Op, out Outcome) (Outcome, error) {
	if out.Echo.Reference != "" && out.Echo.Reference != op.Reference && out.Echo.Reference != op.Key {
		return Outcome{Result: Unknown}, fmt.Errorf("the answer is about another reference")
	}
	if e := out.Echo.Amount; e != nil && op.Amount.Minor > 0 && *e != op.Amount {
		return Outcome{Result: Unknown}, fmt.Errorf("the answer is about another amount")
	}
	return out, nil
}

// query asks the provider about an attempt. It never has an effect, so an error means only that nothing was learned.
func (a *Account) query(ctx context.Context, in QueryInput) (Snapshot, []Exchange, error) {
	if a.querier == nil {
		return Snapshot{}, nil, nil
	}
	ctx, cancel := context.WithTimeout(asking(ctx), min(a.CallTimeout, queryTimeout))
	defer cancel()
	var exchanges []Exchange
	s, err := guarded(withRecorder(a.judged(ctx), func(e Exchange) { exchanges = append(exchanges, e) }), func(ctx context.Context) (Snapshot, error) {
		return a.querier.Query(ctx, in)
	})
	if err == nil && s.Echo.Reference != "" && s.Echo.Reference != in.Reference {
		return Snapshot{}, exchanges, fmt.Errorf("the answer is about another reference")
	}
	return s, exchanges, err
}

// ParseFeedback authenticates and translates one message of the account's provider.
func (a *Account) ParseFeedback(ctx context.Context, m Message) (Feedback, error) {
	return guarded(ctx, func(ctx context.Context) (Feedback, error) { return a.provider.ParseFeedback(ctx, m) })
}

// reread translates a message again that was authentic when it came, and reports whether that could be done.
func (a *Account) reread(ctx context.Context, m Message) (Feedback, bool) {
	if a == nil || a.reader == nil {
		return Feedback{}, false
	}
	fb, err := guarded(ctx, func(ctx context.Context) (Feedback, error) { return a.reader.ReadFeedback(ctx, m) })
	return fb, err == nil
}

// title names a call for the timeline.
func (a *Account) title(what string) string { return strings.TrimSpace(a.Name + " " + what) }
