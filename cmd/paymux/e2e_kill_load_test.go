package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How the load of T-05 is made. The pauses come from a seed; what the machine makes of them does not.
const (
	killSeed    = 2031
	kills       = 20
	killWorkers = 3
)

// sale is one order of the load: what the merchant asked for, and what he was told.
type sale struct {
	reference string // the merchant's
	created   string // the 201 he got for it, empty when he got none
	asked     bool   // for the capture
	captured  string // the 201 he got for the capture
}

func (s *sale) order() map[string]any   { return order(s.reference, map[string]any{"amount": 9900}) }
func (s *sale) capture() map[string]any { return map[string]any{"amount": 9900} }

// testKilledUnderLoad kills the program at random moments of creates and captures. What it acknowledged is still
// there afterwards, letter by letter, and by the simulator's books nothing happened twice.
func testKilledUnderLoad(t *testing.T, k *mortal) {
	random := rand.New(rand.NewPCG(killSeed, kills))
	stop := make(chan struct{})
	var workers sync.WaitGroup
	sales := make([][]*sale, killWorkers)
	for n := range sales {
		workers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s := &sale{reference: fmt.Sprintf("order-%d-%d", n, i)}
				sales[n] = append(sales[n], s)
				k.sell(s)
			}
		})
	}
	for range kills {
		time.Sleep(time.Duration(50+random.IntN(200)) * time.Millisecond)
		k.kill()
		k.start()
	}
	close(stop)
	workers.Wait()
	total, acknowledged := 0, 0
	for _, list := range sales {
		for _, s := range list {
			total++
			if s.captured != "" {
				acknowledged++
			}
			k.stands(s)
		}
	}
	t.Logf("seed %d: %d kills, %d payments begun, %d captures acknowledged", killSeed, kills, total, acknowledged)
	require.Positive(t, acknowledged, "the load never got through: nothing was proved")
}

// sell goes as far as it gets: create, the buyer pays, capture. Whoever is killed meanwhile answers nothing.
func (k *mortal) sell(s *sale) {
	status, raw, err := k.try("POST", "/v1/payments", s.order(), s.reference)
	for end := time.Now().Add(time.Second); err != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // the program is down
		status, raw, err = k.try("POST", "/v1/payments", s.order(), s.reference)
	}
	if err != nil || status != http.StatusCreated {
		return // the first call died under way, and its lease goes on
	}
	s.created = raw
	p := k.parsed(raw)
	k.buyAtPage(p)
	path := "/v1/payments/" + p.str("id")
	for range 20 {
		if _, raw, err = k.try("POST", path+"/sync", nil, s.reference+"-sync"); err == nil && k.parsed(raw).str("status") == "requires_capture" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.asked = true
	if status, raw, err = k.try("POST", path+"/captures", s.capture(), s.reference+"-capture"); err == nil && status == http.StatusCreated {
		s.captured = raw
	}
}

// parsed is an answer's body.
func (k *mortal) parsed(raw string) *answer {
	a := &answer{t: k.t, raw: raw}
	_ = json.Unmarshal([]byte(raw), &a.body) // what is no JSON has no members
	return a
}

// stands requires of one sale what is promised: P1 to P4.
func (k *mortal) stands(s *sale) {
	k.t.Helper()
	p := k.created(s)
	id, reference := p.str("id"), fields(p)["merchant_reference"]
	if s.created != "" {
		require.Equal(k.t, s.created, p.raw, "%s: A PAYMENT THAT WAS ACKNOWLEDGED IS ANOTHER ONE NOW", s.reference)
	}
	path := "/v1/payments/" + id
	if s.asked {
		k.captured(s, path, reference)
	}
	k.call("POST", path+"/sync", nil).want(200)
	times, minor := k.effects(reference, "capture")
	require.LessOrEqual(k.t, times, 1, "%s: DOUBLE EFFECT: %d captured", s.reference, minor)
	authorizations, _ := k.effects(reference, "authorize")
	require.LessOrEqual(k.t, authorizations, 1, "%s: DOUBLE EFFECT", s.reference)
	a := k.agrees(id, reference)
	require.NotEqual(k.t, "failed", a.str("status"), "%s: FAILED WITHOUT PROOF: %s", s.reference, a.raw)
}

// created repeats the create until it has its final answer.
func (k *mortal) created(s *sale) (a *answer) {
	k.t.Helper()
	require.Eventually(k.t, func() bool {
		a = k.call("POST", "/v1/payments", s.order(), "Idempotency-Key", s.reference)
		if a.status == http.StatusAccepted {
			k.call("POST", "/v1/payments/"+a.str("id")+"/sync", nil).want(200)
		}
		return a.status == http.StatusCreated
	}, 20*time.Second, 50*time.Millisecond, "%s: the create never came to an end", s.reference)
	return a
}

// captured repeats the capture with its key until the program knows, or says that it does not and the books show why.
func (k *mortal) captured(s *sale, path, reference string) {
	k.t.Helper()
	var a *answer
	done := 0
	require.Eventually(k.t, func() bool {
		k.call("POST", path+"/sync", nil).want(200)
		a = k.call("POST", path+"/captures", s.capture(), "Idempotency-Key", s.reference+"-capture")
		done, _ = k.effects(reference, "capture")
		inDoubt := a.status == http.StatusAccepted && k.get(path[len("/v1/payments/"):]).str("amounts.in_doubt") == "9900"
		return a.status == http.StatusCreated || done == 0 && (inDoubt || a.str("code") == "state_invalid")
	}, 20*time.Second, 100*time.Millisecond, "%s: the capture never came to an end", s.reference)
	switch {
	case s.captured != "":
		require.Equal(k.t, s.captured, a.raw, "%s: A CAPTURE THAT WAS ACKNOWLEDGED IS ANOTHER ONE NOW", s.reference)
	case done == 0:
		require.NotEqual(k.t, http.StatusCreated, a.status, "%s: CLAIMED though the provider did nothing: %s", s.reference, a.raw)
	default:
		require.Equal(k.t, "succeeded", a.str("status"), "%s: %s", s.reference, a.raw)
	}
}
