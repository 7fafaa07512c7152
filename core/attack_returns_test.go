package core_test

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// A buyer goes back once, then forward again, pays, and is back with the provider's word for it.
func TestABuyerGoesAwayAndPaysAllTheSame(t *testing.T) {
	for name, kind := range map[string]core.FactKind{"ended hint": core.AttemptEnded, "away": core.BuyerAway} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.pageOnce()
				v := d.create("order-1", core.CaptureAutomatic)
				op := d.op(v.ID, core.OpStart).Op
				d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
					return core.Feedback{Facts: []core.Fact{{Kind: kind}}}, nil
				}
				_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
				require.NoError(t, err)
				d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
					return core.Feedback{Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
				}
				l, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
				require.NoError(t, err)
				p := d.payment(v.ID)
				require.False(t, p.Attempts[0].OwedAt.IsZero(), "the provider owes its word on it")
				_, again := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
				require.Equal(t, "state_invalid", core.CodeOf(again), "status %s: a second charge was begun; the buyer was sent to %s", p.Status, l.To)
			})
		})
	}
}

// A question that was asked before the buyer came back is no answer to what he did after it.
func TestAnOldQuestionIsNoLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		declined := core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted}
		d.hear(declined)
		first := true
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			if !first {
				return core.Snapshot{}, errors.New("timeout")
			}
			first = false
			// The provider has looked; its answer is on the way. The buyer pays now and is back.
			time.Sleep(5 * time.Second)
			_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
			require.NoError(t, err)
			require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status)
			time.Sleep(time.Second)
			return core.Snapshot{Found: true, Facts: []core.Fact{declined}}, nil
		}
		p, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.Equal(t, core.StatusProcessing, p.Status, "what was asked before he came back says nothing of what he did since")
	})
}

// The account was removed. A buyer who was declined there, and tried again, comes back: nobody can be asked, so
// nothing is decided.
func TestAReturnToARemovedAccountAfterADecline(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	d.hear(core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted})
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
	other, err := core.OpenAccount(core.AccountConfig{Name: "next", Provider: "scripted"}, make([]byte, 32), coretest.NewProvider())
	require.NoError(t, err)
	d.open(func(o *core.Options) {
		o.Accounts, o.Merchants = []*core.Account{other}, []*core.Merchant{{ID: "m", Accounts: []string{"next"}}}
	})
	_, err = d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
	require.NoError(t, err)
	p := d.payment(v.ID)
	_, again := d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
	require.Equal(t, "state_invalid", core.CodeOf(again), "status %s: a second charge was begun at the next account", p.Status)
}

// Two bookings of the same amount in a back office send the same message twice; the totals show the second one a moment
// after the message.
func TestARepeatedMessageBeforeTheTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		var total atomic.Int64
		total.Store(1000)
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			return core.Snapshot{Found: true, Facts: []core.Fact{{Kind: core.Captured, Measure: core.AtLeast, Of: "A-" + op.Reference, Amount: core.Money{Minor: total.Load(), Currency: "EUR"}, Strength: core.Asserted}}}, nil
		}
		stop := d.runs()
		note := core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}}
		send := func() {
			_, err := d.Receive(t.Context(), "acc", coretest.Message(note))
			require.NoError(t, err)
		}
		send()
		time.Sleep(time.Hour)
		require.Equal(t, int64(1000), d.payment(v.ID).Amounts.Captured)
		send() // the second booking of 10.00
		late := d.payment(v.ID).RecheckAt
		time.Sleep(time.Second)
		send()
		require.Equal(t, late, d.payment(v.ID).RecheckAt, "any number of repetitions makes one question")
		time.Sleep(10 * time.Second)
		total.Store(2000) // shown ten seconds later, well within the gap of two minutes
		time.Sleep(30 * 24 * time.Hour)
		stop()
		require.Equal(t, int64(2000), d.payment(v.ID).Amounts.Captured, "nobody asked again after the gap")
	})
}

// unread is a database whose reads fail for a while.
type unread struct {
	core.Store
	blind bool
}

func (b *unread) Locate(ctx context.Context, account string, refs []core.Ref) (core.Place, error) {
	if b.blind {
		return core.Place{}, &core.Error{Kind: core.Unavailable, Code: "storage_unavailable"}
	}
	return b.Store.Locate(ctx, account, refs)
}

// A repeated message that has the provider asked is not acknowledged while the database cannot be read.
func TestARepetitionIsNotAcknowledgedUnread(t *testing.T) {
	d := newDesk(t)
	v := d.authorized("order-1")
	op := d.op(v.ID, core.OpStart).Op
	s := &unread{Store: d.store}
	d.open(func(o *core.Options) { o.Store = s })
	note := core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}}
	d.receive(note)
	s.blind = true
	_, err := d.Receive(t.Context(), "acc", coretest.Message(note))
	require.Error(t, err, "without an acknowledgement it is sent again")
}

