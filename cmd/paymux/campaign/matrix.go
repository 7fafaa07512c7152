package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// The matrix says what worlds have been through, by the failure model's numbers: each crash point at each operation, and
// each fault of network, provider and feedback. A cell that stays empty over many seeds is a promise nobody tested.

// row is one fault of the failure model. Why says why worlds do not play it; then it has no kinds. Of some the provider's
// manner tells the one or the other.
type row struct {
	id    string
	kinds []string // as faults are named
	why   string
}

// networkRows are the faults of network and provider.
var networkRows = []row{
	{id: "F-N01", kinds: []string{refused}},
	{id: "F-N02", kinds: []string{nameless}},
	{id: "F-N03", kinds: []string{untrusted}},
	{id: "F-N04", kinds: []string{cutBefore}},
	{id: "F-N05", kinds: []string{halfSent}},
	{id: "F-N06", kinds: []string{resetBefore, "drop_before"}},
	{id: "F-N07", kinds: []string{resetAfter, "drop_after"}},
	{id: "F-N08", kinds: []string{silentBefore, "hang"}},
	{id: "F-N09", kinds: []string{silentAfter}},
	{id: "F-N10", kinds: []string{late, "delay_effect"}},
	{id: "F-N11", kinds: []string{"http_before"}},
	{id: "F-N12", kinds: []string{"http_after"}},
	{id: "F-N13", kinds: []string{busy}},
	{id: "F-N14", kinds: []string{cutShort, "truncate"}},
	{id: "F-N15", kinds: []string{empty}},
	{id: "F-N16", kinds: []string{"garbage"}},
	{id: "F-N17", kinds: []string{otherType}},
	{id: "F-N18", kinds: []string{dripping}},
	{id: "F-N19", kinds: []string{endless}},
	{id: "F-N20", kinds: []string{moved}},
	{id: "F-N21", kinds: []string{"other_reference"}},
	{id: "F-N22", kinds: []string{"other_amount", otherCurrency}},
	{id: "F-N23", kinds: []string{unsigned}},
	{id: "F-N24"},
	{id: "F-N25"},
	{id: "F-N26", kinds: []string{twice}},
	{id: "F-N27", kinds: []string{down}},
	{id: "F-N28", kinds: []string{slow}},
	{id: "F-N29", kinds: []string{notFound}},
	{id: "F-N30", kinds: []string{lagging}},
	{id: "F-N31", kinds: []string{unknownCode}},
	{id: "F-N32", why: "a breaker opens after twenty calls in half a minute, which a handful of orders never make; its own tests let it flap"},
}

// feedbackRows are the faults of feedback. Those of family "feedback" the simulator's sender plays, those of family
// "message" somebody who has its messages and its pen.
var feedbackRows = []row{
	{id: "F-F01", kinds: []string{"feedback: duplicate", "message: " + flood}},
	{id: "F-F02", kinds: []string{"feedback: reorder"}},
	{id: "F-F03", kinds: []string{"feedback: early"}},
	{id: "F-F04", why: "an intent is committed before its call begins, and instances share the store: no message can be earlier"},
	{id: "F-F05", why: "an order's reference is derived when its payment is committed: nobody can tell of it before"},
	{id: "F-F06", kinds: []string{"message: " + unknownOrder}},
	{id: "F-F07", kinds: []string{"message: late, after canceled", "message: late, after failed", "message: late, after requires_payment_method"}},
	{id: "F-F08", kinds: []string{"feedback: drop"}},
	{id: "F-F09", kinds: []string{"feedback: hold", "message: " + belated}},
	{id: "F-F10", kinds: []string{"message: " + replayed}},
	{id: "F-F11", kinds: []string{"feedback: forge"}},
	{id: "F-F12", kinds: []string{"message: " + wrongAccount}},
	{id: "F-F13"},
	{id: "F-F14", kinds: []string{"message: " + otherMoney}},
	{id: "F-F15", kinds: []string{"message: " + contradiction}},
	{id: "F-F16"},
	{id: "F-F17"},
	{id: "F-F18", kinds: []string{"message: " + otherAddress}},
	{id: "F-F19"},
	{id: "F-F20", kinds: []string{"message: " + unknownField, "message: " + unknownEvent}},
	{id: "F-F21", kinds: []string{"message: unreadable"}},
	{id: "F-F22", why: "a world's messages arrive whole; how long a socket may take is the HTTP server's matter"},
	{id: "F-F23", why: "in a world's time a flood has no rate: copies at once are F-F01, and the benchmarks measure the rate"},
	{id: "F-F24", kinds: []string{"message: flood of forgeries"}},
}

