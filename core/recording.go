package core

import (
	"context"
	"net/http"
	"time"
)

// Recording is a message of a provider as it can be taken from one installation and loaded into another.
type Recording struct {
	Account     string            `json:"account"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers,omitempty"` // others than the Content-Type, where somebody kept them
	Body        []byte            `json:"body"`              // base64 in JSON
	ReceivedAt  time.Time         `json:"received_at"`
	Masked      bool              `json:"masked,omitempty"` // a card number was, so its signature proves nothing any more
}

// Recording is an item of the inbox as it can be loaded elsewhere.
func (i *InboxItem) Recording() Recording {
	return Recording{Account: i.Account, ContentType: i.ContentType, Body: i.Raw, ReceivedAt: i.ReceivedAt, Masked: i.Masked > 0}
}

// ImportView is what came of loading a recording.
type ImportView struct {
	Outcome  string `json:"outcome"` // stored, duplicate, refused
	Account  string `json:"account"`
	Feedback string `json:"feedback,omitempty"` // id of what was stored
	Reason   string `json:"reason,omitempty"`   // why it was refused
}

// ImportListView is what came of an import, in its order.
type ImportListView struct {
	Items []ImportView `json:"items"`
}

// The outcomes of an import and the reasons of refusals.
const (
	ImportStored    = "stored"    // and applied like any message that comes in
	ImportDuplicate = "duplicate" // the inbox has it
	ImportRefused   = "refused"   // nothing was stored

	RefusedAccount     = "account_unknown"
	RefusedSignature   = "not_authentic"
	RefusedUnreadable  = "unreadable"
	RefusedMasked      = "masked" // a card number was, so its signature cannot be verified
	RefusedTime        = "received_at_invalid"
	RefusedUnavailable = "unavailable" // it could not be judged now; import it again
)

// Import loads recordings. Each is authenticated like any message, by the account of its name as it is configured here;
// a forged one is refused and leaves nothing. One that the inbox has counts once. Operators only.
func (c *Checkout) Import(ctx context.Context, r Request, recordings []Recording) (Answer, error) {
	return c.once(ctx, r, func(ctx context.Context) (Answer, error) {
		list := ImportListView{Items: []ImportView{}}
		for _, rec := range recordings {
			v, err := c.loadRecording(ctx, rec)
			if err != nil {
				return Answer{}, err
			}
			list.Items = append(list.Items, v)
		}
		return Answer{Status: http.StatusOK, Kind: "feedback_import", Snapshot: snapshot(list)}, nil
	})
}

// oldestRecording is before any provider here spoke; what claims to be older has no time at all.
var oldestRecording = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *Checkout) loadRecording(ctx context.Context, rec Recording) (ImportView, error) {
	v := ImportView{Outcome: ImportRefused, Account: rec.Account}
	a, at := c.accounts[rec.Account], rec.ReceivedAt.UTC().Truncate(time.Microsecond)
	switch {
	case a == nil:
		v.Reason = RefusedAccount
	case rec.Masked:
		v.Reason = RefusedMasked
	case at.Before(oldestRecording), at.After(now().Add(time.Minute)):
		v.Reason = RefusedTime
	}
	if v.Reason != "" {
		return v, nil
	}
	header := http.Header{"Content-Type": {rec.ContentType}}
	for name, value := range rec.Headers {
		header.Set(name, value)
	}
	m := Message{Method: http.MethodPost, Header: header, Body: rec.Body, ReceivedAt: at}
	fb, err := c.authentic(ctx, rec.Account, m)
	switch kind := KindOf(err); {
	case err == nil:
	case kind == Unauthenticated:
		v.Reason = RefusedSignature
	case kind == MalformedMessage:
		v.Reason = RefusedUnreadable
	case kind == Unavailable:
		v.Reason = RefusedUnavailable
	default:
		return v, err
	}
	if err != nil {
		return v, nil
	}
	item := newItem(rec.Account, m, fb, at)
	inserted, err := c.enter(ctx, item, fb)
	v.Outcome = ImportDuplicate
	if inserted {
		v.Outcome, v.Feedback = ImportStored, item.ID
	}
	return v, err
}
