package core

import (
	"context"
)

// find is where an object belongs that a message names and nobody here knows, by the reference that the provider shows of
// it: a charge to a stored consent names the consent, which has many orders, and its own id comes with an answer that may
// be lost. The provider is asked only about what is under a consent that is known here, and until somebody is told that
// the message belongs to nothing: what others do at the same provider is nobody's business here, and costs no question.
// NotFound when it belongs nowhere, or the provider did not tell.
func (c *Checkout) find(ctx context.Context, item *InboxItem, fb Feedback) (Place, error) {
	account := c.accounts[item.Account]
	if account == nil || account.finder == nil || len(fb.Under) == 0 || item.Tries > triesUntold {
		return Place{}, notFound("payment")
	}
	if _, err := c.store.Locate(ctx, item.Account, Feedback{Refs: fb.Under}.lookups()); err != nil {
		return Place{}, err
	}
	for _, o := range fb.Read {
		reference, err := account.referenceOf(ctx, o)
		if err != nil {
			c.log.WarnContext(ctx, "provider not asked", "account", item.Account, "feedback", item.ID, "error", err)
		}
		if reference == "" {
			continue
		}
		if place, err := c.store.Locate(ctx, item.Account, []Ref{{RefOwn, reference}}); err == nil || KindOf(err) != NotFound {
			return place, err
		}
	}
	return Place{}, notFound("payment")
}

// referenceOf asks what reference an object bears at the provider.
func (a *Account) referenceOf(ctx context.Context, o Object) (string, error) {
	ctx, cancel := context.WithTimeout(asking(ctx), min(a.CallTimeout, queryTimeout))
	defer cancel()
	return guarded(a.judged(ctx), func(ctx context.Context) (string, error) { return a.finder.ReferenceOf(ctx, o) })
}