// An old message that only hints at money says nothing new when it is replayed long after its payment has failed.
func TestAReplayOfAKnownHintLiftsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		paid := coretest.Authorized(op, true)
		paid.Strength = core.Hint
		declined := core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted}
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			return core.Snapshot{Found: true, Facts: []core.Fact{declined}}, nil
		}
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "x", Facts: []core.Fact{paid}})
		stop := d.runs()
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
		require.NoError(t, err)
		time.Sleep(60 * 24 * time.Hour)
		before := d.payment(v.ID)
		item := d.items(core.InboxQuery{})[0].ID
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) { return core.Snapshot{}, nil } // the provider keeps orders for a while
		_, err = d.Replay(t.Context(), request("replay"), item)
		require.NoError(t, err)
		after := d.payment(v.ID)
		time.Sleep(20 * 24 * time.Hour)
		stop()
		end := d.payment(v.ID)
		require.Equal(t, before.Status, after.Status, "what says nothing new changes nothing")
		require.Equal(t, before.Status, end.Status, "for ever")
	})
}

// Turned away once, a buyer who pays at a later attempt is not sent to the cart while nobody has told of his money.
func TestLandingAfterAnEarlierAttemptWasAbandoned(t *testing.T) {
	d := newDesk(t)
	d.pageOnce()
	v := d.create("order-1", core.CaptureAutomatic)
	d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.BuyerAway}}}, nil
	}
	_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "GET", url.Values{})
	require.NoError(t, err)
	_, err = d.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
	require.NoError(t, err)
	d.provider.OnReturn = func(r core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.Captured, ID: "A-" + r.Known.Reference, Of: "A-" + r.Known.Reference, Amount: r.Known.Amount}}}, nil
	}
	l, err := d.Return(t.Context(), d.tokens.Return(v.ID, 2, core.LegResult), "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, core.StatusProcessing, l.Payment.Status)
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, l.To)
}

// Two sales of a buyer on one page take twice the amount: a person is told to look.
func TestTwoSalesAtOneAttemptAreLookedAt(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic)
	op := d.op(v.ID, core.OpStart).Op
	one := coretest.Authorized(op, true)
	two := one
	two.ID, two.Of = "B", "B"
	for key, f := range map[string]core.Fact{"first": one, "second": two} {
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: key, Facts: []core.Fact{f}})
	}
	p := d.payment(v.ID)
	require.Equal(t, int64(20000), p.Amounts.Captured)
	require.True(t, p.NeedsReview, "status %s", p.Status)
}

// An operator attests a capture without the provider's id, and the provider tells of one by an id of its own. Whether that
// is the same a person has to say.
func TestWhatWasAttestedIsToldByAnotherID(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true})
	require.Empty(t, code)
	require.False(t, d.payment(id).NeedsReview)
	f := coretest.Fact(core.Captured, capture.Op)
	f.ID, f.OpKey = "C-77", ""
	d.hear(f)
	require.True(t, d.payment(id).NeedsReview)
}

// The same told before he spoke: he has seen it, and nothing is left to look at.
func TestWhatAnOperatorHasSeenIsNotOdd(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	f := coretest.Fact(core.Captured, capture.Op)
	f.ID, f.OpKey = "C-77", ""
	d.hear(f)
	_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID, Happened: true})
	require.Empty(t, code)
	require.False(t, d.payment(id).NeedsReview)
}

// brief is a database whose next write fails, once.
type brief struct {
	core.Store
	fails int
}

func (b *brief) Do(ctx context.Context, subject string, fn func(core.Tx) error) error {
	if b.fails > 0 {
		b.fails--
		return &core.Error{Kind: core.Unavailable, Code: "storage_unavailable"}
	}
	return b.Store.Do(ctx, subject, fn)
}

// The provider, asked, says that the capture was made; the database cannot take it down. That is no silence of the provider:
// the operator's word against it is not taken.
func TestAnOperatorIsNotBelievedWhenTheProviderHasTold(t *testing.T) {
	d := newDesk(t)
	id, capture := d.inDoubt("order-1")
	s := &brief{Store: d.store}
	d.open(func(o *core.Options) { o.Store = s })
	d.lost(4000, 0) // its totals show the capture now
	s.fails = 1
	_, code := d.resolve("1", id, core.Settlement{Operation: capture.ID})
	p := d.payment(id)
	require.NotEmpty(t, code, "settled as %s, capturable %d, and the timeline says: %q", d.op(id, core.OpCapture).State, p.Amounts.Capturable, d.word(id).Asked)
}

