package core

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// ReplayView is what came of applying an item of the inbox again.
type ReplayView struct {
	Feedback string `json:"feedback"`
	Outcome  string `json:"outcome"` // applied, unmatched, failed, queued
	Payment  string `json:"payment,omitempty"`
	NewFacts int    `json:"new_facts"`
	Note     string `json:"note,omitempty"`
}

// The outcomes of a replay.
const (
	ReplayApplied   = "applied"   // to Payment; NewFacts tells whether that said anything new
	ReplayUnmatched = "unmatched" // no payment has its references yet
	ReplayFailed    = "failed"    // it could not be applied; the log says why
	ReplayQueued    = "queued"    // it is done in the background
)

// ReplayListView is what came of applying the items of a window again, the longest received first.
type ReplayListView struct {
	Items []ReplayView `json:"items"`
	Next  string       `json:"next,omitempty"` // asks for what follows; empty at the end
}

// ReplayWindow says which items to apply again.
type ReplayWindow struct {
	Account  string
	State    InboxState
	From, To time.Time // of reception: at From or later, before To
	Limit    int       // 1 to 1000; 0: 100
	Cursor   string
}

const (
	replayMost   = 1000
	replayAtOnce = 20 // how many items are applied before the answer; more are done in the background
)

// Replay applies an item of the inbox again: its bytes are translated by the adapter of its account as it is now, so that
// one which has learnt a code understands old messages. What was authentic when it came is not judged again. Facts are
// known by what they mean, so nothing counts twice; an item that was applied stays with its payment. Operators only.
func (c *Checkout) Replay(ctx context.Context, r Request, id string) (Answer, error) {
	if !validID(prefixFeedback, id) {
		return Answer{}, notFound("feedback")
	}
	return c.once(ctx, r, func(ctx context.Context) (Answer, error) {
		v, err := c.replayOne(ctx, id, nil)
		return Answer{Status: http.StatusOK, Kind: "feedback_replay", Snapshot: snapshot(v)}, err
	})
}

// ReplayWindow applies the items of a window again. A small one is done at once and the answer is 200; of a large one the
// answer is 202, and its items are done one by one in the background.
func (c *Checkout) ReplayWindow(ctx context.Context, r Request, w ReplayWindow) (Answer, error) {
	return c.once(ctx, r, func(ctx context.Context) (Answer, error) {
		ids, next, err := c.windowOf(ctx, r.MerchantID, w)
		if err != nil {
			return Answer{}, err
		}
		list, status := ReplayListView{Items: []ReplayView{}, Next: next}, http.StatusOK
		if len(ids) > replayAtOnce {
			status = http.StatusAccepted
			list.Items, err = c.queueReplays(ctx, ids)
			return Answer{Status: status, Kind: "feedback_replay_list", Snapshot: snapshot(list)}, err
		}
		for _, id := range ids {
			v, err := c.replayOne(ctx, id, nil)
			if err != nil {
				return Answer{}, err
			}
			list.Items = append(list.Items, v)
		}
		return Answer{Status: status, Kind: "feedback_replay_list", Snapshot: snapshot(list)}, nil
	})
}

