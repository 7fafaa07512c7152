package api

import (
	"encoding/json"
	"strings"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// renderer makes what core tells what the contract shows: a function of that alone.
type renderer struct {
	links core.Links
	live  bool // shown as livemode
}

// EventBody is core.Options.Render: it makes what webhooks send and GET /v1/events/{id} shows, when an event happens.
func EventBody(links core.Links, live bool) func(core.EventBody) ([]byte, error) {
	return func(b core.EventBody) ([]byte, error) {
		shown, err := renderer{links, live}.event(b)
		if err != nil {
			return nil, err
		}
		return json.Marshal(shown)
	}
}

// payment is a payment as the contract shows it. What is derived from a secret, its token and its hosted page, is
// computed here and stored nowhere.
func (s renderer) payment(v core.View) openapi.Payment {
	metadata := v.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return openapi.Payment{
		ID: v.ID, Object: "payment", MerchantReference: v.Reference, Status: openapi.PaymentStatus(v.Status), Amount: v.Amount.Minor,
		Currency: v.Amount.Currency, Account: optional(v.Account), Amounts: amounts(v.Amounts), Attempts: int64(v.Attempts),
		CancellationReason: optional(v.CancelReason), CaptureMethod: openapi.CaptureMethod(v.Capture), ClientToken: s.links.ClientToken(v.ID),
		Description: optional(v.Description), DisputeStatus: openapi.PaymentDisputeStatus(v.DisputeStatus), LastError: failure(v.LastError),
		Livemode: s.live, Mandate: optional(v.Mandate), Metadata: metadata, Method: method(v.Method, v.Display), NeedsReview: v.NeedsReview,
		NextAction: s.nextAction(v), Provider: provider(v.Provider, v.References), RefundStatus: openapi.PaymentRefundStatus(v.RefundStatus),
		ReservedUntil: instant(v.HeldUntil), Doubts: doubts(v.Doubts), Review: review(v.Review), Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}

func doubts(in []core.Doubt) (out []openapi.Doubt) {
	for _, d := range in {
		out = append(out, openapi.Doubt{Operation: d.Operation, Object: optional(d.Object), Kind: openapi.DoubtKind(d.Kind), Amount: d.Amount.Minor,
			Currency: d.Amount.Currency, State: openapi.DoubtState(d.State), CreatedAt: d.CreatedAt})
	}
	return out
}

func amounts(a core.Amounts) openapi.Amounts {
	return openapi.Amounts{Authorized: a.Authorized, Capturable: a.Capturable, Captured: a.Captured, InDoubt: a.InDoubt, Refundable: a.Refundable,
		Refunded: a.Refunded, Released: a.Released, Reversed: a.Reversed}
}

func method(m core.Method, display string) openapi.PaymentMethod {
	return openapi.PaymentMethod{Type: openapi.MethodType(m.Type), Flow: m.Flow, Product: m.Product, Option: m.Option, Display: optional(display)}
}

func provider(name string, refs map[string]string) openapi.ProviderInfo {
	if refs == nil {
		refs = map[string]string{}
	}
	return openapi.ProviderInfo{Name: optional(name), References: refs}
}

func failure(f *core.Failure) *openapi.Failure {
	if f == nil {
		return nil
	}
	return &openapi.Failure{Category: openapi.FailureCategory(f.Category), RetryAdvice: openapi.RetryAdvice(f.RetryAdvice), ProviderCode: f.ProviderCode,
		ProviderMessage: f.ProviderMessage}
}

// pollAfterMs is how long a client waits before it asks again while nothing is decided.
const pollAfterMs = 2000

func (s renderer) nextAction(v core.View) openapi.NextAction { return s.action(v.ID, v.Next) }

// action is what the buyer must do about the payment or mandate with id.
func (s renderer) action(id string, n *core.NextAction) openapi.NextAction {
	if n == nil {
		return openapi.NextAction{Type: openapi.NextActionTypeNone}
	}
	out := openapi.NextAction{Type: openapi.NextActionType(n.Type), HostedURL: s.links.HostedURL(id), ExpiresAt: instant(n.ExpiresAt)}
	switch n.Type {
	case core.NextPostForm:
		form := openapi.PostForm{URL: n.URL, Enctype: "application/x-www-form-urlencoded", Fields: []openapi.FormField{}}
		for _, f := range n.Fields {
			form.Fields = append(form.Fields, openapi.FormField{Name: f[0], Value: f[1]})
		}
		out.PostForm = &form
	case core.NextRedirect:
		out.RedirectToURL = &openapi.RedirectToURL{URL: n.URL, Method: openapi.RedirectToURLMethod(or(n.Method, "GET"))}
	case core.NextWidget:
		out.RenderWidget = &openapi.RenderWidget{Sdk: openapi.RenderWidgetSdk(n.Widget.SDK), ScriptURL: n.Widget.ScriptURL, Config: n.Widget.Config}
	case core.NextInstructions:
		b := n.Bank
		out.ShowInstructions = &openapi.ShowInstructions{Bank: openapi.BankDetails{Holder: b.Holder, IBAN: b.IBAN, BIC: b.BIC, Bank: b.Bank, Reference: b.Reference, Due: instant(b.Due)}}
	case core.NextAwait:
		out.AwaitResult = &openapi.AwaitResult{PollAfterMs: pollAfterMs, Reason: "the provider has not decided yet"}
	}
	return out
}

func review(r *core.Review) *openapi.Review {
	if r == nil {
		return nil
	}
	out := &openapi.Review{Buyer: openapi.Buyer{Email: email(r.Buyer.Email), FirstName: r.Buyer.FirstName, LastName: r.Buyer.LastName, Phone: r.Buyer.Phone,
		Company: r.Buyer.Company, Country: r.Buyer.Country},
		Instrument: optional(r.Instrument), Constraints: list(r.Constraints), ChangeActions: []openapi.ChangeAction{}, BillingAddress: address(r.Buyer.Billing), ShippingAddress: address(r.Buyer.Shipping)}
	for _, c := range r.ChangeActions {
		out.ChangeActions = append(out.ChangeActions, openapi.ChangeAction{What: openapi.ChangeActionWhat(c.What), ScriptURL: c.ScriptURL, SessionID: c.SessionID})
	}
	return out
}

// email is an address that a provider told, empty when it has not the form of one: the contract promises that.
func email(s string) openapi_types.Email {
	if _, err := openapi_types.Email(s).MarshalJSON(); err != nil {
		return ""
	}
	return openapi_types.Email(s)
}

// told is what a provider tells of a buyer.
func told(t core.BuyerTold) *openapi.BuyerTold {
	out := &openapi.BuyerTold{Unavailable: optional(t.Why), Instrument: optional(t.Instrument)}
	if b := t.Buyer; b != nil {
		out.ID, out.Email, out.Phone, out.Country = optional(b.ID), optional(b.Email), optional(b.Phone), optional(b.Country)
		out.Name = optional(strings.TrimSpace(b.FirstName + " " + b.LastName))
		out.ShippingAddress, out.BillingAddress = address(b.Shipping), address(b.Billing)
	}
	return out
}

func address(a *core.Address) *openapi.Address {
	if a == nil {
		return nil
	}
	return &openapi.Address{Name: a.Name, FirstName: a.FirstName, LastName: a.LastName, Company: a.Company, Line1: a.Line1, Line2: a.Line2, Line3: a.Line3,
		City: a.City, District: a.District, State: a.State, PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone}
}

// booking is a capture, refund or further authorization as the contract shows it.
func booking(v core.BookingView) any {
	metadata := v.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	references := map[string]string{"key": v.Key}
	if v.There != "" {
		references["id"] = v.There
	}
	info := provider(v.Provider, references)
	if v.Object == "authorization" {
		return openapi.Authorization{ID: v.ID, Object: "authorization", Payment: v.Payment, Status: openapi.OperationStatus(v.Status), Amount: v.Amount.Minor,
			Currency: v.Amount.Currency, Failure: failure(v.Failure), Metadata: metadata, Provider: info, Reference: optional(v.Reference),
			CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
	}
	if v.Object == "capture" {
		return openapi.Capture{ID: v.ID, Object: "capture", Payment: v.Payment, Status: openapi.OperationStatus(v.Status), Amount: v.Amount.Minor,
			Currency: v.Amount.Currency, Failure: failure(v.Failure), Final: v.Final, Metadata: metadata, Provider: info,
			Reference: optional(v.Reference), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
	}
	return openapi.Refund{ID: v.ID, Object: "refund", Payment: v.Payment, Capture: optional(v.Capture), Status: openapi.OperationStatus(v.Status), Amount: v.Amount.Minor,
		Currency: v.Amount.Currency, Failure: failure(v.Failure), Metadata: metadata, Provider: info, Reason: optional(v.Reason),
		Reference: optional(v.Reference), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
}

// mandate is a mandate as the contract shows it.
func (s renderer) mandate(v core.MandateView) openapi.Mandate {
	metadata := v.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return openapi.Mandate{ID: v.ID, Object: "mandate", Payment: optional(v.Payment), Status: openapi.MandateStatus(v.Status), Account: v.Account,
		Kind: openapi.MandateKind(v.Kind), Recurring: recurring(v.Recurring), Livemode: s.live, Method: method(v.Method, v.Display),
		NextAction: s.action(v.ID, v.Next), LastError: failure(v.LastError), MerchantReference: optional(v.MerchantReference), Metadata: metadata,
		NeedsReview: v.NeedsReview, Provider: provider(v.Provider, references(v)),
		Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
}

// references are the provider's ids of a mandate, and ours.
func references(v core.MandateView) map[string]string {
	refs := map[string]string{core.RefOwn: v.Reference}
	for kind, value := range v.References {
		refs[kind] = value
	}
	return refs
}

func recurring(r *core.Recurring) *openapi.Recurring {
	if r == nil {
		return nil
	}
	every, out := int64(r.Interval), &openapi.Recurring{Interval: openapi.RecurringInterval(r.Unit)}
	out.IntervalCount = &every
	if n := int64(r.Count); n > 0 {
		out.Count = &n
	}
	if r.Amount != nil {
		out.Amount = &r.Amount.Minor
	}
	if !r.Until.IsZero() {
		out.Until = &openapi_types.Date{Time: r.Until}
	}
	return out
}

// event is an event as the contract shows it, with the payment as it is then.
func (s renderer) event(b core.EventBody) (openapi.Event, error) {
	about, err := json.Marshal(s.about(b.Data.Object))
	data := openapi.EventData{Object: about, Sequence: b.Data.Sequence, Previous: optional(string(b.Data.Previous)),
		Cause: openapi.Cause{Kind: openapi.CauseKind(b.Data.Cause.Kind), ID: optional(b.Data.Cause.ID)}}
	if b.Data.Payment != nil {
		p := s.payment(*b.Data.Payment)
		data.Payment = &p
	}
	return openapi.Event{ID: b.ID, Object: "event", Type: openapi.EventType(b.Type), Data: data, Livemode: s.live, Timestamp: b.Timestamp}, err
}

// about is the object an event is about, as the contract shows it; nil for the payment itself.
func (s renderer) about(object any) any {
	switch v := object.(type) {
	case core.BookingView:
		return booking(v)
	case core.MandateView:
		return s.mandate(v)
	case *core.Failure:
		return failure(v)
	case core.UnmatchedView:
		return v
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
