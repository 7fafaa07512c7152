package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/core"
)

// recorded is a message of the account as something in front of us would have recorded it.
func recorded(account string, fields map[string]string) map[string]any {
	return map[string]any{"account": account, "content_type": typeJSON, "body": base64.StdEncoding.EncodeToString([]byte(asJSON(fields))),
		"received_at": time.Now().UTC().Add(-time.Minute).Truncate(time.Second).Format(time.RFC3339)}
}

func outcomes(a *answer) (out []string) {
	for _, v := range a.at("data").([]any) {
		m := v.(map[string]any)
		out = append(out, fmt.Sprint(m["outcome"], " ", m["reason"]))
	}
	return out
}

// What the provider told while nobody here could hear it is loaded from a recording: it counts like a message that comes
// in, once, and what is forged or of another account leaves nothing.
func TestImportedFeedbackCounts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.paidUnheard("order-1")
		good := recorded("aps-main", signed("aps-main", told("aps-main", w.reference(id), nil)))
		forged := recorded("aps-main", told("aps-main", w.reference(id), map[string]string{"signature": strings.Repeat("0", 64)}))
		foreign := recorded("aps-other", signed("aps-main", told("aps-main", w.reference(id), nil)))
		unreadable := recorded("aps-main", nil)
		unreadable["body"] = base64.StdEncoding.EncodeToString([]byte("{"))
		nowhere := recorded("aps-nowhere", signed("aps-main", told("aps-main", w.reference(id), nil)))
		body := map[string]any{"recordings": []any{forged, foreign, unreadable, nowhere, good, good}}

		a := w.callAs("operator", "POST", "/v1/feedback/import", body, "Idempotency-Key", "import-1").want(200)
		require.Equal(t, []string{"refused not_authentic", "refused not_authentic", "refused unreadable", "refused account_unknown", "stored <nil>", "duplicate <nil>"}, outcomes(a))
		w.eventually(id, "requires_capture")
		w.balanced(id)
		require.Len(t, w.items("operator", ""), 1)
		item := w.items("main", "")[0]
		require.Equal(t, good["received_at"], item["received_at"], "when it was told, not when it was loaded")

		again := w.callAs("operator", "POST", "/v1/feedback/import", body, "Idempotency-Key", "import-1").want(200)
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
		require.Equal(t, a.raw, again.raw)
		require.Equal(t, []string{"duplicate <nil>"}, outcomes(w.callAs("operator", "POST", "/v1/feedback/import", map[string]any{"recordings": []any{good}}).want(200)))
	})
}

// A list of an account that does not exist is refused, with the names of those that the caller may know; one with nothing in
// it is empty, and one that is not configured any more shows what it had.
func TestListsOfUnknownAccounts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.operator()
		id := w.create("order-1", nil).str("id")
		w.tell("aps-main", told("aps-main", w.reference(id), nil))
		w.itemIn("applied")
		for _, c := range []struct{ who, list, account, want string }{
			{"main", "payments", "aps-mian", "account: there is no such account; there are aps-main"},
			{"main", "feedback", "aps-mian", "account: there is no such account; there are aps-main"},
			{"main", "payments", "aps-other", "account: there is no such account; there are aps-main"},
			{"main", "feedback", "aps-other", "account: there is no such account; there are aps-main"},
			{"operator", "feedback", "aps-mian", "account: there is no such account; there are aps-main, aps-other"},
		} {
			a := w.callAs(c.who, "GET", "/v1/"+c.list+"?account="+c.account, nil).want(400)
			require.Equal(t, []string{"query_invalid", c.want}, []string{a.str("code"), a.str("detail")}, "%v", c)
		}
		for _, c := range [][2]string{{"main", "events"}, {"main", "feedback"}, {"other", "events"}, {"other", "feedback"}, {"operator", "feedback"}} {
			asked := map[string]string{"other": id}[c[0]] // somebody else's is as unknown
			if asked == "" {
				asked = "pay_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5"
			}
			a := w.callAs(c[0], "GET", "/v1/"+c[1]+"?payment="+asked, nil).want(400)
			require.Equal(t, []string{"query_invalid", "payment: there is no such payment"}, []string{a.str("code"), a.str("detail")}, "%v", c)
		}
		for _, c := range []struct {
			who, list string
			want      int
		}{
			{"main", "feedback?payment=" + w.create("order-2", nil).str("id"), 0},
			{"main", "payments?account=aps-main", 2}, {"main", "payments?account=aps-main&status=succeeded", 0}, {"main", "feedback?account=aps-main", 1},
			{"other", "payments?account=aps-other", 0}, {"other", "feedback?account=aps-other", 0}, {"operator", "feedback?account=aps-other", 0},
		} {
			require.Len(t, w.callAs(c.who, "GET", "/v1/"+c.list, nil).want(200).at("data"), c.want, "%v", c)
		}
		window := map[string]any{"account": "aps-mian", "from": "2026-01-01T00:00:00Z", "to": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
		a := w.callAs("operator", "POST", "/v1/feedback/replay", window).want(422)
		require.Equal(t, []string{"account_unknown", "/account", "there is no such account; there are aps-main, aps-other"}, []string{a.str("code"), a.str("pointer"), a.str("detail")})
	})
}