// windowOf are the ids of the items of a window, and what asks for those that follow.
func (c *Checkout) windowOf(ctx context.Context, merchant string, w ReplayWindow) (ids []string, next string, err error) {
	if w.Limit == 0 {
		w.Limit = 100
	}
	if w.Limit < 1 || w.Limit > replayMost {
		return nil, "", invalid("field_invalid", "/limit", "the limit is 1 to %d", replayMost)
	}
	if !w.From.Before(w.To) {
		return nil, "", invalid("field_invalid", "/to", "the window ends before it begins")
	}
	q := InboxQuery{Account: w.Account, State: w.State, From: w.From, To: w.To, Oldest: true}
	if w.Cursor != "" {
		if q.Before, err = c.tokens.parseCursor(merchant, w.Cursor); err != nil || !validID(prefixFeedback, q.Before) {
			return nil, "", invalid("field_invalid", "/cursor", "the cursor is none of this list")
		}
	}
	for more := true; more && len(ids) <= w.Limit; {
		q.Limit = min(w.Limit+1-len(ids), maxPage)
		items, err := c.store.Inbox(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, item := range items {
			ids = append(ids, item.ID)
			q.Before = item.ID
		}
		more = len(items) == q.Limit
	}
	if len(ids) == 0 && w.Account != "" {
		if err := c.mistyped("", w.Account, c.inboxOf(ctx, "", w.Account)); CodeOf(err) == "query_invalid" {
			return nil, "", invalid("account_unknown", "/account", "there is no such account; %s", c.accountNames(""))
		} else if err != nil {
			return nil, "", err
		}
	}
	if len(ids) > w.Limit {
		ids = ids[:w.Limit]
		next = c.tokens.cursor(merchant, ids[w.Limit-1])
	}
	return ids, next, nil
}

// queueReplays has every item applied again in the background.
func (c *Checkout) queueReplays(ctx context.Context, ids []string) (out []ReplayView, err error) {
	at := now()
	for some := range slices.Chunk(ids, 100) {
		err := c.store.Do(ctx, "work", func(tx Tx) error {
			for _, id := range some {
				if err := tx.Soon(WorkReplay, id, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err // those that are queued are applied again; the repetition of the request queues all
		}
		for _, id := range some {
			out = append(out, ReplayView{Feedback: id, Outcome: ReplayQueued})
		}
	}
	c.desk.dueAt(at)
	return out, nil
}

// replaysAtOnce is how many items are applied again at a time: feedback that comes in goes first.
const replaysAtOnce = 2

// replayItem is a replay in the background.
func (c *Checkout) replayItem(ctx context.Context, w Work) error {
	_, err := c.replayOne(ctx, w.Subject, &w)
	return err
}

// replayOne applies an item again; with work, that is done with it. Only what may pass is an error.
func (c *Checkout) replayOne(ctx context.Context, id string, w *Work) (ReplayView, error) {
	item, err := c.store.Feedback(ctx, "", id)
	if err != nil {
		return ReplayView{}, err
	}
	fb, err := c.understand(ctx, item)
	if err != nil {
		return c.replayFailed(ctx, w, item, err)
	}
	place := item.Place
	if place.PaymentID == "" {
		place, err = c.store.Locate(ctx, item.Account, fb.lookups())
	}
	if err != nil && KindOf(err) != NotFound {
		return ReplayView{}, err
	}
	if err != nil {
		v := ReplayView{Feedback: item.ID, Outcome: ReplayUnmatched, Note: fb.Note}
		return v, c.store.Do(ctx, item.ID, func(tx Tx) error { return c.parkAgain(ctx, tx, w, item, fb) })
	}
	v, err := c.hearAgain(ctx, w, item, fb, place)
	if err != nil && !passes(err) && CodeOf(err) != "lease_lost" {
		return c.replayFailed(ctx, w, item, err)
	}
	return v, err
}

// understand is what an item says to the adapter as it is now. Where that cannot read it, because its account is gone or
// the bytes are no longer those that came, it is what was understood when it came.
func (c *Checkout) understand(ctx context.Context, item *InboxItem) (Feedback, error) {
	header := http.Header{"Content-Type": {item.ContentType}}
	if fb, ok := c.accounts[item.Account].reread(ctx, Message{Method: http.MethodPost, Header: header, Body: item.Raw, ReceivedAt: item.ReceivedAt}); ok {
		fb.DedupeKey = item.DedupeKey // what came decided that
		return fb, nil
	}
	var fb Feedback
	err := json.Unmarshal(item.Feedback, &fb)
	return fb, err
}

// hearAgain applies what an item says. What says nothing new leaves no evidence; the provider is asked all the same.
func (c *Checkout) hearAgain(ctx context.Context, w *Work, item *InboxItem, fb Feedback, place Place) (ReplayView, error) {
	v := ReplayView{Feedback: item.ID, Outcome: ReplayApplied, Payment: place.PaymentID}
	_, err := c.amend(ctx, "", place.PaymentID, Cause{"feedback", item.ID}, func(a *amendment) error {
		again, known, flagged := *item, len(a.Facts), a.Mismatch
		again.Note = fb.Note
		a.hear(&again, fb, a.attempt(place.AttemptID), c.accounts[item.Account])
		v.NewFacts, v.Note = len(a.Facts)-known, again.Note
		if v.NewFacts == 0 && a.Mismatch == flagged {
			a.evidence = nil
		}
		if again.State != InboxApplied {
			again.AppliedAt = a.now
		}
		again.State, again.Place, again.Tries = InboxApplied, place, item.Tries+1
		a.then = func() error { return again.replayed(a.tx, w, item, fb) }
		return nil
	})
	return v, err
}

// replayed stores an item as a replay left it: what it says now, and nothing more to be done with it.
func (i *InboxItem) replayed(tx Tx, w *Work, before *InboxItem, fb Feedback) error {
	if err := i.reread(tx, fb); err != nil {
		return err
	}
	if before.State == InboxUnmatched {
		if err := tx.Park(i.ID, i.Account, nil); err != nil {
			return err
		}
	}
	if before.State != InboxApplied {
		if err := tx.Plan(Work{Kind: WorkApply, Subject: i.ID}); err != nil {
			return err
		}
	}
	return finish(tx, w)
}

// reread stores an item with what it says now.
func (i *InboxItem) reread(tx Tx, fb Feedback) error {
	if said := detail(fb); string(said) != string(i.Feedback) {
		if err := tx.Translate(i.ID, said); err != nil {
			return err
		}
	}
	return tx.SaveInbox(i)
}

// parkAgain leaves an item unmatched, by the references that it names now; one that was given up is tried again.
func (c *Checkout) parkAgain(ctx context.Context, tx Tx, w *Work, item *InboxItem, fb Feedback) error {
	again := *item
	again.State, again.Note = InboxUnmatched, fb.Note
	if err := again.reread(tx, fb); err != nil {
		return err
	}
	if err := tx.Park(item.ID, item.Account, fb.lookups()); err != nil {
		return err
	}
	at, _ := c.unparkAt(ctx, tx, item, fb)
	if err := tx.Soon(WorkApply, item.ID, at); err != nil {
		return err
	}
	return finish(tx, w)
}

// replayFailed tells of an item that could not be applied again. It stays as it was.
func (c *Checkout) replayFailed(ctx context.Context, w *Work, item *InboxItem, cause error) (ReplayView, error) {
	c.log.ErrorContext(ctx, "feedback not applied again", "feedback", item.ID, "account", item.Account, "error", cause)
	v := ReplayView{Feedback: item.ID, Outcome: ReplayFailed, Payment: item.Place.PaymentID, Note: "it could not be applied; the log says why"}
	if w == nil {
		return v, nil
	}
	return v, c.drop(ctx, *w)
}

// finish ends work, if there is any.
func finish(tx Tx, w *Work) error {
	if w == nil {
		return nil
	}
	return tx.Done(*w)
}
