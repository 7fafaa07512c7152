package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// maxFeedbackBytes bounds a provider's message.
const maxFeedbackBytes = 256 << 10

// feedback handles POST /feedback/{account}, for every provider. The body is read as it is; nobody binds or decodes it
// before its signature is checked. What is answered is the provider's own acknowledgement, after the commit.
func (s *Server) feedback(c echo.Context) error {
	r := c.Request()
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, maxFeedbackBytes))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return s.refusals.refuse(c, http.StatusRequestEntityTooLarge, "too large", "too_large", "it is too long", maxFeedbackBytes)
	}
	if err != nil {
		return s.refusals.refuse(c, http.StatusForbidden, "refused", "broken_off", "it broke off", int64(len(body)))
	}
	ack, err := s.checkout.Receive(r.Context(), c.Param("account"), core.Message{Method: r.Method, URL: r.URL, Header: r.Header, Body: body,
		RemoteAddr: c.RealIP(), ReceivedAt: time.Now().UTC()})
	if err == nil {
		return c.Blob(ack.Status, or(ack.ContentType, "text/plain; charset=utf-8"), []byte(ack.Body))
	}
	switch core.KindOf(err) {
	case core.Unauthenticated, core.MalformedMessage: // one answer, or a body that nobody can read would tell which accounts exist
		return s.refusals.refuse(c, http.StatusForbidden, "refused", core.CodeOf(err), because(err), int64(len(body)))
	default: // without an acknowledgement it is sent again
		s.log.Log(r.Context(), levelOf(c, err), "feedback not stored", "request_id", requestID(c), "error", err)
		return c.String(http.StatusServiceUnavailable, "try again")
	}
}

// because is what operators are told of a message that was refused, empty where nothing is known beyond its code.
func because(err error) string {
	if core.KindOf(err) == core.MalformedMessage {
		return "it cannot be read as a message of the provider"
	}
	return core.WhyNotAuthentic(err)
}

// ListFeedback handles GET /v1/feedback: what matched the caller's payments; for operators everything.
func (s *Server) ListFeedback(ctx context.Context, r openapi.ListFeedbackRequestObject) (openapi.ListFeedbackResponseObject, error) {
	if r.Params.Expand != nil {
		if err := operatorsOnly(ctx); err != nil {
			return nil, err
		}
	}
	q := core.InboxQuery{Merchant: sightOf(ctx), Payment: text(r.Params.Payment), Account: text(r.Params.Account), State: core.InboxState(plain(r.Params.State)),
		From: at(r.Params.From), To: at(r.Params.To)}
	l, err := s.checkout.Inbox(ctx, q, count(r.Params.Limit), text(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := openapi.FeedbackList{Object: "list", Data: []openapi.FeedbackItem{}, HasMore: l.Next != "", NextCursor: optional(l.Next)}
	for _, item := range l.Items {
		shown, err := s.feedbackItem(item)
		if err != nil {
			return nil, err
		}
		if shown.Recording, err = recording(ctx, item, r.Params.Expand); err != nil {
			return nil, err
		}
		out.Data = append(out.Data, shown)
	}
	return openapi.ListFeedback200JSONResponse(out), nil
}

// GetFeedback handles GET /v1/feedback/{id}.
func (s *Server) GetFeedback(ctx context.Context, r openapi.GetFeedbackRequestObject) (openapi.GetFeedbackResponseObject, error) {
	item, err := s.checkout.Feedback(ctx, sightOf(ctx), r.FeedbackID)
	if err != nil {
		return nil, err
	}
	shown, err := s.feedbackItem(item)
	if err != nil {
		return nil, err
	}
	if shown.Recording, err = recording(ctx, item, r.Params.Expand); err != nil {
		return nil, err
	}
	shown.Message, err = message(item)
	return openapi.GetFeedback200JSONResponse(shown), err
}

// sightOf is whose inbox and accounts the caller sees: empty for operators, who see everything, also what belongs to nobody.
func sightOf(ctx context.Context) string {
	if c := callerOf(ctx); !c.operator() {
		return c.key.MerchantID
	}
	return ""
}

// message is what came, without secrets and buyer data, as the provider's adapter has cleaned it.
func message(item *core.InboxItem) (*openapi.FeedbackMessage, error) {
	var fb core.Feedback
	if err := json.Unmarshal(item.Feedback, &fb); err != nil {
		return nil, err
	}
	return &openapi.FeedbackMessage{Body: fb.Shown, ContentType: item.ContentType}, nil
}

func (s *Server) feedbackItem(item *core.InboxItem) (openapi.FeedbackItem, error) {
	var fb core.Feedback
	if err := json.Unmarshal(item.Feedback, &fb); err != nil {
		return openapi.FeedbackItem{}, err
	}
	out := openapi.FeedbackItem{ID: item.ID, Object: "feedback", Payment: optional(item.Place.PaymentID), State: openapi.FeedbackState(item.State),
		Account: item.Account, Provider: s.checkout.ProviderOf(item.Account), AppliedAt: instant(item.AppliedAt), Facts: []openapi.Fact{}, ReceivedAt: item.ReceivedAt, Tries: int64(item.Tries), Note: optional(item.Note), Masked: item.Masked > 0}
	if m := item.Place.Mandate(); m != "" {
		out.Payment, out.Mandate = nil, &m // what sets it up alone is no payment
	}
	for i := range fb.Facts {
		out.Facts = append(out.Facts, fact(&fb.Facts[i]))
	}
	return out, nil
}

func fact(f *core.Fact) openapi.Fact {
	out := openapi.Fact{Kind: f.Kind.String(), Code: optional(f.Code), OccurredAt: instant(f.OccurredAt), Strength: openapi.FactStrengthHint,
		Measure: [...]openapi.FactMeasure{openapi.FactMeasureSingle, openapi.FactMeasureAtLeast, openapi.FactMeasureNetAt}[f.Measure]}
	if f.Strength == core.Asserted {
		out.Strength = openapi.FactStrengthAsserted
	}
	if f.Amount.Currency != "" {
		out.Amount, out.Currency = &f.Amount.Minor, &f.Amount.Currency
	}
	return out
}
