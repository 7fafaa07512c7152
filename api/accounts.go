package api

import (
	"context"
	"slices"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// ListAccounts handles GET /v1/accounts: the accounts the caller may use; for operators all of them.
func (s *Server) ListAccounts(ctx context.Context, _ openapi.ListAccountsRequestObject) (openapi.ListAccountsResponseObject, error) {
	out := openapi.AccountList{Object: "list", Data: []openapi.Account{}}
	for _, a := range s.checkout.Accounts(sightOf(ctx)) {
		reach, refused := a.Reachability(), a.CredentialsRefused()
		count, because := s.refusals.count(a.Name)
		out.Data = append(out.Data, openapi.Account{Object: "account", Name: a.Name, Livemode: s.live, Provider: a.Provider, State: openapi.AccountState(a.State),
			Breakers:        openapi.Breakers{Calls: openapi.BreakerState(reach.Calls), Queries: openapi.BreakerState(reach.Queries)},
			FeedbackRefused: count, FeedbackRefusedBecause: because, CredentialsRefusedAt: instant(refused.At), Problems: a.Problems()})
	}
	return openapi.ListAccounts200JSONResponse(out), nil
}

// GetAccountCapabilities handles GET /v1/accounts/{account}/capabilities.
func (s *Server) GetAccountCapabilities(ctx context.Context, r openapi.GetAccountCapabilitiesRequestObject) (openapi.GetAccountCapabilitiesResponseObject, error) {
	a := s.checkout.Account(sightOf(ctx), r.Account)
	if a == nil {
		return nil, &core.Error{Kind: core.NotFound, Code: "not_found", Message: "there is no such account"}
	}
	caps := a.Capabilities()
	out := openapi.AccountCapabilities{Object: openapi.AccountCapabilitiesObjectAccountCapabilities, Account: a.Name, Provider: a.Provider, Operations: a.Can(),
		Feedback: openapi.FeedbackCapabilities{Signed: caps.Feedback.Signed, RetriesForSeconds: int64(caps.Feedback.RetriesFor.Seconds())}}
	for i := range caps.Methods {
		out.Methods = append(out.Methods, methodCapabilities(&caps.Methods[i], slices.Contains(a.Can(), "void")))
	}
	return openapi.GetAccountCapabilities200JSONResponse(out), nil
}

func methodCapabilities(m *core.MethodCaps, void bool) openapi.MethodCapabilities {
	out := openapi.MethodCapabilities{Type: openapi.MethodType(m.Method.Type), Flow: m.Method.Flow, Product: m.Method.Product,
		AuthorizationLifeSeconds: int64(m.AuthorizationLife.Seconds()), SessionLifeSeconds: int64(m.SessionLife.Seconds()), Business: m.Business,
		Countries: list(m.Countries), Currencies: list(m.Currencies), NextActions: list(m.NextActions), Options: list(m.Options),
		CaptureMethods: words[openapi.CaptureMethod](m.Captures), OffSession: words[openapi.CaptureMethod](m.OffSession), Save: words[openapi.MandateKind](m.Save),
		OnSession: words[openapi.CaptureMethod](m.OnSession), SetUp: words[openapi.MandateKind](m.SetUp), ChangePlan: m.ChangePlan,
		ChangeInstrument: words[openapi.MandateKind](m.ChangeInstrument), PartialRefund: m.PartialRefund, BuyerSeconds: int64(m.BuyerFor.Seconds()), Reauthorize: m.Reauthorize, Review: m.Review, Update: m.Update, UpdateShipping: m.UpdateShipping,
		Agreement: m.Agreement, Delivery: m.Delivery, RefundPerCapture: m.RefundPerCapture, VoidAfterCapture: m.VoidAfterCapture, VoidPending: m.VoidPending,
		Release: openapi.MethodCapabilitiesReleaseWindow}
	if m.Max > 0 {
		out.MaxAmount = &m.Max
	}
	if n := int64(m.CapturesPerAuth); n > 0 {
		out.CapturesPerAuthorization = &n
	}
	if void && slices.Contains(m.Captures, core.CaptureManual) {
		out.Release = openapi.MethodCapabilitiesReleaseRequest
	}
	return out
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func words[To, From ~string](in []From) []To {
	out := []To{}
	for _, v := range in {
		out = append(out, To(v))
	}
	return out
}
