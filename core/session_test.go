package core_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/core/coretest"
)

// counter is a checkout over a scripted provider with sessions.
type counter struct {
	*desk
	wallet *coretest.Sessions
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{desk: newDesk(t), wallet: coretest.NewSessions()}
	c.provider = c.wallet.Provider
	c.openWith(c.wallet, nil)
	return c
}

// walletPayment is one that is reviewed at the merchant's.
func walletPayment(reference string) core.NewPayment {
	in := newPayment(reference, core.CaptureManual)
	in.Order.Method = core.Method{Type: "wallet", Flow: "express"}
	in.Order.ReviewURL = "https://shop.example/review"
	return in
}

func (c *counter) begin(in core.NewPayment) core.View {
	c.t.Helper()
	a, err := c.Create(c.t.Context(), request("create-"+in.Reference), in)
	require.NoError(c.t, err)
	v := view(c.t, a)
	require.Equal(c.t, core.StatusRequiresAction, v.Status)
	return v
}

// attempt is the provider's reference of the payment's latest attempt.
func (c *counter) attempt(id string) string { return c.payment(id).Latest().Reference }

// back has the buyer come back on a leg with a session id, and gives where he goes on.
func (c *counter) back(id string, leg core.Leg, session string) string {
	c.t.Helper()
	values := url.Values{}
	if session != "" {
		values.Set("session", session)
	}
	l, err := c.Return(c.t.Context(), c.tokens.Return(id, len(c.payment(id).Attempts), leg), "GET", values)
	require.NoError(c.t, err)
	return l.To
}

// reviewed creates a payment whose buyer is back to review session S.
func (c *counter) reviewed(in core.NewPayment) core.View {
	c.t.Helper()
	v := c.begin(in)
	c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
	c.back(v.ID, core.LegReview, "S")
	return c.payment(v.ID).View()
}

// confirmed is reviewed, and confirmed by the merchant.
func (c *counter) confirmed(in core.NewPayment) core.View {
	c.t.Helper()
	v := c.reviewed(in)
	a, err := c.Confirm(c.t.Context(), request("confirm-"+in.Reference), v.ID, nil, "", &v.Version)
	require.NoError(c.t, err)
	require.Equal(c.t, 200, a.Status)
	return view(c.t, a)
}

func (c *counter) agrees(session string) {
	c.wallet.Change(session, func(s *coretest.Session) { s.Agreed = true })
}

func TestFromTheButtonToTheMoney(t *testing.T) {
	c := newCounter(t)
	v := c.begin(walletPayment("order-1"))
	require.Equal(t, core.NextWidget, v.Next.Type)
	c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
	require.Equal(t, "https://shop.example/review?payment="+v.ID, c.back(v.ID, core.LegReview, "S"))
	v = c.payment(v.ID).View()
	require.Equal(t, core.StatusRequiresConfirmation, v.Status)
	require.Equal(t, "Ringstr. 5", v.Review.Buyer.Shipping.Line1)
	require.Subset(t, c.payment(v.ID).AllowedActions(), []string{"confirm", "update", "cancel"})
	a, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", &v.Version)
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	require.Equal(t, "https://provider.example/agree/S", view(t, a).Next.URL)
	require.Equal(t, core.StatusRequiresAction, view(t, a).Status)
	c.agrees("S")
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, c.back(v.ID, core.LegResult, "S"))
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresCapture, p.Status)
	require.Equal(t, core.Amounts{Authorized: 10000, Capturable: 10000, Ceiling: 10000}, p.Amounts)
	c.back(v.ID, core.LegResult, "S")
	c.back(v.ID, core.LegReview, "S")
	require.Equal(t, 1, c.wallet.Sold(), "a reload buys nothing again")
	require.Equal(t, []string{"payment.created", "payment.action_required", "payment.review_required", "payment.action_required", "payment.authorized"}, c.events(v.ID))
	again, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", &v.Version)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, string(a.Snapshot), string(again.Snapshot))
}

