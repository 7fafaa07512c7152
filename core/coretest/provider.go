// Package coretest helps tests of core: a provider that does what a test says, and ids that repeat. Of the program only the
// worlds of `paymux prove` use it.
package coretest

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/paymux/paymux/core"
)

// Provider is a scripted core.Provider with every capability that core calls. A func that is nil does the obvious:
// Start asks for a redirect, the others succeed with the facts a provider would tell.
type Provider struct {
	Caps      core.Capabilities
	OnStart   func(core.Op, core.StartInput) (core.Outcome, error)
	OnCapture func(core.Op, core.CaptureInput) (core.Outcome, error)
	OnVoid    func(core.Op, core.VoidInput) (core.Outcome, error)
	OnRefund  func(core.Op, core.RefundInput) (core.Outcome, error)
	OnQuery   func(core.QueryInput) (core.Snapshot, error)
	OnCharge  func(core.Op, core.ChargeMandateInput) (core.Outcome, error)
	OnCancel  func(core.Op, core.CancelMandateInput) (core.Outcome, error)
	OnSetUp   func(core.Op, core.MandateInput) (core.Outcome, error)
	OnChange  func(core.Op, core.UpdateMandateInput) (core.Outcome, error)
	OnReserve func(core.Op, core.AuthorizeInput) (core.Outcome, error)
	OnReturn  func(core.Return) (core.Feedback, error)
	OnCheck   func() error
	OnRead    func(core.Message) (core.Feedback, error)
	OnFind    func(core.Object) (string, error)
	mu        sync.Mutex
	calls     []core.Op
}

// NewProvider claims card payments on a hosted page, with both capture modes, in every currency.
func NewProvider() *Provider {
	return &Provider{Caps: core.Capabilities{ReferenceLen: 32, ResumeGap: 2 * time.Minute,
		Resume: map[core.OpKind]core.ResumeRule{core.OpStart: core.ResumeSameKey, core.OpCapture: core.ResumeTotalsWhole, core.OpRefund: core.ResumeTotals, core.OpVoid: core.ResumeTotals,
			core.OpCancelMandate: core.ResumeSameKey, core.OpStartMandate: core.ResumeSameKey, core.OpUpdateMandate: core.ResumeSameKey, core.OpAuthorize: core.ResumeSameKey},
		Methods: []core.MethodCaps{{Method: core.Method{Type: "card", Flow: "hosted"}, Captures: []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual},
			Save: []core.SaveKind{core.SaveUnscheduled}, SetUp: []core.SaveKind{core.SaveRecurring, core.SaveUnscheduled}, ChangePlan: true,
			ChangeInstrument: []core.SaveKind{core.SaveUnscheduled}, Reauthorize: true, OffSession: []core.CaptureMode{core.CaptureAutomatic}, PartialRefund: true, RetriesOnPage: true,
			NextActions: []string{core.NextRedirect}}}}}
}

// Calls are the operations that reached the provider, in order.
func (p *Provider) Calls(kind core.OpKind) (out []core.Op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, op := range p.calls {
		if op.Kind == kind {
			out = append(out, op)
		}
	}
	return out
}

func (p *Provider) called(op core.Op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, op)
}

// Capabilities are Caps.
func (p *Provider) Capabilities() core.Capabilities { return p.Caps }

// CheckStart and CheckChargeMandate answer OnCheck.
func (p *Provider) CheckStart(core.Op, core.StartInput) error { return p.check() }

// CheckChargeMandate answers OnCheck.
func (p *Provider) CheckChargeMandate(core.Op, core.ChargeMandateInput) error { return p.check() }

func (p *Provider) check() error {
	if p.OnCheck == nil {
		return nil
	}
	return p.OnCheck()
}

