package campaign

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each number of the failure model is played, or says why not; and what is played has a number.
func TestMatrixHasTheFailureModel(t *testing.T) {
	for prefix, c := range map[string]struct {
		rows []row
		to   int
	}{"F-C": {crashRows, 25}, "F-N": {networkRows, 32}, "F-F": {feedbackRows, 24}} {
		require.Len(t, c.rows, c.to, prefix)
		for n, r := range c.rows {
			require.Equal(t, fmt.Sprintf("%s%02d", prefix, n+1), r.id)
			require.NotEqual(t, len(r.kinds) > 0, r.why != "", r.id)
		}
	}
	in := inMatrix()
	for m := range moments {
		require.True(t, in[m.String()] || m.point == anywhere, m)
	}
	for family, faults := range map[string][]choice{"CAPTURE": callFaults, "CHECK_STATUS": askFaults, "page": pageFaults, "feedback": feedbackModes, "message": letterFaults} {
		for _, f := range faults {
			require.True(t, in["fault "+family+": "+f.what], "%s: %s", family, f.what)
		}
	}
}

func TestMatrixNamesWhatIsEmpty(t *testing.T) {
	full := Sums{Counts: map[string]int{}}
	for kind := range inMatrix() {
		full.Counts[kind] = 3
	}
	require.Empty(t, full.Empty())
	require.Len(t, (&Sums{}).Empty(), len(cells()))
	delete(full.Counts, moment{afterCall, "void"}.String())
	delete(full.Counts, "fault CHECK_STATUS: "+lagging)
	delete(full.Counts, "fault CAPTURE: "+unsigned) // the other operations fill the cell
	require.Equal(t, []string{"F-C07 crash after the call, before its result is stored | void", "F-N30 totals lag behind | question"}, full.Empty())
	text := full.Matrix()
	require.Contains(t, text, "void 0")
	require.Contains(t, text, "F-N25", "what is not played is told as well")
	require.Equal(t, 1, strings.Count(text, "F-N30"))
}
