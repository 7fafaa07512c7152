package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/paymux/paymux/api/openapi/client"
	"github.com/paymux/paymux/core"
)

// localInbox is the inbox in a database. Nobody works in the background, so windows are done in small steps.
type localInbox struct{ checkout *core.Checkout }

func (l localInbox) Import(ctx context.Context, recordings []core.Recording) (out []core.ImportView, err error) {
	a, err := l.checkout.Import(ctx, core.Request{}, recordings)
	if err != nil {
		return nil, err
	}
	l.checkout.Drain(ctx)
	var list core.ImportListView
	err = json.Unmarshal(a.Snapshot, &list)
	return list.Items, err
}

func (l localInbox) Replay(ctx context.Context, id string) (v core.ReplayView, err error) {
	a, err := l.checkout.Replay(ctx, core.Request{}, id)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(a.Snapshot, &v)
}

func (l localInbox) ReplayWindow(ctx context.Context, w core.ReplayWindow) (list core.ReplayListView, err error) {
	w.Limit = 20 // which are done at once
	a, err := l.checkout.ReplayWindow(ctx, core.Request{}, w)
	if err != nil {
		return list, err
	}
	l.checkout.Drain(ctx)
	return list, json.Unmarshal(a.Snapshot, &list)
}

func (l localInbox) Export(ctx context.Context, q core.InboxQuery, cursor string) (out []core.Recording, next string, err error) {
	list, err := l.checkout.Inbox(ctx, q, 100, cursor)
	for _, item := range list.Items {
		out = append(out, item.Recording())
	}
	return out, list.Next, err
}

// remoteInbox is the inbox behind the API of a running instance.
type remoteInbox struct{ api *client.ClientWithResponses }

func newRemoteInbox(url, key string) (*remoteInbox, error) {
	if key == "" {
		return nil, errors.New("--url needs --key, or PAYMUX_API_KEY in the environment")
	}
	api, err := client.NewClientWithResponses(url, client.WithHTTPClient(&http.Client{Timeout: time.Minute}),
		client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+key)
			return nil
		}))
	return &remoteInbox{api}, err
}

// refusedBy is why an instance did not do what was asked.
func refusedBy(resp *http.Response, p *client.Refused) error {
	if p != nil {
		return fmt.Errorf("%s: %s (%s)", resp.Status, p.Detail, p.Code)
	}
	return fmt.Errorf("%s: this is no answer of paymux", resp.Status)
}

func (r *remoteInbox) Import(ctx context.Context, recordings []core.Recording) (out []core.ImportView, err error) {
	body := client.ImportFeedback{}
	for _, rec := range recordings {
		body.Recordings = append(body.Recordings, client.Recording{Account: rec.Account, ContentType: rec.ContentType, Headers: rec.Headers, Body: rec.Body,
			ReceivedAt: rec.ReceivedAt, Masked: rec.Masked})
	}
	a, err := r.api.ImportFeedbackWithResponse(ctx, &client.ImportFeedbackParams{IdempotencyKey: rand.Text()}, body)
	if err != nil {
		return nil, err
	}
	if a.JSON200 == nil {
		return nil, refusedBy(a.HTTPResponse, a.ApplicationProblemJSONDefault)
	}
	for _, v := range a.JSON200.Data {
		out = append(out, core.ImportView{Outcome: string(v.Outcome), Account: v.Account, Feedback: value(v.Feedback), Reason: value(v.Reason)})
	}
	return out, nil
}

func (r *remoteInbox) Replay(ctx context.Context, id string) (core.ReplayView, error) {
	a, err := r.api.ReplayFeedbackWithResponse(ctx, id, &client.ReplayFeedbackParams{IdempotencyKey: rand.Text()})
	if err != nil {
		return core.ReplayView{}, err
	}
	if a.JSON200 == nil {
		return core.ReplayView{}, refusedBy(a.HTTPResponse, a.ApplicationProblemJSONDefault)
	}
	return replayed(*a.JSON200), nil
}

func replayed(v client.FeedbackReplay) core.ReplayView {
	return core.ReplayView{Feedback: v.Feedback, Outcome: string(v.Outcome), Payment: value(v.Payment), NewFacts: int(v.NewFacts), Note: value(v.Note)}
}

func (r *remoteInbox) ReplayWindow(ctx context.Context, w core.ReplayWindow) (out core.ReplayListView, err error) {
	body := client.ReplayFeedback{Account: w.Account, From: w.From, To: w.To, Cursor: w.Cursor}
	if w.State != "" {
		state := client.FeedbackState(w.State)
		body.State = &state
	}
	a, err := r.api.ReplayFeedbackWindowWithResponse(ctx, &client.ReplayFeedbackWindowParams{IdempotencyKey: rand.Text()}, body)
	if err != nil {
		return out, err
	}
	list := a.JSON200
	if list == nil {
		list = a.JSON202
	}
	if list == nil {
		return out, refusedBy(a.HTTPResponse, a.ApplicationProblemJSONDefault)
	}
	for _, v := range list.Data {
		out.Items = append(out.Items, replayed(v))
	}
	out.Next = value(list.NextCursor)
	return out, nil
}

func (r *remoteInbox) Export(ctx context.Context, q core.InboxQuery, cursor string) (out []core.Recording, next string, err error) {
	expand, limit := client.ExpandFeedback("recording"), client.Limit(20)
	params := client.ListFeedbackParams{Expand: &expand, Limit: &limit, Account: given(q.Account), State: given(client.FeedbackState(q.State)), Cursor: given(cursor)}
	if !q.From.IsZero() {
		params.From = &q.From
	}
	if !q.To.IsZero() {
		params.To = &q.To
	}
	a, err := r.api.ListFeedbackWithResponse(ctx, &params)
	if err != nil {
		return nil, "", err
	}
	if a.JSON200 == nil {
		return nil, "", refusedBy(a.HTTPResponse, a.ApplicationProblemJSONDefault)
	}
	for _, item := range a.JSON200.Data {
		rec := item.Recording
		out = append(out, core.Recording{Account: rec.Account, ContentType: rec.ContentType, Body: rec.Body, ReceivedAt: rec.ReceivedAt, Masked: rec.Masked})
	}
	return out, value(a.JSON200.NextCursor), nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// given is what is sent of a value that may be left out.
func given[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}
