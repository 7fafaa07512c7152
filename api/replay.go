package api

import (
	"context"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// ReplayFeedback handles POST /v1/feedback/{id}/replay.
func (s *Server) ReplayFeedback(ctx context.Context, r openapi.ReplayFeedbackRequestObject) (openapi.ReplayFeedbackResponseObject, error) {
	req, err := operatorRequest(ctx, r.Params.IdempotencyKey, nil)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.Replay(ctx, req, r.FeedbackID))
}

// ReplayFeedbackWindow handles POST /v1/feedback/replay: 200 with what became of each, 202 when the window is large.
func (s *Server) ReplayFeedbackWindow(ctx context.Context, r openapi.ReplayFeedbackWindowRequestObject) (openapi.ReplayFeedbackWindowResponseObject, error) {
	req, err := operatorRequest(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return s.answered(s.checkout.ReplayWindow(ctx, req, core.ReplayWindow{Account: r.Body.Account, State: core.InboxState(plain(r.Body.State)),
		From: r.Body.From.UTC(), To: r.Body.To.UTC(), Limit: count(r.Body.Limit), Cursor: r.Body.Cursor}))
}

// ImportFeedback handles POST /v1/feedback/import.
func (s *Server) ImportFeedback(ctx context.Context, r openapi.ImportFeedbackRequestObject) (openapi.ImportFeedbackResponseObject, error) {
	req, err := operatorRequest(ctx, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	recordings := make([]core.Recording, len(r.Body.Recordings))
	for i, rec := range r.Body.Recordings {
		recordings[i] = core.Recording{Account: rec.Account, ContentType: rec.ContentType, Headers: rec.Headers, Body: rec.Body, ReceivedAt: rec.ReceivedAt, Masked: rec.Masked}
	}
	return s.answered(s.checkout.Import(ctx, req, recordings))
}

// operatorRequest is a request of an operator; of everybody else it is Forbidden, whatever it is about.
func operatorRequest(ctx context.Context, idempotencyKey string, body any) (core.Request, error) {
	if err := operatorsOnly(ctx); err != nil {
		return core.Request{}, err
	}
	return request(ctx, idempotencyKey, body)
}

func operatorsOnly(ctx context.Context) error {
	if callerOf(ctx).operator() {
		return nil
	}
	return &core.Error{Kind: core.Forbidden, Code: "forbidden", Message: "this needs a key with operator scope"}
}

// recording is what came, for operators who ask for it; nil when they do not.
func recording(ctx context.Context, item *core.InboxItem, expand *openapi.ExpandFeedback) (*openapi.Recording, error) {
	if expand == nil {
		return nil, nil
	}
	rec := item.Recording()
	return &openapi.Recording{Account: rec.Account, ContentType: rec.ContentType, Body: rec.Body, ReceivedAt: rec.ReceivedAt, Masked: rec.Masked}, operatorsOnly(ctx)
}

func replay(v core.ReplayView) openapi.FeedbackReplay {
	return openapi.FeedbackReplay{Object: openapi.FeedbackReplayObjectFeedbackReplay, Feedback: v.Feedback, Outcome: openapi.FeedbackReplayOutcome(v.Outcome),
		Payment: optional(v.Payment), NewFacts: int64(v.NewFacts), Note: optional(v.Note)}
}

func replays(v core.ReplayListView) openapi.FeedbackReplayList {
	out := openapi.FeedbackReplayList{Object: openapi.FeedbackReplayListObjectList, Data: []openapi.FeedbackReplay{}, HasMore: v.Next != "", NextCursor: optional(v.Next)}
	for _, item := range v.Items {
		out.Data = append(out.Data, replay(item))
	}
	return out
}

func imported(v core.ImportListView) openapi.FeedbackImport {
	out := openapi.FeedbackImport{Object: openapi.FeedbackImportObjectFeedbackImport, Data: []openapi.ImportedFeedback{}}
	for _, item := range v.Items {
		out.Data = append(out.Data, openapi.ImportedFeedback{Outcome: openapi.ImportedFeedbackOutcome(item.Outcome), Account: item.Account,
			Feedback: optional(item.Feedback), Reason: optional(item.Reason)})
	}
	return out
}