// A repeated message makes its payment due; a capture that comes before anybody asked does not take the question away.
func TestNoQuestionIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.authorized("order-1")
		op := d.op(v.ID, core.OpStart).Op
		note := core.Feedback{Reference: op.Reference, DedupeKey: "x", Read: []core.Object{{Kind: core.ObjAuthorization}}}
		asked := 0
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			asked++
			return core.Snapshot{Found: true}, nil
		}
		d.receive(note)
		time.Sleep(3 * time.Minute)
		_, err := d.Sync(t.Context(), "m", v.ID)
		require.NoError(t, err)
		require.True(t, d.payment(v.ID).CheckAt.IsZero(), "everything was read")
		before := asked
		_, err = d.Receive(t.Context(), "acc", coretest.Message(note)) // it is asked about as soon as somebody has time
		require.NoError(t, err)
		_, err = d.Capture(t.Context(), request("cap"), v.ID, amount(1000))
		require.NoError(t, err)
		stop := d.runs()
		time.Sleep(20 * 24 * time.Hour)
		stop()
		require.Greater(t, asked, before, "nobody asked in twenty days")
	})
}

// The page is over for one window of the buyer (the provider's hint), one try was declined, and in another window he paid
// and is back with the word for it, a day after the payment was created: it is not told as failed.
func TestNothingFailsWhileMoneyIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		declined := core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted}
		d.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
			return core.Snapshot{Found: true, Facts: []core.Fact{declined}}, nil // the money shows after the gap
		}
		time.Sleep(24*time.Hour + time.Minute)
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "d", Facts: []core.Fact{declined}})
		d.receive(core.Feedback{Reference: op.Reference, DedupeKey: "e", Facts: []core.Fact{{Kind: core.AttemptEnded}}})
		d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
			return core.Feedback{Facts: []core.Fact{coretest.Authorized(op, true)}}, nil
		}
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
		require.NoError(t, err)
		p := d.payment(v.ID)
		require.True(t, time.Now().Before(p.Attempts[0].OwedAt), "what the provider said does not count yet")
		require.NotEqual(t, core.StatusFailed, p.Status, "%v", d.events(v.ID))
	})
}

// The same buyer, the same page: he went back to the shop once, came again and paid, and is not sent to the cart
// while the provider does not show it yet.
func TestLandingOfABuyerWhoCameBackToThePage(t *testing.T) {
	d := newDesk(t)
	v := d.create("order-1", core.CaptureAutomatic) // a page that can be opened again
	token := d.tokens.Return(v.ID, 1, core.LegResult)
	d.provider.OnReturn = func(core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.BuyerAway}}}, nil
	}
	_, err := d.Return(t.Context(), token, "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresAction, d.payment(v.ID).Status)
	d.provider.OnReturn = func(r core.Return) (core.Feedback, error) {
		return core.Feedback{Facts: []core.Fact{{Kind: core.Captured, ID: "A-" + r.Known.Reference, Of: "A-" + r.Known.Reference, Amount: r.Known.Amount}}}, nil
	}
	l, err := d.Return(t.Context(), token, "GET", url.Values{})
	require.NoError(t, err)
	require.Equal(t, core.StatusProcessing, l.Payment.Status)
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, l.To)
}

// Money at an account that was removed from the configuration: a message that hints at it is heard, and as nobody can be
// asked, the payment is not offered to another account.
func TestAHintOfMoneyAtARemovedAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		v := d.create("order-1", core.CaptureAutomatic)
		op := d.op(v.ID, core.OpStart).Op
		_, err := d.Return(t.Context(), d.tokens.Return(v.ID, 1, core.LegResult), "POST", url.Values{})
		require.NoError(t, err)
		d.hear(core.Fact{Kind: core.AuthorizationDeclined, ID: "A-" + op.Reference, Strength: core.Asserted})
		require.Equal(t, core.StatusRequiresPaymentMethod, d.payment(v.ID).Status)
		paid := coretest.Authorized(op, true)
		paid.Strength = core.Hint
		_, err = d.Receive(t.Context(), "acc", coretest.Message(core.Feedback{Reference: op.Reference, DedupeKey: "paid", Facts: []core.Fact{paid}, Read: []core.Object{{Kind: core.ObjAuthorization}}}))
		require.NoError(t, err)
		d.removeAccount()
		stop := d.runs()
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, core.InboxApplied, d.items(core.InboxQuery{})[0].State)
		require.Equal(t, core.StatusProcessing, d.payment(v.ID).Status, "the provider has said that it was paid, and nobody has said that it was not")
	})
}
