package chance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func draws() (ids []string, jitter []int64) {
	for range 5 {
		ids, jitter = append(ids, ULID(time.Now())[10:]), append(jitter, Int64N(1<<40)) // the first ten characters are the time
	}
	return ids, jitter
}

func TestSeedRepeats(t *testing.T) {
	restore := Seed(7)
	jitter := []int64{Int64N(1 << 40), Int64N(1 << 40)}
	restore()
	defer Seed(7)()
	require.Equal(t, jitter, []int64{Int64N(1 << 40), Int64N(1 << 40)})
	require.Less(t, ULID(time.Now()), ULID(time.Now()))
}

func TestUnseededDiffers(t *testing.T) {
	ids, jitter := draws()
	again, jitterAgain := draws()
	require.NotEqual(t, ids, again)
	require.NotEqual(t, jitter, jitterAgain)
}