// The merchant who has no review page has the order confirmed when the buyer is back, and is not asked to.
func TestWithoutAReviewPageTheOrderIsConfirmedAtOnce(t *testing.T) {
	c := newCounter(t)
	in := walletPayment("order-1")
	in.Order.ReviewURL = ""
	v := c.begin(in)
	c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
	require.Equal(t, "https://provider.example/agree/S", c.back(v.ID, core.LegReview, "S"), "the buyer goes straight on")
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
	require.NotContains(t, c.events(v.ID), "payment.review_required")
}

func TestWithoutAReviewTheSessionIsBoundAndCompleted(t *testing.T) {
	c := newCounter(t)
	c.wallet.Now = true
	in := walletPayment("order-1")
	in.Order.Capture = core.CaptureAutomatic
	v := c.begin(in)
	c.wallet.Open("S", c.attempt(v.ID), "")
	c.wallet.Open("foreign", "other", "")
	c.back(v.ID, core.LegResult, "foreign")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresAction, p.Status, "nobody was there")
	require.Empty(t, p.Latest().Refs)
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, core.StatusSucceeded, c.payment(v.ID).Status)
	require.Equal(t, 1, c.wallet.Sold())
	require.Equal(t, "S", c.payment(v.ID).Latest().Refs[coretest.RefSession])
}

// Whoever knows the return address, as the buyer does, may bring what he likes to it.
func TestForgedAndForeignSessionsAreNotBound(t *testing.T) {
	c := newCounter(t)
	v, other := c.begin(walletPayment("order-1")), c.begin(walletPayment("order-2"))
	c.wallet.Open("S2", c.attempt(other.ID), "Ringstr. 5")
	for _, forged := range []string{"nobody's", "S2"} {
		require.Equal(t, "https://shop.example/cart?payment="+v.ID, c.back(v.ID, core.LegReview, forged))
		p := c.payment(v.ID)
		require.Equal(t, core.StatusRequiresAction, p.Status)
		require.Empty(t, p.Latest().Refs)
		require.Nil(t, p.Latest().Brought)
		require.False(t, p.NeedsReview)
	}
	c.back(other.ID, core.LegReview, "S2")
	require.Equal(t, core.StatusRequiresConfirmation, c.payment(other.ID).Status, "and its own payment has it")
}

// A buyer with two tabs opens two sessions; the first that is confirmed counts, whatever the other tab brings.
func TestTwoTabsBindOneSession(t *testing.T) {
	c := newCounter(t)
	v := c.begin(walletPayment("order-1"))
	c.wallet.Open("A", c.attempt(v.ID), "Ringstr. 5")
	c.wallet.Open("B", c.attempt(v.ID), "Hauptstr. 1")
	c.back(v.ID, core.LegReview, "A")
	shown := c.payment(v.ID)
	c.back(v.ID, core.LegReview, "B")
	p := c.payment(v.ID)
	require.Equal(t, "A", p.Latest().Refs[coretest.RefSession])
	require.Equal(t, "Ringstr. 5", p.View().Review.Fingerprint)
	require.Equal(t, shown.Version, p.Version, "and nothing changed")
}

// What a slow answer says of the session of one tab is nothing about that of the other, which is bound meanwhile.
func TestASlowAnswerAboutTheOtherTab(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		c := newCounter(t)
		v := c.begin(walletPayment("order-1"))
		c.wallet.Open("A", c.attempt(v.ID), "Ringstr. 5").Canceled = canceled
		c.wallet.Open("B", c.attempt(v.ID), "Hauptstr. 1")
		c.wallet.OnRead = func(in core.SessionInput) (core.Outcome, error) {
			c.wallet.OnRead = nil
			c.back(v.ID, core.LegReview, "B")
			return c.wallet.Read(in), nil
		}
		c.back(v.ID, core.LegReview, "A")
		p := c.payment(v.ID)
		require.Equal(t, "B", p.Latest().Refs[coretest.RefSession])
		require.Nil(t, p.Latest().Brought)
		require.Equal(t, core.StatusRequiresConfirmation, p.Status)
		require.Equal(t, "Hauptstr. 1", p.View().Review.Fingerprint)
	}
}

