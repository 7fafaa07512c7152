package campaign

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Books are sums of money of one currency, in minor units.
type Books struct {
	Authorized int64 `json:"authorized"`
	Captured   int64 `json:"captured"`
	Refunded   int64 `json:"refunded"`
	Voided     int64 `json:"voided"`
	Lapsed     int64 `json:"lapsed"` // what of Voided ended by itself, which a provider tells nobody
}

// Both are the provider's books and the program's, of one currency.
type Both struct {
	Provider Books `json:"provider"`
	Paymux   Books `json:"paymux"`
}

// Differ reports whether the two tell different things. What lapsed may be known to the program or not.
func (b Both) Differ() bool {
	theirs, ours := b.Provider, b.Paymux
	return theirs.Authorized != ours.Authorized || theirs.Captured != ours.Captured || theirs.Refunded != ours.Refunded ||
		ours.Voided > theirs.Voided || ours.Voided < theirs.Voided-theirs.Lapsed
}

// Sums are what worlds are counted by.
type Sums struct {
	Payments      int             `json:"payments"`
	Effects       int             `json:"effects"`        // movements of money in the provider's books
	DoubleEffects int             `json:"double_effects"` // … that nobody asked for, or asked for once
	DoubtsOpen    int             `json:"doubts_open"`    // operations whose outcome a person has to find out
	NeedsReview   int             `json:"needs_review"`   // payments that a person has to look at
	Events        int             `json:"events"`
	EventsMissing int             `json:"events_missing"` // changes of a payment that no event tells
	Acknowledged  int             `json:"feedback_acknowledged"`
	FeedbackLost  int             `json:"feedback_lost"` // acknowledged and not kept
	Books         map[string]Both `json:"books"`         // by currency
	Counts        map[string]int  `json:"counts"`        // faults, crashes and deeds by kind
}

func (s *Sums) add(o Sums) {
	s.Payments, s.Effects, s.DoubleEffects = s.Payments+o.Payments, s.Effects+o.Effects, s.DoubleEffects+o.DoubleEffects
	s.DoubtsOpen, s.NeedsReview = s.DoubtsOpen+o.DoubtsOpen, s.NeedsReview+o.NeedsReview
	s.Events, s.EventsMissing = s.Events+o.Events, s.EventsMissing+o.EventsMissing
	s.Acknowledged, s.FeedbackLost = s.Acknowledged+o.Acknowledged, s.FeedbackLost+o.FeedbackLost
	for currency, b := range o.Books {
		s.book(currency, b.Provider, b.Paymux)
	}
	if s.Counts == nil {
		s.Counts = map[string]int{}
	}
	for kind, n := range o.Counts {
		s.Counts[kind] += n
	}
}

// book adds to the books of a currency.
func (s *Sums) book(currency string, theirs, ours Books) {
	if s.Books == nil {
		s.Books = map[string]Both{}
	}
	b := s.Books[currency]
	b.Provider.add(theirs)
	b.Paymux.add(ours)
	s.Books[currency] = b
}

func (b *Books) add(o Books) {
	b.Authorized, b.Captured, b.Refunded, b.Voided, b.Lapsed = b.Authorized+o.Authorized, b.Captured+o.Captured, b.Refunded+o.Refunded, b.Voided+o.Voided, b.Lapsed+o.Lapsed
}

// Report is how one seed ended.
type Report struct {
	Provider   string        `json:"provider"`
	Seed       uint64        `json:"seed"`
	Hash       string        `json:"hash"`            // of the trace
	Trace      []string      `json:"trace,omitempty"` // what happened at each seam, with virtual times
	Virtual    time.Duration `json:"virtual"`         // how long the world lived
	Violations []string      `json:"violations,omitempty"`
	Sums
}

// Summary is a report without its trace, in the words of a failing test; replay is the command that lives it again.
func (r Report) Summary(replay string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s seed %d: %d violations, trace %s, %d payments, %d effects, %s of virtual time\n", r.Provider, r.Seed, len(r.Violations), r.Hash, r.Payments, r.Effects, r.Virtual)
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	fmt.Fprintf(&b, "  replay: %s\n", replay)
	return b.String()
}

