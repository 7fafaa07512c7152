package api

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// CreatePayment handles POST /v1/payments: 201, or 202 while the outcome is open.
func (s *Server) CreatePayment(ctx context.Context, r openapi.CreatePaymentRequestObject) (openapi.CreatePaymentResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	in, err := newPayment(r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Create(ctx, req, in))
}

// answered renders what an operation with effect came to.
func (s *Server) answered(a core.Answer, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return s.render(a)
}

// newPayment is the body of a creation in the words of core.
func newPayment(b *openapi.CreatePayment) (core.NewPayment, error) {
	in := core.NewPayment{Reference: b.MerchantReference, Amount: core.Money{Minor: b.Amount, Currency: b.Currency}, Metadata: b.Metadata}
	in.Order = core.PaymentOrder{Capture: core.CaptureMode(b.CaptureMethod), Authorize: b.AuthorizeAmount, Account: b.Account, Description: b.Description,
		ReturnURL: text(b.ReturnURL), CancelURL: text(b.CancelURL), ReviewURL: text(b.ReviewURL), Mandate: b.Mandate, OffSession: b.OffSession,
		Pending: b.AllowPending, Channel: string(b.Channel), Buyer: buyer(b), Delivery: deliveryRules(b.Delivery)}
	if b.Method != nil {
		m, token, err := methodOf(b.Method)
		if err != nil {
			return in, err
		}
		in.Order.Method, in.Order.Token = m, token
	}
	in.Order.Items = lineItems(b.LineItems)
	if b.Save != nil {
		in.Order.Save = save(b.Save, b.Currency)
	}
	return in, nil
}

func lineItems(in []openapi.LineItem) (out []core.LineItem) {
	for _, l := range in {
		item := core.LineItem{ID: l.ID, Name: l.Name, Kind: string(l.Kind), Quantity: l.Quantity, UnitAmount: l.UnitAmount}
		if l.TaxBasisPoints != nil {
			item.TaxBasisPoints = *l.TaxBasisPoints
		}
		out = append(out, item)
	}
	return out
}

// methodOf is the method asked for, and the token of an instrument chosen before.
func methodOf(m *openapi.Method) (core.Method, string, error) {
	out := core.Method{Type: string(m.Type), Flow: string(m.Flow), Product: string(m.Product), Option: m.Option}
	if m.Instrument == nil {
		return out, "", nil
	}
	if m.Instrument.IBAN != "" || m.Instrument.Holder != "" {
		return out, "", &core.Error{Kind: core.Invalid, Code: "capability_unsupported", Pointer: "/method/instrument/iban", Message: "no configured provider takes bank accounts"}
	}
	return out, m.Instrument.Token, nil
}

func buyer(b *openapi.CreatePayment) core.Buyer {
	out := core.Buyer{Billing: addressOf(b.BillingAddress), Shipping: addressOf(b.ShippingAddress)}
	if x := b.Buyer; x != nil {
		out.Email, out.FirstName, out.LastName, out.Company, out.Phone = string(x.Email), x.FirstName, x.LastName, x.Company, x.Phone
		out.Locale, out.Country, out.IP, out.Business = x.Locale, x.Country, x.IP, x.Business
	}
	return out
}

func addressOf(a *openapi.Address) *core.Address {
	if a == nil {
		return nil
	}
	return &core.Address{Name: a.Name, FirstName: a.FirstName, LastName: a.LastName, Company: a.Company, Line1: a.Line1, Line2: a.Line2, Line3: a.Line3,
		City: a.City, District: a.District, State: a.State, PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone}
}

func save(s *openapi.Save, currency string) core.Save {
	out := core.Save{Kind: core.SaveKind(s.Kind)}
	if r := s.Recurring; r != nil {
		out.Recurring = &core.Recurring{Unit: string(r.Interval), Interval: 1}
		if r.IntervalCount != nil {
			out.Recurring.Interval = int(*r.IntervalCount)
		}
		if r.Count != nil {
			out.Recurring.Count = int(*r.Count)
		}
		if r.Amount != nil {
			out.Recurring.Amount = &core.Money{Minor: *r.Amount, Currency: currency}
		}
		if r.Until != nil {
			out.Recurring.Until = r.Until.Time
		}
	}
	return out
}

func deliveryRules(d *openapi.DeliveryRules) core.DeliveryRules {
	if d == nil {
		return core.DeliveryRules{}
	}
	regions := func(in []openapi.Region) (out []core.Region) {
		for _, r := range in {
			out = append(out, core.Region{Country: r.Country, States: r.States, PostalCodes: r.PostalCodes})
		}
		return out
	}
	return core.DeliveryRules{NoPOBoxes: d.NoPoBoxes, NoPackstations: d.NoPackstations, Allow: regions(d.Allow), Deny: regions(d.Deny)}
}

// CompletePayment handles POST /v1/payments/{id}/complete: an integrator reports the buyer's return.
func (s *Server) CompletePayment(ctx context.Context, r openapi.CompletePaymentRequestObject) (openapi.CompletePaymentResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Report(ctx, req, r.PaymentID, core.Leg(r.Body.Step), brought(r.Body.ReturnParams)))
}

// brought are the parameters that a browser brought.
func brought(params map[string]string) url.Values {
	values := url.Values{}
	for name, value := range params {
		values.Set(name, value)
	}
	return values
}