// While the provider cannot be read the buyer waits on a page that loads itself again, and the background reads as well.
func TestAReadThatFailsIsMadeAgain(t *testing.T) {
	for name, again := range map[string]func(*counter, string){
		"by the page":        func(c *counter, id string) { c.back(id, core.LegReview, "") },
		"by a merchant":      func(c *counter, id string) { _, err := c.Sync(c.t.Context(), "m", id); require.NoError(c.t, err) },
		"by the background":  func(c *counter, _ string) { stop := c.runs(); time.Sleep(time.Minute); stop() },
		"by another browser": func(c *counter, id string) { c.back(id, core.LegReview, "S") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t)
				v := c.begin(walletPayment("order-1"))
				c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
				c.wallet.OnRead = func(core.SessionInput) (core.Outcome, error) { return core.Outcome{}, errors.New("timeout") }
				require.Empty(t, c.back(v.ID, core.LegReview, "S"))
				require.Equal(t, core.StatusProcessing, c.payment(v.ID).Status)
				c.wallet.OnRead = nil
				again(c, v.ID)
				p := c.payment(v.ID)
				require.Equal(t, core.StatusRequiresConfirmation, p.Status)
				require.Equal(t, "S", p.Latest().Refs[coretest.RefSession])
			})
		})
	}
}

func TestAChangedReviewIsShownAgain(t *testing.T) {
	c := newCounter(t)
	v := c.reviewed(walletPayment("order-1"))
	c.back(v.ID, core.LegReview, "S")
	require.Equal(t, v.Version, c.payment(v.ID).Version, "a reload changes nothing")
	c.wallet.Change("S", func(s *coretest.Session) { s.Review.Fingerprint = "Hauptstr. 1" })
	require.Equal(t, "https://shop.example/review?payment="+v.ID, c.back(v.ID, core.LegReview, "S"))
	p := c.payment(v.ID)
	require.Equal(t, "Hauptstr. 1", p.View().Review.Fingerprint)
	require.Greater(t, p.Version, v.Version)
	_, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", &v.Version)
	require.Equal(t, "version_conflict", core.CodeOf(err), "he would have shipped to the other address")

	c.wallet.OnRead = func(core.SessionInput) (core.Outcome, error) { return core.Outcome{}, errors.New("timeout") }
	require.Empty(t, c.back(v.ID, core.LegReview, "S"))
	require.Equal(t, core.StatusProcessing, c.payment(v.ID).Status, "he may have chosen otherwise: the old review is not for confirming")
	c.wallet.OnRead = nil
	c.back(v.ID, core.LegReview, "")
	require.Equal(t, core.StatusRequiresConfirmation, c.payment(v.ID).Status)
}

// A buyer who goes back after the confirm and chooses otherwise has the order to be confirmed again; until then nothing of
// what he agrees to is gone through with.
func TestWhatIsChangedAfterTheConfirmIsConfirmedAgain(t *testing.T) {
	c := newCounter(t)
	v := c.confirmed(walletPayment("order-1"))
	require.Equal(t, "https://shop.example/review?payment="+v.ID, c.back(v.ID, core.LegReview, "S"))
	require.Equal(t, core.StatusRequiresAction, c.payment(v.ID).Status, "nothing was changed")
	c.wallet.Change("S", func(s *coretest.Session) { s.Review.Fingerprint = "Hauptstr. 1" })
	c.back(v.ID, core.LegReview, "S")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresConfirmation, p.Status)
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	require.Zero(t, c.wallet.Sold())
	_, err := c.Confirm(t.Context(), request("again"), v.ID, nil, "", &p.Version)
	require.NoError(t, err)
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
	require.Equal(t, 1, c.wallet.Sold())
}

