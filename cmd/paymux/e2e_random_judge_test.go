package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// rest ends faults and holding back, waits until every message has arrived, and has the provider asked.
func (s *sequence) rest() {
	s.faultless()
	s.control("feedback", map[string]any{"mode": "normal", "release": true})
	looks := 0
	require.Eventually(s.t, func() bool {
		if looks++; looks%5 == 0 {
			s.control("clock", map[string]any{"advance": "11s"}) // what was not acknowledged is sent again
		}
		resp, err := http.Get(s.simURL + "/_control/feedback")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var line struct{ Queued, Held int }
		return json.NewDecoder(resp.Body).Decode(&line) == nil && line.Queued == 0 && line.Held == 0
	}, waitFor, tick, "messages are on their way for ever")
	for _, w := range s.instances {
		w.settled(s.id)
	}
}

// judge holds what the program says against the simulator's books.
func (s *sequence) judge() {
	v := s.get(s.id)
	authorized, captured, refunded, voided := s.books(s.id)
	s.tell("end: %s %s, books %d %d %d %d, %v", v.str("status"), v.str("amounts"), authorized, captured, refunded, voided, s.events(s.id))
	require.Equal(s.t, fmt.Sprint(authorized, captured, refunded, voided),
		fmt.Sprint(v.at("amounts.authorized"), " ", v.at("amounts.captured"), " ", v.at("amounts.refunded"), " ", v.at("amounts.released")), "the simulator's books and ours")
	s.judgeBookings()
	s.judgeStatus(v)
	p, err := s.service.store.Payment(s.t.Context(), "", s.id)
	require.NoError(s.t, err)
	stored := p.Amounts
	p.Apply("", "", nil, p.UpdatedAt)
	require.Equal(s.t, stored, p.Amounts, "the counters follow from the facts")
}

// judgeBookings: what is told as done was done by us, and what we did is told as done or as open.
func (s *sequence) judgeBookings() {
	p, err := s.service.store.Payment(s.t.Context(), "", s.id)
	require.NoError(s.t, err)
	done, open, effects := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, o := range p.Operations {
		switch {
		case o.State == core.OpSucceeded:
			done[string(o.Kind)] += o.Amount.Minor
		case o.State.Open():
			open[string(o.Kind)] += o.Amount.Minor
		}
	}
	for _, b := range s.sim.Books().Payments {
		for _, e := range b.Effects {
			if e.By == "api" {
				effects[e.Kind] += e.Amount
			}
		}
	}
	for _, kind := range []string{"capture", "refund"} {
		if !s.byOthers { // else a booking in doubt of the same amount may be taken for ours, which nobody can tell
			require.LessOrEqual(s.t, done[kind], effects[kind], "a %s is told as done that was not", kind)
		}
		require.LessOrEqual(s.t, effects[kind], done[kind]+open[kind], "a %s was done that is told as failed, or was done twice", kind)
	}
}

// judgeStatus: the status is one that the books allow.
func (s *sequence) judgeStatus(v *answer) {
	authorized, captured, _, voided := s.books(s.id)
	switch status := v.str("status"); status {
	case "failed", "requires_payment_method", "requires_action":
		require.Zero(s.t, authorized, status)
	case "canceled":
		require.Zero(s.t, captured, status)
	case "succeeded", "partially_captured":
		require.NotZero(s.t, captured, status)
	case "requires_capture":
		require.Zero(s.t, captured, status)
		require.Greater(s.t, authorized, voided, status)
	}
}
