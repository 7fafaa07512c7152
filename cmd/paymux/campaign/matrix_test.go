package campaign

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each number of the failure model is played, or says why not; and what is played has a number.
func TestMatrixHasTheFailureModel(t *testing.T) {
	for _, m := range manners {
		known := map[string]bool{}
		for prefix, c := range map[string]struct {
			rows []row
			to   int
		}{"F-C": {crashRows, 25}, "F-N": {networkRows, 32}, "F-F": {feedbackRows, 24}} {
			require.Len(t, c.rows, c.to, prefix)
			for n, r := range m.filled(c.rows) {
				require.Equal(t, fmt.Sprintf("%s%02d", prefix, n+1), r.id)
				require.NotEqual(t, len(r.kinds) > 0, r.why != "", "%s: %s", m.name, r.id)
				known[r.id] = true
			}
		}
		for id := range m.rows {
			require.True(t, known[id], "%s tells of %s", m.name, id)
		}
		in := m.inMatrix()
		for at := range m.moments() {
			require.True(t, in[at.String()] || at.point == anywhere, "%s: %s", m.name, at)
		}
		_, calls := m.called()
		for family, faults := range map[string][]choice{calls[0]: m.calls, m.questions()[0]: m.asks, "page": m.pages, "feedback": feedbackModes, "message": m.letters} {
			for _, f := range faults {
				require.True(t, in["fault "+family+": "+f.what], "%s, %s: %s", m.name, family, f.what)
			}
		}
	}
}

// Of what comes seldom in a life each moment is one at which lives end, the late ones as well as the early.
func TestLivesEndAtEveryMomentOfWhatIsRare(t *testing.T) {
	ends, draws := map[moment]int{}, rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		for at := range amazonManner.fated(draws) {
			ends[at]++
		}
	}
	for _, kind := range amazonManner.rare {
		points := amazonManner.momentsOf(string(kind))
		require.GreaterOrEqual(t, len(points), 4, kind)
		for _, at := range points {
			require.Greater(t, ends[at], 80, at)
		}
	}
}

func TestMatrixNamesWhatIsEmpty(t *testing.T) {
	full := Total{Provider: "aps", Sums: Sums{Counts: map[string]int{}}}
	for kind := range apsManner.inMatrix() {
		full.Counts[kind] = 3
	}
	require.Empty(t, full.Empty())
	require.Len(t, (&Total{Provider: "aps"}).Empty(), len(apsManner.cells()))
	delete(full.Counts, moment{afterCall, "void"}.String())
	delete(full.Counts, "fault CHECK_STATUS: "+lagging)
	delete(full.Counts, "fault CAPTURE: "+unsigned) // the other operations fill the cell
	require.Equal(t, []string{"F-C07 crash after the call, before its result is stored | void", "F-N30 totals lag behind | question"}, full.Empty())
	full.Seeds = manySeeds - 1
	require.Empty(t, full.never(), "too few to say")
	full.Seeds++
	require.Contains(t, full.String(), "In 2000 seeds nothing of this happened once:\n  F-C07")
	text := full.Matrix()
	require.Contains(t, text, "void 0")
	require.Contains(t, text, "F-N25", "what is not played is told as well")
	require.Equal(t, 1, strings.Count(text, "F-N30"))
}