func TestAConfirmThatComesToNothingGivesTheReviewBack(t *testing.T) {
	for name, out := range map[string]func(core.Op, core.ConfirmInput) (core.Outcome, error){
		"declined": func(core.Op, core.ConfirmInput) (core.Outcome, error) {
			return core.Outcome{Result: core.Declined, Failure: &core.Failure{Category: core.FailureDeclinedSoft}}, nil
		},
		"not sent": func(core.Op, core.ConfirmInput) (core.Outcome, error) {
			return core.Outcome{}, core.NotSentError(errors.New("refused"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			v := c.reviewed(walletPayment("order-1"))
			c.wallet.OnConfirm = out
			_, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
			p := c.payment(v.ID)
			require.Equal(t, core.StatusRequiresConfirmation, p.Status)
			require.NotNil(t, p.View().Review)
			if name == "declined" {
				require.NoError(t, err)
				require.Equal(t, core.FailureDeclinedSoft, p.View().LastError.Category)
			} else {
				require.Equal(t, core.Unavailable, core.KindOf(err))
			}
			c.wallet.OnConfirm = nil
			_, err = c.Confirm(t.Context(), request("confirm2"), v.ID, nil, "", nil)
			require.NoError(t, err)
			require.Equal(t, core.StatusRequiresAction, c.payment(v.ID).Status)
			calls := c.provider.Calls(core.OpConfirm)
			require.Equal(t, name == "declined", calls[0].Key != calls[1].Key, "what was declined is another call, what never left is the same")
		})
	}
}

// A provider that sees that the buyer chose otherwise since refuses to confirm what was shown: the review is another one.
func TestAnotherChoiceThanShownIsNotConfirmed(t *testing.T) {
	c := newCounter(t)
	v := c.reviewed(walletPayment("order-1"))
	c.wallet.Change("S", func(s *coretest.Session) { s.Review.Fingerprint = "Hauptstr. 1" })
	a, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", &v.Version)
	require.NoError(t, err)
	after := view(t, a)
	require.Equal(t, core.StatusRequiresConfirmation, after.Status)
	require.Equal(t, "Hauptstr. 1", after.Review.Fingerprint)
	require.NotNil(t, after.LastError)
	require.Greater(t, after.Version, v.Version)
}

// A confirm that never left is not repeated with its key once the order was changed: it would confirm the old amount.
func TestAConfirmThatNeverLeftIsHeldAgainstTheOrder(t *testing.T) {
	c := newCounter(t)
	v := c.reviewed(walletPayment("order-1"))
	c.wallet.OnConfirm = func(core.Op, core.ConfirmInput) (core.Outcome, error) {
		return core.Outcome{}, core.NotSentError(errors.New("refused"))
	}
	_, err := c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
	require.Equal(t, core.Unavailable, core.KindOf(err))
	c.wallet.OnConfirm = nil
	more := int64(12000)
	_, err = c.Patch(t.Context(), request(""), v.ID, core.Changes{Amount: &more})
	require.NoError(t, err)
	_, err = c.Confirm(t.Context(), request("confirm"), v.ID, nil, "", nil)
	require.Equal(t, "state_invalid", core.CodeOf(err))
	_, err = c.Confirm(t.Context(), request("confirm2"), v.ID, nil, "", nil)
	require.NoError(t, err)
	require.Equal(t, int64(12000), c.wallet.Sessions()["S"].Amount.Minor)
}

// Reports, returns and the background at once go through with a session once.
func TestOneOfManyCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.confirmed(walletPayment("order-1"))
		c.agrees("S")
		c.wallet.OnFinish = func(op core.Op, in core.CompleteInput) (core.Outcome, error) {
			time.Sleep(3 * time.Second)
			return c.wallet.Finish(op, in), nil
		}
		stop := c.runs()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if i%2 == 0 {
					_, err := c.Return(context.Background(), c.tokens.Return(v.ID, 1, core.LegResult), "GET", url.Values{"session": {"S"}})
					require.NoError(t, err)
					return
				}
				_, err := c.Report(context.Background(), request("report"+string(rune('a'+i))), v.ID, core.LegResult, url.Values{"session": {"S"}})
				require.NoError(t, err)
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		stop()
		require.Len(t, c.provider.Calls(core.OpComplete), 1)
		require.Equal(t, 1, c.wallet.Sold())
		require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
	})
}

