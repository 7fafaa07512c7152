package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// waits are the times before each try, counted from the end of the one before. Together they are nearly 7 days.
var waits = [...]time.Duration{
	0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// Tries is how often an event is sent to an endpoint that does not take it.
const Tries = len(waits)

// DisableAfter is how long an endpoint may do nothing but fail before it is disabled, counted from the first
// failure since its last success.
const DisableAfter = 7 * 24 * time.Hour

// maxRetryAfter is as long as an endpoint may ask to be left alone.
const maxRetryAfter = 24 * time.Hour

// wait is the time before the next try after so many failed ones, give or take a tenth; false when there is none.
// random is a number from 0 to below n.
func wait(failed int, random func(n int64) int64) (time.Duration, bool) {
	if failed < 0 || failed >= Tries {
		return 0, false
	}
	tenth := int64(waits[failed] / 10)
	return waits[failed] - time.Duration(tenth) + time.Duration(random(2*tenth+1)), true
}

// retryAfter is how long the header Retry-After (RFC 9110, section 10.2.3) asks to wait, in seconds or until a date:
// never less than nothing, never more than 24 hours, nothing when it says something else.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.Trim(value, " \t")
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) { // more digits than a number holds are more, too
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}
