package core

import "slices"

// A provider may show how much was given back in all, and count in it what is still under way and may come to nothing. Its
// adapter tells that as a hint of a total (Refunded, AtLeast), which moves nothing. What became of a refund its own id tells.
// Of one whose id nobody told, only time does: what such a total showed once, and shows ever since until each refund of back
// then is decided (Capabilities.RefundsDecided), was given back. That it fell is kept as a hint as well (RefundDeclined,
// AtLeast), and what is shown after it begins anew, under the next Sequence.

// stood takes the hints of such totals from the facts of a query of everything, which began at a.began, and returns the
// facts to be learned: the others, what has stood long enough, asserted, and the hints of what is to be looked at again,
// which it plans.
func (a *amendment) stood(at *Attempt, account *Account, facts []Fact) []Fact {
	shown := int64(0)
	rest := slices.DeleteFunc(slices.Clone(facts), func(f Fact) bool {
		if f.isTotal(Refunded) && f.Amount.Currency == a.Amount.Currency {
			shown = max(shown, f.Amount.Minor)
		}
		return f.isTotal(Refunded)
	})
	known := a.clone()
	known.Apply(at.ID, "", rest, a.now)
	done := known.tallyOf(known.attempt(at.ID)).refunded()
	switch own := known.refunding(at) || a.refundedSince(at); {
	case account.caps.RefundsDecided <= 0:
		return rest
	case own && shown > done: // what is under way of our own may be in it, and who decides that need not ask again
		a.RecheckAt = later(a.RecheckAt, a.now.Add(account.caps.ResumeGap))
		return rest
	case own:
		return rest
	}
	falls, highest, held, due := int64(0), int64(0), int64(0), a.now.Add(account.caps.RefundsDecided)
	for _, e := range a.Facts {
		switch stands := e.StoredAt.Add(account.caps.RefundsDecided); {
		case e.AttemptID != at.ID:
		case e.isTotal(RefundDeclined):
			falls, highest, held, due = falls+1, 0, 0, a.now.Add(account.caps.RefundsDecided)
		case e.isTotal(Refunded):
			if highest = max(highest, e.Amount.Minor); !stands.After(a.began) {
				held = max(held, min(e.Amount.Minor, shown))
			} else if e.Amount.Minor >= shown {
				due = earlier(due, stands)
			}
		}
	}
	total := Fact{Kind: Refunded, Measure: AtLeast, Amount: Money{shown, a.Amount.Currency}, Sequence: falls}
	if highest > shown {
		fall := total
		fall.Kind = RefundDeclined
		rest, held, due = append(rest, fall), 0, a.now.Add(account.caps.RefundsDecided)
		total.Sequence++
	}
	if held > done {
		rest = append(rest, Fact{Kind: Refunded, Measure: AtLeast, Amount: Money{held, a.Amount.Currency}, Strength: Asserted, OccurredAt: a.now})
	}
	if shown > max(held, done) {
		rest = append(rest, total)
		if a.RecheckAt.After(a.began) {
			due = earlier(due, a.RecheckAt)
		}
		a.RecheckAt = due
	}
	return rest
}

// isTotal reports whether f is a hint of a total of this kind.
func (f *Fact) isTotal(kind FactKind) bool {
	return f.Kind == kind && f.Measure == AtLeast && f.Strength == Hint
}

// refunding reports whether a refund of our own is under way at an attempt.
func (p *Payment) refunding(at *Attempt) bool {
	return slices.ContainsFunc(p.Operations, func(o *Operation) bool { return o.AttemptID == at.ID && o.Kind == OpRefund && o.open() })
}

// refundedSince reports whether one was, since the provider was asked: what it shows may be from then.
func (a *amendment) refundedSince(at *Attempt) bool {
	return slices.ContainsFunc(a.Operations, func(o *Operation) bool {
		return o.AttemptID == at.ID && o.Kind == OpRefund && !o.UpdatedAt.Before(a.began)
	})
}