// A lost answer leaves it open whether the session was gone through with. The provider's books decide: it was, or the call
// is made again, under the same key.
func TestAnUnknownCompleteIsDecidedByReading(t *testing.T) {
	for name, arrived := range map[string]bool{"it arrived": true, "it was lost": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t)
				v := c.confirmed(walletPayment("order-1"))
				c.agrees("S")
				c.wallet.OnFinish = func(op core.Op, in core.CompleteInput) (core.Outcome, error) {
					if c.wallet.OnFinish = nil; arrived {
						c.wallet.Finish(op, in)
					}
					return core.Outcome{}, errors.New("connection reset")
				}
				require.Equal(t, "https://shop.example/thanks?payment="+v.ID, c.back(v.ID, core.LegResult, "S"))
				p := c.payment(v.ID)
				require.Equal(t, core.StatusProcessing, p.Status)
				require.Equal(t, int64(10000), p.Amounts.InDoubt)
				if !arrived {
					_, err := c.Cancel(t.Context(), request("cancel"), v.ID, "")
					require.Equal(t, "previous_operation_unresolved", core.CodeOf(err), "nothing is canceled that may have been paid")
				}
				stop := c.runs()
				time.Sleep(10 * time.Minute)
				stop()
				require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
				require.Equal(t, 1, c.wallet.Sold())
				calls := c.provider.Calls(core.OpComplete)
				require.Len(t, calls, map[bool]int{true: 1, false: 2}[arrived])
				for _, call := range calls {
					require.Equal(t, calls[0].Key, call.Key)
				}
			})
		})
	}
}

// What never left is made by the background, and by whoever comes first.
func TestACompleteThatNeverLeftIsMadeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.confirmed(walletPayment("order-1"))
		c.agrees("S")
		c.wallet.OnFinish = func(core.Op, core.CompleteInput) (core.Outcome, error) {
			return core.Outcome{}, core.NotSentError(errors.New("refused"))
		}
		c.back(v.ID, core.LegResult, "S")
		require.Equal(t, core.StatusProcessing, c.payment(v.ID).Status)
		c.wallet.OnFinish = nil
		stop := c.runs()
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
		calls := c.provider.Calls(core.OpComplete)
		require.Len(t, calls, 2)
		require.Equal(t, []any{calls[0].ID, calls[0].Key}, []any{calls[1].ID, calls[1].Key})
	})
}

// A provider that takes a day to decide has taken the session: it is asked until it tells.
func TestAPendingCompleteIsAskedForADay(t *testing.T) {
	for name, paid := range map[string]bool{"and paid": true, "and declined": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t)
				v := c.confirmed(walletPayment("order-1"))
				op, began := core.Op{}, time.Now()
				c.wallet.OnFinish = func(o core.Op, _ core.CompleteInput) (core.Outcome, error) {
					op = o
					return core.Outcome{Result: core.Pending, Facts: []core.Fact{{Kind: core.AgreementOpen, ID: "P", Amount: o.Amount, Strength: core.Asserted},
						{Kind: core.AuthorizationPending, ID: "A-" + o.Reference, Amount: o.Amount, Strength: core.Asserted}}}, nil
				}
				c.provider.OnQuery = func(core.QueryInput) (core.Snapshot, error) {
					f := core.Fact{Kind: core.Authorized, ID: "A-" + op.Reference, Amount: op.Amount, Strength: core.Asserted}
					switch {
					case time.Since(began) < 20*time.Hour:
						return core.Snapshot{Found: true}, nil
					case !paid:
						f = core.Fact{Kind: core.AuthorizationDeclined, ID: f.ID, Strength: core.Asserted, Failure: &core.Failure{Category: core.FailureDeclinedHard}}
					}
					return core.Snapshot{Found: true, Facts: []core.Fact{f}}, nil
				}
				c.agrees("S")
				require.Equal(t, "https://shop.example/thanks?payment="+v.ID, c.back(v.ID, core.LegResult, "S"))
				stop := c.runs()
				time.Sleep(19 * time.Hour)
				p := c.payment(v.ID)
				time.Sleep(3 * time.Hour)
				stop()
				require.Equal(t, core.StatusProcessing, p.Status)
				require.Zero(t, p.Amounts.Capturable, "an agreement is not charged while its authorization is pending")
				p = c.payment(v.ID)
				if paid {
					require.Equal(t, core.StatusRequiresCapture, p.Status)
					return
				}
				require.Equal(t, core.StatusRequiresPaymentMethod, p.Status)
				require.Equal(t, core.FailureDeclinedHard, p.View().LastError.Category)
				require.Len(t, c.provider.Calls(core.OpComplete), 1)
			})
		})
	}
}

