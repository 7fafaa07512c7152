package api

import (
	"context"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// CreateCapture handles POST /v1/payments/{id}/captures: 201, or 202 while the outcome is open.
func (s *Server) CreateCapture(ctx context.Context, r openapi.CreateCaptureRequestObject) (openapi.CreateCaptureResponseObject, error) {
	body := plain(r.Body)
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Capture(ctx, req, r.PaymentID, core.NewBooking{Amount: body.Amount, Currency: body.Currency, Reference: body.Reference,
		From: body.Authorization, Final: body.Final, Metadata: body.Metadata}))
}

// CreateAuthorization handles POST /v1/payments/{id}/authorizations: 201, or 202 while the outcome is open.
func (s *Server) CreateAuthorization(ctx context.Context, r openapi.CreateAuthorizationRequestObject) (openapi.CreateAuthorizationResponseObject, error) {
	body := plain(r.Body)
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Authorize(ctx, req, r.PaymentID, core.NewBooking{Amount: body.Amount, Currency: body.Currency, Reference: body.Reference, Metadata: body.Metadata}))
}

// CreateRefund handles POST /v1/payments/{id}/refunds: 201, or 202 while the outcome is open.
func (s *Server) CreateRefund(ctx context.Context, r openapi.CreateRefundRequestObject) (openapi.CreateRefundResponseObject, error) {
	body := plain(r.Body)
	req, err := request(ctx, r.Params.IdempotencyKey, body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Refund(ctx, req, r.PaymentID, core.NewBooking{Amount: body.Amount, Currency: body.Currency, Reference: body.Reference,
		Capture: body.Capture, Reason: body.Reason, Metadata: body.Metadata}))
}

// ListCaptures handles GET /v1/payments/{id}/captures: all of them, newest first.
func (s *Server) ListCaptures(ctx context.Context, r openapi.ListCapturesRequestObject) (openapi.ListCapturesResponseObject, error) {
	p, err := s.checkout.Payment(ctx, merchantOf(ctx), r.PaymentID, false)
	if err != nil {
		return nil, err
	}
	out := openapi.CaptureList{Object: "list", Data: []openapi.Capture{}}
	for _, v := range p.Bookings(core.OpCapture) {
		out.Data = append(out.Data, booking(v).(openapi.Capture))
	}
	return openapi.ListCaptures200JSONResponse(out), nil
}

// ListAuthorizations handles GET /v1/payments/{id}/authorizations: all of them, newest first.
func (s *Server) ListAuthorizations(ctx context.Context, r openapi.ListAuthorizationsRequestObject) (openapi.ListAuthorizationsResponseObject, error) {
	p, err := s.checkout.Payment(ctx, merchantOf(ctx), r.PaymentID, false)
	if err != nil {
		return nil, err
	}
	out := openapi.AuthorizationList{Object: "list", Data: []openapi.Authorization{}}
	for _, v := range p.Bookings(core.OpAuthorize) {
		out.Data = append(out.Data, booking(v).(openapi.Authorization))
	}
	return openapi.ListAuthorizations200JSONResponse(out), nil
}

// ListRefunds handles GET /v1/payments/{id}/refunds: all of them, newest first.
func (s *Server) ListRefunds(ctx context.Context, r openapi.ListRefundsRequestObject) (openapi.ListRefundsResponseObject, error) {
	p, err := s.checkout.Payment(ctx, merchantOf(ctx), r.PaymentID, false)
	if err != nil {
		return nil, err
	}
	out := openapi.RefundList{Object: "list", Data: []openapi.Refund{}}
	for _, v := range p.Bookings(core.OpRefund) {
		out.Data = append(out.Data, booking(v).(openapi.Refund))
	}
	return openapi.ListRefunds200JSONResponse(out), nil
}
