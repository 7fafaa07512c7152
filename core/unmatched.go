package core

import (
	"slices"
	"strings"
	"time"
)

// triesUntold is how often an unmatched message is looked for before anybody is told, about a minute in all: one that is
// early finds its payment by then.
const triesUntold = 2

// UnmatchedView is an unmatched message as its merchant sees it: that it came. What it says is for operators, who see
// the inbox of everybody.
type UnmatchedView struct {
	ID         string    `json:"id"`
	Object     string    `json:"object"` // feedback
	Account    string    `json:"account"`
	ReceivedAt time.Time `json:"received_at"`
}

// tellUnmatched tells the merchant of an item's account that it belongs to no payment, once, in the transaction that
// leaves it so. Where several merchants use the account it may be about any of them, and none is told of the others'
// business: an operator finds it in the log and in the inbox.
func (c *Checkout) tellUnmatched(tx Tx, item *InboxItem) (letters []Work, err error) {
	merchant := c.onlyMerchantOf(item.Account)
	if merchant == "" {
		return nil, nil
	}
	at := now()
	b := EventBody{ID: prefixEvent + strings.TrimPrefix(item.ID, prefixFeedback), Type: "feedback.unmatched", Timestamp: at, Data: EventData{
		Object: UnmatchedView{item.ID, "feedback", item.Account, item.ReceivedAt}, Cause: Cause{"feedback", item.ID}}}
	e := Event{ID: b.ID, MerchantID: merchant, Type: b.Type, CreatedAt: at}
	if e.Body, err = c.freeze(b); err != nil {
		return nil, err
	}
	if told, err := tx.Tell(e); err != nil || !told {
		return nil, err
	}
	return c.outbox(tx, merchant, []Event{e})
}

// onlyMerchantOf is the merchant who alone uses an account, empty when nobody or more than one does.
func (c *Checkout) onlyMerchantOf(account string) (only string) {
	for id, m := range c.merchants {
		if !slices.Contains(m.Accounts, account) {
			continue
		}
		if only != "" {
			return ""
		}
		only = id
	}
	return only
}