// Replays and what came to the letter are for operators; what belongs to somebody else is not there for a merchant.
func TestWhoMayDoWhatInTheInbox(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	text, _, err := newKey(t.Context(), w.service.store, "main", core.ScopeRead, time.Time{})
	require.NoError(t, err)
	w.keys["read"] = text
	id := w.create("order-1", nil).str("id")
	w.tell("aps-main", told("aps-main", w.reference(id), nil))
	item := w.itemIn("applied")["id"].(string)
	window := map[string]any{"from": "2026-01-01T00:00:00Z", "to": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	load := map[string]any{"recordings": []any{recorded("aps-main", signed("aps-main", told("aps-main", w.reference(id), nil)))}}
	for _, who := range []string{"main", "other", "read"} {
		w.callAs(who, "POST", "/v1/feedback/"+item+"/replay", nil).want(403)
		w.callAs(who, "POST", "/v1/feedback/fb_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/replay", nil).want(403)
		w.callAs(who, "POST", "/v1/feedback/replay", window).want(403)
		w.callAs(who, "POST", "/v1/feedback/import", load).want(403)
		w.callAs(who, "GET", "/v1/feedback?expand=recording", nil).want(403)
	}
	w.callAs("other", "GET", "/v1/feedback/"+item, nil).want(404)
	w.callAs("other", "GET", "/v1/feedback/"+item+"?expand=recording", nil).want(404)
	w.callAs("main", "GET", "/v1/feedback/"+item+"?expand=recording", nil).want(403)
	require.Empty(t, w.items("other", ""))
	require.Nil(t, w.callAs("main", "GET", "/v1/feedback/"+item, nil).want(200).at("recording"))

	w.callAs("operator", "POST", "/v1/feedback/fb_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5/replay", nil).want(404)
	require.Equal(t, "applied", w.callAs("operator", "POST", "/v1/feedback/"+item+"/replay", nil).want(200).str("outcome"))
	list := w.callAs("operator", "POST", "/v1/feedback/replay", window).want(200)
	require.Equal(t, []string{"applied <nil>"}, outcomes(list))
	raw := w.callAs("operator", "GET", "/v1/feedback/"+item+"?expand=recording", nil).want(200)
	bytes, err := base64.StdEncoding.DecodeString(raw.str("recording.body"))
	require.NoError(t, err)
	require.Contains(t, string(bytes), w.reference(id))
	require.Equal(t, "false", raw.str("masked"))

	for name, wrong := range map[string]struct {
		path string
		body any
		code string
	}{
		"no window":            {"replay", map[string]any{}, "field_invalid"},
		"a window of letters":  {"replay", map[string]any{"from": "x", "to": "y"}, "field_invalid"},
		"a window from behind": {"replay", map[string]any{"from": window["to"], "to": window["from"]}, "field_invalid"},
		"another state":        {"replay", map[string]any{"from": window["from"], "to": window["to"], "state": "lost"}, "field_invalid"},
		"too many":             {"replay", map[string]any{"from": window["from"], "to": window["to"], "limit": 1001}, "field_invalid"},
		"no recordings":        {"import", map[string]any{}, "field_invalid"},
		"none at all":          {"import", map[string]any{"recordings": []any{}}, "field_invalid"},
		"101":                  {"import", map[string]any{"recordings": make([]struct{}, 101)}, "field_invalid"},
		"no base64":            {"import", map[string]any{"recordings": []any{recordingWith(load, "body", "*")}}, "field_invalid"},
		"no time":              {"import", map[string]any{"recordings": []any{recordingWith(load, "received_at", nil)}}, "field_invalid"},
		"too large":            {"import", `{"recordings":[` + strings.Repeat(" ", 1<<20) + `]}`, "body_too_large"},
	} {
		a := w.callAs("operator", "POST", "/v1/feedback/"+wrong.path, wrong.body)
		require.Equal(t, wrong.code, a.str("code"), "%s: %s", name, a.raw)
	}
	require.Len(t, w.items("operator", ""), 1)
}

// recordingWith is the recording in load with a member changed, or without it.
func recordingWith(load map[string]any, name string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range load["recordings"].([]any)[0].(map[string]any) {
		out[k] = v
	}
	if out[name] = value; value == nil {
		delete(out, name)
	}
	return out
}

// A card number that a provider repeats is masked before anything is stored, and the message counts all the same. Its
// recording proves nothing any more, and says so.
func TestACardNumberInFeedbackIsNotStored(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	id := w.paidUnheard("order-1")
	w.tell("aps-main", told("aps-main", w.reference(id), map[string]string{"merchant_extra": "4111 1111 1111 1111", "order_description": "4000000000000002"}))
	w.eventually(id, "requires_capture")
	item := w.callAs("operator", "GET", "/v1/feedback/"+w.itemIn("applied")["id"].(string)+"?expand=recording", nil).want(200)
	require.Equal(t, []string{"true", "true"}, []string{item.str("masked"), item.str("recording.masked")})
	w.stop()
	for _, file := range []string{"", "-wal"} {
		bytes, err := os.ReadFile(strings.TrimPrefix(w.dsn, "sqlite:") + file)
		if err == nil {
			for _, card := range []string{"4111 1111 1111 1111", "4000000000000002"} {
				require.False(t, strings.Contains(string(bytes), card), card) // said without the whole file
			}
		}
	}
	require.Contains(t, w.logs.String(), "card number masked")
	require.NotContains(t, w.logs.String(), "4111 1111")
	w.begin("127.0.0.1:0")
	require.Equal(t, "applied", w.callAs("operator", "POST", "/v1/feedback/"+item.str("id")+"/replay", nil).want(200).str("outcome"), "what is left of it can be read")
	a := w.callAs("operator", "POST", "/v1/feedback/import", map[string]any{"recordings": []any{item.at("recording")}}).want(200)
	require.Equal(t, []string{"refused masked"}, outcomes(a))
}

// The inbox of a running instance is exported, and loaded into the database of another one.
func TestFeedbackOnTheCommandLine(t *testing.T) {
	w := newWorld(t, sqliteDSN(t)).operator()
	id := w.create("order-1", nil).str("id")
	for i := range 3 {
		w.tell("aps-main", told("aps-main", w.reference(id), map[string]string{"fort_id": fmt.Sprint("16999620003100001", i)}))
		w.itemIn("applied")
	}
	t.Setenv("PAYMUX_API_KEY", w.keys["operator"])
	code, lines, errs := runs(t, "feedback", "export", "--url", w.url)
	require.Equal(t, exitDone, code, errs)
	require.Equal(t, 3, strings.Count(lines, "\n"))
	_, none, _ := runs(t, "feedback", "export", "--url", w.url, "--state", "dead")
	require.Empty(t, none)

	file := filepath.Join(t.TempDir(), "recordings.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
	code, out, errs := runs(t, "feedback", "import", "--url", w.url, file)
	require.Equal(t, exitDone, code, errs)
	require.Equal(t, 3, strings.Count(out, `"outcome":"duplicate"`))

	other := "sqlite:" + filepath.Join(t.TempDir(), "other.db")
	list := "[" + strings.TrimSuffix(strings.ReplaceAll(lines, "\n", ","), ",") + "]"
	require.NoError(t, os.WriteFile(file, []byte(list), 0o600))
	code, _, errs = runs(t, "migrate", "--config", w.config, "--database", other)
	require.Equal(t, exitDone, code, errs)
	for _, outcome := range []string{"stored", "duplicate"} {
		code, out, errs = runs(t, "feedback", "import", "--config", w.config, "--database", other, file)
		require.Equal(t, exitDone, code, errs)
		require.Equal(t, 3, strings.Count(out, `"outcome":"`+outcome+`"`))
	}
	_, again, _ := runs(t, "feedback", "export", "--config", w.config, "--database", other)
	require.Equal(t, lines, again, "nothing is lost on the way")

	var first struct{ Feedback string }
	code, out, errs = runs(t, "feedback", "replay", "--config", w.config, "--database", other, "--from", "2026-01-01T00:00:00Z", "--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	require.Equal(t, exitDone, code, errs)
	require.Equal(t, 3, strings.Count(out, `"outcome":"unmatched"`), "its payments are others")
	require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&first))
	code, out, _ = runs(t, "feedback", "replay", "--config", w.config, "--database", other, first.Feedback)
	require.Equal(t, exitDone, code)
	require.Contains(t, out, `"outcome":"unmatched"`)
	item := w.items("operator", "")[0]["id"].(string)
	code, out, errs = runs(t, "feedback", "replay", "--url", w.url, item)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, `"outcome":"applied","payment":"`+id+`"`)

	forged := strings.Replace(lines, `"aps-main"`, `"aps-other"`, 1)
	require.NoError(t, os.WriteFile(file, []byte(forged), 0o600))
	code, out, errs = runs(t, "feedback", "import", "--url", w.url, file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, `"outcome":"refused","account":"aps-other","reason":"not_authentic"`)
	require.Contains(t, errs, "1 of 3 recordings were refused")

	masked := strings.Replace(lines, "\n", "\n"+strings.Replace(strings.SplitAfterN(lines, "\n", 2)[0], "}\n", `,"masked":true}`+"\n", 1), 1)
	require.NoError(t, os.WriteFile(file, []byte(masked), 0o600))
	third := "sqlite:" + filepath.Join(t.TempDir(), "third.db")
	code, _, errs = runs(t, "migrate", "--config", w.config, "--database", third)
	require.Equal(t, exitDone, code, errs)
	code, out, errs = runs(t, "feedback", "import", "--config", w.config, "--database", third, file)
	require.Equal(t, exitFailed, code)
	require.Equal(t, 3, strings.Count(out, `"outcome":"stored"`), "the others go on: %s", out)
	require.Contains(t, out, `"outcome":"refused","account":"aps-main","reason":"masked"`)
	require.Regexp(t, `recording refused.*"recording":2.*"reason":"masked".*cannot be verified`, errs)
	require.Contains(t, errs, "1 of 4 recordings were refused")

	for name, args := range map[string][]string{
		"neither id nor window": {"replay", "--config", w.config}, "both": {"replay", "--config", w.config, item, "--from", "2026-01-01T00:00:00Z"},
		"half a window": {"replay", "--config", w.config, "--from", "2026-01-01T00:00:00Z"}, "no file": {"import", "--config", w.config, file + ".none"},
	} {
		code, _, errs = runs(t, append([]string{"feedback"}, args...)...)
		require.Equal(t, exitUsage, code, "%s: %s", name, errs)
	}
	t.Setenv("PAYMUX_API_KEY", w.keys["main"])
	code, _, errs = runs(t, "feedback", "export", "--url", w.url)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "operator scope")
	t.Setenv("PAYMUX_API_KEY", "")
	code, _, _ = runs(t, "feedback", "export", "--url", w.url)
	require.Equal(t, exitUsage, code)
}