func TestADeclinedCompleteAsksForAnotherMethod(t *testing.T) {
	c := newCounter(t)
	v := c.confirmed(walletPayment("order-1"))
	c.wallet.Change("S", func(s *coretest.Session) { s.Canceled = true })
	require.Equal(t, "https://shop.example/thanks?payment="+v.ID, c.back(v.ID, core.LegResult, "S"))
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresPaymentMethod, p.Status)
	require.Equal(t, core.FailureBuyerCanceled, p.View().LastError.Category)
	require.Zero(t, c.wallet.Sold())
	a, err := c.Confirm(t.Context(), request("again"), v.ID, nil, "", nil)
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresAction, view(t, a).Status, "another attempt begins at the button")
	require.Equal(t, 2, view(t, a).Attempts)
}

// A buyer who comes to the result address without having agreed has the action again that he came from.
func TestWhoHasNotAgreedIsNotBack(t *testing.T) {
	c := newCounter(t)
	v := c.confirmed(walletPayment("order-1"))
	c.back(v.ID, core.LegResult, "S")
	p := c.payment(v.ID)
	require.Equal(t, core.StatusRequiresAction, p.Status)
	require.Equal(t, "https://provider.example/agree/S", p.View().Next.URL)
	c.agrees("S")
	c.back(v.ID, core.LegResult, "S")
	require.Equal(t, core.StatusRequiresCapture, c.payment(v.ID).Status)
}

// What becomes of a buyer who closes his browser: who had agreed has bought, whoever had not, or turned away, has not.
func TestABuyerWhoNeverComesBack(t *testing.T) {
	for name, w := range map[string]struct {
		agrees, turns, merchant bool
		sold                    int
		status                  core.Status
	}{
		"and had agreed":                          {agrees: true, sold: 1, status: core.StatusRequiresCapture},
		"and had not agreed":                      {status: core.StatusCanceled},
		"and had agreed, then turned away":        {agrees: true, turns: true, status: core.StatusCanceled},
		"and had agreed, then the merchant ended": {agrees: true, merchant: true, status: core.StatusCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t)
				v := c.confirmed(walletPayment("order-1"))
				if w.agrees {
					c.agrees("S")
				}
				if w.turns {
					require.Equal(t, "https://shop.example/cart?payment="+v.ID, c.back(v.ID, core.LegBack, ""))
				}
				if w.merchant {
					_, err := c.Cancel(t.Context(), request("cancel"), v.ID, "")
					require.NoError(t, err)
					c.back(v.ID, core.LegResult, "S")
				}
				stop := c.runs()
				time.Sleep(3 * 24 * time.Hour)
				stop()
				require.Equal(t, w.sold, c.wallet.Sold())
				require.Equal(t, w.status, c.payment(v.ID).Status)
			})
		})
	}
}