// ConfirmPayment handles POST /v1/payments/{id}/confirm: another attempt, or the end of a review.
func (s *Server) ConfirmPayment(ctx context.Context, r openapi.ConfirmPaymentRequestObject) (openapi.ConfirmPaymentResponseObject, error) {
	body := openapi.ConfirmPayment{}
	if r.Body != nil {
		body = *r.Body
	}
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	var m *core.Method
	if body.Method != nil {
		chosen, _, err := methodOf(body.Method)
		if err != nil {
			return nil, err
		}
		m = &chosen
	}
	return s.answered(s.checkout.Confirm(ctx, req, r.PaymentID, m, body.Account, body.Version))
}

// GetPayment handles GET /v1/payments/{id}; with refresh the provider is asked first.
func (s *Server) GetPayment(ctx context.Context, r openapi.GetPaymentRequestObject) (openapi.GetPaymentResponseObject, error) {
	p, err := s.checkout.Payment(ctx, merchantOf(ctx), r.PaymentID, r.Params.Refresh != nil && *r.Params.Refresh)
	if err != nil {
		return nil, err
	}
	shown := s.payment(p.View())
	if r.Params.Expand != nil {
		shown.Buyer = told(s.checkout.Buyer(ctx, p))
	}
	return openapi.GetPayment200JSONResponse(shown), nil
}

// SyncPayment handles POST /v1/payments/{id}/sync: the provider is asked now; when it does not tell, the answer is 503.
func (s *Server) SyncPayment(ctx context.Context, r openapi.SyncPaymentRequestObject) (openapi.SyncPaymentResponseObject, error) {
	p, err := s.checkout.Sync(ctx, merchantOf(ctx), r.PaymentID)
	if err != nil {
		return nil, err
	}
	return openapi.SyncPayment200JSONResponse(s.payment(p.View())), nil
}

// UpdatePayment handles PATCH /v1/payments/{id}: 200, or 202 while it is not known whether the provider took another order.
func (s *Server) UpdatePayment(ctx context.Context, r openapi.UpdatePaymentRequestObject) (openapi.UpdatePaymentResponseObject, error) {
	req, err := request(ctx, "", r.Body)
	if err != nil {
		return nil, err
	}
	in := core.Changes{Description: r.Body.Description, Amount: r.Body.Amount, Shipping: addressOf(r.Body.ShippingAddress)}
	if r.Body.Metadata != nil {
		in.Metadata = *r.Body.Metadata
	}
	if r.Body.LineItems != nil {
		items := lineItems(r.Body.LineItems)
		in.Items = &items
	}
	return s.answered(s.checkout.Patch(ctx, req, r.PaymentID, in))
}

// ListPayments handles GET /v1/payments.
func (s *Server) ListPayments(ctx context.Context, r openapi.ListPaymentsRequestObject) (openapi.ListPaymentsResponseObject, error) {
	q := core.PaymentQuery{Status: core.Status(plain(r.Params.Status)), Reference: text(r.Params.MerchantReference), Account: text(r.Params.Account),
		Review: r.Params.NeedsReview, From: at(r.Params.From), To: at(r.Params.To)}
	l, err := s.checkout.Payments(ctx, merchantOf(ctx), q, count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := openapi.PaymentList{Object: "list", Data: []openapi.Payment{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, p := range l.Items {
		out.Data = append(out.Data, s.payment(p.View()))
	}
	return openapi.ListPayments200JSONResponse(out), nil
}

// GetPaymentTimeline handles GET /v1/payments/{id}/timeline.
func (s *Server) GetPaymentTimeline(ctx context.Context, r openapi.GetPaymentTimelineRequestObject) (openapi.GetPaymentTimelineResponseObject, error) {
	moments, err := s.checkout.Timeline(ctx, merchantOf(ctx), r.PaymentID)
	if err != nil {
		return nil, err
	}
	out, err := timeline(moments)
	return openapi.GetPaymentTimeline200JSONResponse(out), err
}

func timeline(moments []core.Moment) (openapi.Timeline, error) {
	out := openapi.Timeline{Object: "list", Data: []openapi.TimelineEntry{}}
	for _, m := range moments {
		entry := openapi.TimelineEntry{At: m.At, Kind: openapi.TimelineEntryKind(m.Kind), Title: m.Title}
		if err := json.Unmarshal(m.Detail, &entry.Detail); err != nil {
			return out, err
		}
		out.Data = append(out.Data, entry)
	}
	return out, nil
}

// CancelPayment handles POST /v1/payments/{id}/cancel: 200, or 202 while the outcome is open.
func (s *Server) CancelPayment(ctx context.Context, r openapi.CancelPaymentRequestObject) (openapi.CancelPaymentResponseObject, error) {
	body := openapi.CancelPayment{}
	if r.Body != nil {
		body = *r.Body
	}
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Cancel(ctx, req, r.PaymentID, body.Reason))
}

// ResolvePayment handles POST /v1/payments/{id}/resolve: an operator settles a doubt, or ends a review.
func (s *Server) ResolvePayment(ctx context.Context, r openapi.ResolvePaymentRequestObject) (openapi.ResolvePaymentResponseObject, error) {
	req, err := request(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Resolve(ctx, req, r.PaymentID, core.Settlement{Operation: r.Body.Operation, Happened: r.Body.Verdict == openapi.ResolvePaymentVerdictHappened,
		Amount: r.Body.Amount, Reference: r.Body.ProviderReference, Acknowledge: r.Body.Acknowledge, Evidence: r.Body.Evidence}))
}

func text[T ~string](s *T) string { return string(plain(s)) }

func plain[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

func count[T ~int | ~int64 | ~int32](n *T) int { return int(plain(n)) }

func at(t *time.Time) time.Time { return plain(t).UTC() }