// Start asks for a redirect unless scripted.
func (p *Provider) Start(_ context.Context, op core.Op, in core.StartInput) (core.Outcome, error) {
	p.called(op)
	if p.OnStart != nil {
		return p.OnStart(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://provider.example/pay", Resumable: true}}, nil
}

// Fact is a single asserted fact with the identity of op.
func Fact(kind core.FactKind, op core.Op) core.Fact {
	return core.Fact{Kind: kind, ID: op.Key, Of: "A-" + op.Reference, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}
}

// Authorized is the fact that op's amount is reserved, or with sale that it is taken.
func Authorized(op core.Op, sale bool) core.Fact {
	id := "A-" + op.Reference
	if sale {
		return core.Fact{Kind: core.Captured, ID: id, Of: id, Amount: op.Amount, Strength: core.Asserted}
	}
	return core.Fact{Kind: core.Authorized, ID: id, Amount: op.Amount, Strength: core.Asserted}
}

// Capture succeeds unless scripted.
func (p *Provider) Capture(_ context.Context, op core.Op, in core.CaptureInput) (core.Outcome, error) {
	p.called(op)
	if p.OnCapture != nil {
		return p.OnCapture(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{Fact(core.Captured, op)}}, nil
}

// Void succeeds unless scripted.
func (p *Provider) Void(_ context.Context, op core.Op, in core.VoidInput) (core.Outcome, error) {
	p.called(op)
	if p.OnVoid != nil {
		return p.OnVoid(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.AuthorizationClosed, ID: in.Authorization, OpKey: op.Key, Strength: core.Asserted}}}, nil
}

// Refund succeeds unless scripted.
func (p *Provider) Refund(_ context.Context, op core.Op, in core.RefundInput) (core.Outcome, error) {
	p.called(op)
	if p.OnRefund != nil {
		return p.OnRefund(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{Fact(core.Refunded, op)}}, nil
}

// ReferenceOf knows of no object unless scripted.
func (p *Provider) ReferenceOf(_ context.Context, o core.Object) (string, error) {
	if p.OnFind != nil {
		return p.OnFind(o)
	}
	return "", nil
}

// Query finds the order and nothing new unless scripted.
func (p *Provider) Query(_ context.Context, in core.QueryInput) (core.Snapshot, error) {
	if p.OnQuery != nil {
		return p.OnQuery(in)
	}
	return core.Snapshot{Found: true}, nil
}

// ChargeMandate takes the money unless scripted.
func (p *Provider) ChargeMandate(_ context.Context, op core.Op, in core.ChargeMandateInput) (core.Outcome, error) {
	p.called(op)
	if p.OnCharge != nil {
		return p.OnCharge(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{Authorized(op, true)}}, nil
}

// CancelMandate ends the mandate unless scripted.
func (p *Provider) CancelMandate(_ context.Context, op core.Op, in core.CancelMandateInput) (core.Outcome, error) {
	p.called(op)
	if p.OnCancel != nil {
		return p.OnCancel(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.MandateClosed, ID: "M", OpKey: op.Key, Strength: core.Asserted}}}, nil
}

// StartMandate asks for a redirect unless scripted.
func (p *Provider) StartMandate(_ context.Context, op core.Op, in core.MandateInput) (core.Outcome, error) {
	p.called(op)
	if p.OnSetUp != nil {
		return p.OnSetUp(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://provider.example/agree", Resumable: true}}, nil
}

// UpdateMandate takes another plan, and has a page for another instrument, unless scripted.
func (p *Provider) UpdateMandate(_ context.Context, op core.Op, in core.UpdateMandateInput) (core.Outcome, error) {
	p.called(op)
	if p.OnChange != nil {
		return p.OnChange(op, in)
	}
	if in.Recurring != nil {
		return core.Outcome{Result: core.Succeeded}, nil
	}
	return core.Outcome{Result: core.Succeeded, Next: &core.NextAction{Type: core.NextRedirect, Then: core.ThenQuery, URL: "https://provider.example/change"}}, nil
}

// Authorize reserves unless scripted.
func (p *Provider) Authorize(_ context.Context, op core.Op, in core.AuthorizeInput) (core.Outcome, error) {
	p.called(op)
	if p.OnReserve != nil {
		return p.OnReserve(op, in)
	}
	return core.Outcome{Result: core.Succeeded, Facts: []core.Fact{{Kind: core.Authorized, ID: "A-" + op.Key, OpKey: op.Key, Amount: op.Amount, Strength: core.Asserted}}}, nil
}

// ParseReturn says that the buyer was at the provider, unless scripted.
func (p *Provider) ParseReturn(_ context.Context, r core.Return) (core.Feedback, error) {
	if p.OnReturn != nil {
		return p.OnReturn(r)
	}
	return core.Feedback{Reference: r.Known.Reference}, nil
}

// ParseFeedback reads a message that Message made; anything else is not authentic.
func (p *Provider) ParseFeedback(_ context.Context, m core.Message) (core.Feedback, error) {
	var fb core.Feedback
	if m.Header.Get("X-Signature") != "right" || json.Unmarshal(m.Body, &fb) != nil {
		return core.Feedback{}, core.ErrUnauthenticated
	}
	fb.Ack = core.Ack{Status: 200}
	return fb, nil
}

// ReadFeedback reads a message that Message made, whoever signed it, unless scripted.
func (p *Provider) ReadFeedback(_ context.Context, m core.Message) (fb core.Feedback, err error) {
	if p.OnRead != nil {
		return p.OnRead(m)
	}
	if err := json.Unmarshal(m.Body, &fb); err != nil {
		return core.Feedback{}, core.Malformed(err)
	}
	return fb, nil
}

// Message is fb as the scripted provider would send it.
func Message(fb core.Feedback) core.Message {
	body, err := json.Marshal(fb)
	if err != nil {
		panic("coretest: " + err.Error())
	}
	return core.Message{Method: "POST", Header: map[string][]string{"X-Signature": {"right"}, "Content-Type": {"application/json"}}, Body: body}
}