// Where the provider does not tell whether the buyer has agreed, Complete is tried a few times for one who does not come
// back: soon enough, and it is no failure when he has not.
func TestABuyerWhoNeverComesBackAndOfWhomNobodyTells(t *testing.T) {
	for name, w := range map[string]struct {
		agrees, turns bool
		sold, tries   int
		status        core.Status
	}{
		"and had agreed":                   {agrees: true, sold: 1, tries: 1, status: core.StatusRequiresCapture},
		"and had not agreed":               {tries: 4, status: core.StatusCanceled},
		"and had agreed, then turned away": {agrees: true, turns: true, status: core.StatusCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounter(t)
				c.wallet.Caps.CompleteProves = true
				c.openWith(c.wallet, nil)
				query := c.wallet.OnQuery
				c.wallet.OnQuery = func(in core.QueryInput) (core.Snapshot, error) {
					s, err := query(in)
					if s.Session == core.SessionAgreed {
						s.Session = core.SessionOpen
					}
					return s, err
				}
				v := c.confirmed(walletPayment("order-1"))
				if w.agrees {
					c.agrees("S")
				}
				if w.turns {
					c.back(v.ID, core.LegBack, "")
				}
				stop := c.runs()
				time.Sleep(10 * time.Minute)
				require.Empty(t, c.wallet.Calls(core.OpComplete), "he may be there yet")
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Equal(t, w.sold, c.wallet.Sold())
				if w.sold == 0 && !w.turns {
					require.Nil(t, c.payment(v.ID).View().LastError)
					require.Equal(t, core.StatusRequiresAction, c.payment(v.ID).Status)
				}
				time.Sleep(3 * 24 * time.Hour)
				stop()
				require.Equal(t, w.sold, c.wallet.Sold())
				require.Len(t, c.wallet.Calls(core.OpComplete), w.tries)
				require.Equal(t, w.status, c.payment(v.ID).Status)
			})
		})
	}
}

// Who turned away while the provider could not be told is not charged by the background; who comes back all the same is.
func TestWhoTurnsAwayBeforeTheCallIsNotCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.confirmed(walletPayment("order-1"))
		c.agrees("S")
		c.wallet.OnFinish = func(core.Op, core.CompleteInput) (core.Outcome, error) {
			return core.Outcome{}, core.NotSentError(errors.New("refused"))
		}
		c.back(v.ID, core.LegResult, "S")
		c.wallet.OnFinish = nil
		c.back(v.ID, core.LegBack, "")
		stop := c.runs()
		time.Sleep(time.Hour)
		stop()
		require.Zero(t, c.wallet.Sold())
		require.Equal(t, core.StatusRequiresAction, c.payment(v.ID).Status)
		c.back(v.ID, core.LegResult, "S")
		require.Equal(t, 1, c.wallet.Sold())
	})
}

// A review that nobody confirms ends with the session, and the buyer's late return changes nothing.
func TestAReviewEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		v := c.reviewed(walletPayment("order-1"))
		stop := c.runs()
		time.Sleep(23 * time.Hour)
		before := c.payment(v.ID).Status
		time.Sleep(2 * time.Hour)
		stop()
		require.Equal(t, core.StatusRequiresConfirmation, before)
		require.Equal(t, core.StatusCanceled, c.payment(v.ID).Status)
		require.Equal(t, core.FailureExpired, c.payment(v.ID).View().CancelReason)
		c.back(v.ID, core.LegReview, "S")
		require.Equal(t, core.StatusCanceled, c.payment(v.ID).Status)
	})
}

// An integrator whose own page the buyer comes back to reports what was brought there, and it is the same as coming to ours.
func TestAReportedReturn(t *testing.T) {
	c := newCounter(t)
	v := c.begin(walletPayment("order-1"))
	c.wallet.Open("S", c.attempt(v.ID), "Ringstr. 5")
	brought := url.Values{"session": {"S"}}
	a, err := c.Report(t.Context(), request("r1"), v.ID, core.LegReview, brought)
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	require.Equal(t, core.StatusRequiresConfirmation, view(t, a).Status)
	_, err = c.Confirm(t.Context(), request("c"), v.ID, nil, "", nil)
	require.NoError(t, err)
	c.agrees("S")
	a, err = c.Report(t.Context(), request("r2"), v.ID, core.LegResult, brought)
	require.NoError(t, err)
	require.Equal(t, core.StatusRequiresCapture, view(t, a).Status)
	again, err := c.Report(t.Context(), request("r2"), v.ID, core.LegResult, brought)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	_, err = c.Report(t.Context(), request("r3"), v.ID, "elsewhere", brought)
	require.Equal(t, core.Invalid, core.KindOf(err))
	foreign := request("r4")
	foreign.MerchantID = "other"
	_, err = c.Report(t.Context(), foreign, v.ID, core.LegResult, brought)
	require.Equal(t, core.NotFound, core.KindOf(err))
	require.Equal(t, 1, c.wallet.Sold())
}
