package campaign

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A judge that cannot say no proves nothing: each of its words is heard once.

func TestModel(t *testing.T) {
	void := func(amount int64, by string) []effect { return []effect{{Kind: "void", Amount: amount, By: by}} }
	for name, c := range map[string]struct {
		m    model
		want []string
	}{
		"nothing paid":               {model{amount: 100}, []string{"canceled", "failed"}},
		"canceled before":            {model{amount: 100, canceled: true}, []string{"canceled"}},
		"paid after a cancel":        {model{amount: 100, canceled: true, sum: booked{Authorized: 100}}, []string{"requires_capture"}},
		"authorized":                 {model{amount: 100, sum: booked{Authorized: 100}}, []string{"requires_capture"}},
		"a part taken":               {model{amount: 100, sum: booked{Authorized: 100, Captured: 40}}, []string{"partially_captured"}},
		"a part taken, rest waived":  {model{amount: 100, waived: true, sum: booked{Authorized: 100, Captured: 40}}, []string{"succeeded"}},
		"all taken and given back":   {model{amount: 100, sum: booked{Authorized: 100, Captured: 100, Refunded: 100}}, []string{"succeeded"}},
		"released":                   {model{amount: 100, sum: booked{Authorized: 100}, effects: void(100, "api")}, []string{"canceled"}},
		"lapsed, which nobody tells": {model{amount: 100, sum: booked{Authorized: 100}, effects: void(100, "provider")}, []string{"requires_capture", "canceled"}},
		"only agreed to":             {model{amount: 100, agreed: true, consent: true}, []string{"requires_capture", "canceled", "failed"}},
		"agreed to, a part taken":    {model{amount: 100, agreed: true, consent: true, sum: booked{Authorized: 40, Captured: 40}}, []string{"partially_captured", "succeeded"}},
		"agreed to, and waived":      {model{amount: 100, agreed: true, consent: true, waived: true}, []string{"canceled", "failed"}},
		"paid at two attempts":       {model{amount: 100, sum: booked{Authorized: 200, Captured: 100}}, []string{"succeeded"}},
	} {
		got := map[string]bool{}
		for _, status := range c.m.statuses() {
			got[status] = true
		}
		require.Len(t, got, len(c.want), name)
		for _, status := range c.want {
			require.True(t, got[status], "%s: %s", name, status)
		}
	}
}

func TestOneKeyOneAnswer(t *testing.T) {
	told := func(status int, raw, id string, replayed bool) answer {
		return answer{status: status, raw: raw, replayed: replayed, body: map[string]any{"id": id}}
	}
	for name, c := range map[string]struct {
		answers []answer
		wrong   bool
	}{
		"the same":                {[]answer{told(201, "a", "1", false), told(201, "a", "1", true)}, false},
		"open, then final":        {[]answer{told(202, "a", "1", false), told(201, "b", "1", true), told(201, "b", "1", true)}, false},
		"refused":                 {[]answer{told(409, "a", "", false)}, false},
		"other words":             {[]answer{told(201, "a", "1", false), told(201, "b", "1", true)}, true},
		"another object":          {[]answer{told(201, "a", "1", false), told(201, "a", "2", true)}, true},
		"done again, as it seems": {[]answer{told(201, "a", "1", false), told(201, "a", "1", false)}, true},
		"final, then refused":     {[]answer{told(201, "a", "1", false), told(409, "c", "", false)}, true},
		"broken":                  {[]answer{told(500, "a", "", false), told(201, "a", "1", true)}, true},
		"never":                   {nil, true},
	} {
		w := &World{trace: newTrace()}
		w.checkKey(&request{key: name, answers: c.answers})
		require.Equal(t, c.wrong, len(w.violations) > 0, "%s: %v", name, w.violations)
	}
}