// Total adds up reports. The zero value is ready.
type Total struct {
	Provider string // whose worlds they are, for the matrix; the zero value has none
	Sums
	Seeds      int
	Violations int
	Failed     []Report // those with violations, by provider and seed
	Virtual    time.Duration
	hashes     map[world]string
}

// world is which one a report is about.
type world struct {
	provider string
	seed     uint64
}

func (r Report) world() world { return world{r.Provider, r.Seed} }

func (w world) compare(o world) int {
	return cmp.Or(strings.Compare(w.provider, o.provider), cmp.Compare(w.seed, o.seed))
}

// Add adds another seed, in any order.
func (t *Total) Add(r Report) {
	t.Seeds, t.Violations, t.Virtual = t.Seeds+1, t.Violations+len(r.Violations), t.Virtual+r.Virtual
	t.add(r.Sums)
	if t.hashes == nil {
		t.hashes = map[world]string{}
	}
	t.hashes[r.world()] = r.Hash
	if len(r.Violations) > 0 {
		t.Failed = append(t.Failed, r)
		slices.SortFunc(t.Failed, func(a, b Report) int { return a.world().compare(b.world()) })
	}
}

// Traces is one hash over those of all seeds: two machines that lived the same seeds have the same.
func (t *Total) Traces() string {
	h := sha256.New()
	for _, w := range slices.SortedFunc(maps.Keys(t.hashes), world.compare) {
		fmt.Fprintf(h, "%d %s\n", w.seed, t.hashes[w])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Sound reports whether there is nothing to complain about: no violation, and both books the same in every currency.
func (t *Total) Sound() bool {
	for _, b := range t.Books {
		if b.Differ() {
			return false
		}
	}
	return t.Violations == 0 && t.DoubleEffects == 0 && t.EventsMissing == 0 && t.FeedbackLost == 0
}

// Kinds are the counts of one family, "fault" or "crash", without its name.
func (t *Total) Kinds(family string) map[string]int {
	kinds := map[string]int{}
	for kind, n := range t.Counts {
		if rest, ok := strings.CutPrefix(kind, family+" "); ok {
			kinds[rest] = n
		}
	}
	return kinds
}

// String is the whole account, for people.
func (t *Total) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d violations, %d payments, %d effects, %d.%d virtual years\n\n", t.Violations, t.Payments, t.Effects, t.Virtual/year, t.Virtual%year*10/year)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "minor units\tauthorized\tcaptured\trefunded\tvoided\tof which lapsed\tthe books\t\n")
	for _, currency := range slices.Sorted(maps.Keys(t.Books)) {
		both := t.Books[currency]
		verdict := "agree"
		if both.Differ() {
			verdict = "DIFFER"
		}
		p, o := both.Provider, both.Paymux
		fmt.Fprintf(w, "%s provider\t%d\t%d\t%d\t%d\t%d\t\t\n", currency, p.Authorized, p.Captured, p.Refunded, p.Voided, p.Lapsed)
		fmt.Fprintf(w, "paymux\t%d\t%d\t%d\t%d\tnot told\t%s\t\n", o.Authorized, o.Captured, o.Refunded, o.Voided, verdict) // holds that ended by themselves
	}
	_ = w.Flush() // into memory
	fmt.Fprintf(&b, "\ndouble effects %d, doubts open %d, payments to review %d, events missing %d of %d, feedback lost %d of %d acknowledged\n\n",
		t.DoubleEffects, t.DoubtsOpen, t.NeedsReview, t.EventsMissing, t.Events, t.FeedbackLost, t.Acknowledged)
	b.WriteString(t.Matrix() + t.never() + "\n")
	in := mannerOf(t.Provider).inMatrix()
	for _, kind := range slices.Sorted(maps.Keys(t.Counts)) {
		if !in[kind] {
			fmt.Fprintf(&b, "%8d %s\n", t.Counts[kind], kind)
		}
	}
	fmt.Fprintf(&b, "\ntraces %s\n", t.Traces())
	return b.String()
}

const year = 365 * 24 * time.Hour