// crashRows are the crash points. Captures, refunds and voids (F-C13 to F-C15) are columns of the others.
var crashRows = []row{
	{id: "F-C01", kinds: []string{beforeIntent}},
	{id: "F-C02", kinds: []string{afterResult}},
	{id: "F-C03", why: "an answer arrives whole or not at all here; the kill test cuts real ones"},
	{id: "F-C04", kinds: []string{afterIntent}},
	{id: "F-C05", kinds: []string{inRequest}},
	{id: "F-C06", kinds: []string{inAnswer}},
	{id: "F-C07", kinds: []string{afterCall}},
	{id: "F-C08", kinds: []string{beforeResult}},
	{id: "F-C09", why: "it is F-C02, at every operation"},
	{id: "F-C10", why: "it is a buyer who never comes, no crash"},
	{id: "F-C11", kinds: []string{inReturn}},
	{id: "F-C12"},
	{id: "F-C13", why: "it is a column of F-C04 to F-C09"},
	{id: "F-C14", why: "it is a column of F-C04 to F-C09"},
	{id: "F-C15", why: "it is a column of F-C04 to F-C09"},
	{id: "F-C16", kinds: []string{beforeReceive}},
	{id: "F-C17", kinds: []string{afterReceive}},
	{id: "F-C18", kinds: []string{acknowledged}},
	{id: "F-C19", kinds: []string{beforeApply, afterApply}},
	{id: "F-C20", kinds: []string{beforeSend}},
	{id: "F-C21", kinds: []string{afterSend, afterTold}},
	{id: "F-C22", kinds: []string{beforeLearned, afterLearned}},
	{id: "F-C23", kinds: []string{resuming}},
	{id: "F-C24", why: "a world begins with the newest schema"},
	{id: "F-C25", why: "a world has one configuration and keeps everything"},
}

// cell is one place of the matrix: what fills it, and how often something did.
type cell struct {
	row, column string
	kinds       []string // counts
}

// filled are rows with what the manner tells of them.
func (m *manner) filled(rows []row) []row {
	rows = slices.Clone(rows)
	for i, r := range rows {
		if own, ok := m.rows[r.id]; ok {
			rows[i] = row{r.id, own.kinds, own.why}
		}
	}
	return rows
}

// column is one of the columns of a network fault, and what can happen in it.
type column struct {
	name     string
	families []string
	faults   []choice
}

func (m *manner) columns() []column {
	_, effects := m.called()
	return []column{{"effect", effects, m.calls}, {"question", m.questions(), m.asks}, {"page", []string{"page"}, m.pages}}
}

// cells are those of the matrix that can be filled, row by row.
func (m *manner) cells() (all []cell) {
	for _, r := range m.filled(crashRows) {
		for _, kind := range r.kinds {
			all = append(all, m.crashCells(r.id, kind)...)
		}
	}
	for _, r := range m.filled(networkRows) {
		for _, column := range m.columns() {
			c := cell{row: r.id + " " + strings.Join(r.kinds, ", "), column: column.name}
			for _, kind := range r.kinds {
				if kind == down || slices.ContainsFunc(column.faults, func(f choice) bool { return f.what == kind }) {
					for _, family := range column.families {
						c.kinds = append(c.kinds, "fault "+family+": "+kind)
					}
				}
			}
			if len(c.kinds) > 0 {
				all = append(all, c)
			}
		}
	}
	for _, r := range m.filled(feedbackRows) {
		for _, kind := range r.kinds {
			all = append(all, cell{row: r.id + " " + kind, column: "feedback", kinds: []string{"fault " + kind}})
		}
	}
	return all
}

func (m *manner) crashCells(id, point string) (all []cell) {
	for m := range m.moments() {
		if m.point == point {
			all = append(all, cell{row: id + " crash " + point, column: m.doing, kinds: []string{m.String()}})
		}
	}
	order := append(m.operations(), doingQuery)
	slices.SortFunc(all, func(a, b cell) int {
		return cmp.Or(slices.Index(order, a.column)-slices.Index(order, b.column), strings.Compare(a.column, b.column))
	})
	return all
}

func (c cell) count(counts map[string]int) (n int) {
	for _, kind := range c.kinds {
		n += counts[kind]
	}
	return n
}

// manySeeds are enough for everything to happen that can: from there on an empty cell of the matrix is told.
const manySeeds = 2000

// never tells of the cells that stayed empty in many seeds; empty when there are none, or too few seeds to say.
func (t *Total) never() string {
	empty := t.Empty()
	if t.Seeds < manySeeds || t.Provider == "" || len(empty) == 0 {
		return ""
	}
	return fmt.Sprintf("In %d seeds nothing of this happened once:\n  %s\n", t.Seeds, strings.Join(empty, "\n  "))
}

// Empty names the cells of the matrix that nothing has filled.
func (t *Total) Empty() (names []string) {
	for _, c := range mannerOf(t.Provider).cells() {
		if c.count(t.Counts) == 0 {
			names = append(names, c.row+" | "+c.column)
		}
	}
	return names
}

// Matrix is the matrix with its counts, for people: a line a row, a column where it can happen.
func (t *Total) Matrix() string {
	m := mannerOf(t.Provider)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	last := ""
	for _, c := range m.cells() {
		if c.row != last {
			if last != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s\t", c.row)
		} else {
			fmt.Fprint(w, "  ")
		}
		fmt.Fprintf(w, "%s %d", c.column, c.count(t.Counts))
		last = c.row
	}
	fmt.Fprintln(w)
	for _, rows := range [][]row{crashRows, networkRows, feedbackRows} {
		for _, r := range m.filled(rows) {
			if r.why != "" {
				fmt.Fprintf(w, "%s\t– %s\n", r.id, r.why)
			}
		}
	}
	_ = w.Flush() // into memory
	return b.String()
}

// inMatrix are the counts that the matrix shows.
func (m *manner) inMatrix() map[string]bool {
	in := map[string]bool{}
	for _, c := range m.cells() {
		for _, kind := range c.kinds {
			in[kind] = true
		}
	}
	return in
}
