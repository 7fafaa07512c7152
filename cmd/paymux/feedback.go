package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
)

type feedbackCommand struct {
	Import importFeedback `cmd:"" help:"Load recorded messages, each authenticated like one that comes in."`
	Replay replayFeedback `cmd:"" help:"Apply items of the inbox again, as their account is configured now."`
	Export exportFeedback `cmd:"" help:"Print the messages in the inbox as recordings, one JSON object a line, newest first."`
}

// inbox is the feedback inbox of an installation, behind its API or in its database.
type inbox interface {
	Import(ctx context.Context, recordings []core.Recording) ([]core.ImportView, error)
	Replay(ctx context.Context, id string) (core.ReplayView, error)
	ReplayWindow(ctx context.Context, w core.ReplayWindow) (core.ReplayListView, error)
	Export(ctx context.Context, q core.InboxQuery, cursor string) (recordings []core.Recording, next string, err error)
}

// inboxFlags say which inbox is meant.
type inboxFlags struct {
	configured
	URL string `placeholder:"URL" help:"Address of a running instance, instead of the database of the configuration."`
	Key string `env:"PAYMUX_API_KEY" placeholder:"KEY" help:"API key with operator scope, for --url; better given by its variable."`
}

// with runs f on the inbox. In the database, what f has stored is applied before it returns.
func (f inboxFlags) with(ctx context.Context, out output, fn func(inbox) error) error {
	if f.URL != "" {
		r, err := newRemoteInbox(f.URL, f.Key)
		if err != nil {
			return &configError{err}
		}
		return fn(r)
	}
	c, err := f.load("")
	if err != nil {
		return err
	}
	s, err := openOn(ctx, c, storage.Options{Migrate: true, There: true, Log: out.log})
	if err != nil {
		return err
	}
	err = fn(localInbox{s.checkout})
	s.checkout.Drain(ctx)
	return errors.Join(err, s.store.Close())
}

// feedbackWindow are flags that choose items of the inbox.
type feedbackWindow struct {
	Account string    `help:"Only those of this account."`
	State   string    `enum:",received,applied,unmatched,dead" default:"" help:"Only those in this state: received, applied, unmatched or dead."`
	From    time.Time `placeholder:"TIME" help:"Only what was received at this time or later, such as 2026-01-31T00:00:00Z."`
	To      time.Time `placeholder:"TIME" help:"Only what was received before this time."`
}

type importFeedback struct {
	inboxFlags
	File string `arg:"" help:"Recordings as export prints them: one JSON object a line, or one list; - reads standard input."`
}

// What an import sends at a time: the API takes 100 recordings and 1 MiB of JSON.
const (
	importMost  = 100
	importBytes = 600 << 10
)

// recordings opens what is to be read.
func (cmd *importFeedback) recordings() (io.ReadCloser, error) {
	if cmd.File == "-" {
		return os.Stdin, nil
	}
	file, err := os.Open(cmd.File)
	if err != nil {
		return nil, &configError{err}
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		return nil, errors.Join(&configError{fmt.Errorf("%s is a folder, and recordings are in a file", cmd.File)}, file.Close())
	}
	return file, nil
}

// Run loads every recording that is authentic and prints what became of each.
func (cmd *importFeedback) Run(ctx context.Context, out output) error {
	file, err := cmd.recordings()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return cmd.with(ctx, out, func(in inbox) error {
		refused, total, enc := 0, 0, json.NewEncoder(out)
		err := eachBatch(file, func(recordings []core.Recording) error {
			views, err := in.Import(ctx, recordings)
			for i, v := range views {
				total++
				if v.Outcome == core.ImportRefused {
					refused++
					out.log.Warn("recording refused", "recording", total, "account", v.Account, "received_at", recordings[i].ReceivedAt, "reason", v.Reason, "why", whyRefused(v.Reason))
				}
				err = errors.Join(err, enc.Encode(v))
			}
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("%s, after %d that were loaded: %w", cmd.File, total-refused, err)
		case total == 0:
			return &configError{fmt.Errorf("there is no recording in %s", cmd.File)}
		case refused > 0:
			return fmt.Errorf("%d of %d recordings were refused", refused, total)
		}
		return nil
	})
}

// whyRefused is the reason of a refusal in words.
func whyRefused(reason string) string {
	switch reason {
	case core.RefusedMasked:
		return "a card number in it was masked before it was stored, so its signature cannot be verified; have the provider send it again, or replay it where it was received"
	case core.RefusedAccount:
		return "no account of this name is configured here"
	case core.RefusedSignature:
		return "its provider did not sign it for this account as it is configured here"
	case core.RefusedUnreadable:
		return "it cannot be read"
	case core.RefusedTime:
		return "it has no time, or one in the future"
	default:
		return "it could not be judged now; import it again"
	}
}

// eachBatch hands over recordings, as many as may be sent at a time.
func eachBatch(file io.Reader, send func([]core.Recording) error) error {
	var batch []core.Recording
	size := 0
	err := eachRecording(file, func(rec core.Recording) (err error) {
		if len(batch) == importMost || size+len(rec.Body) > importBytes && len(batch) > 0 {
			err = send(batch)
			batch, size = nil, 0
		}
		batch, size = append(batch, rec), size+len(rec.Body)
		return err
	})
	if err == nil && len(batch) > 0 {
		err = send(batch)
	}
	return err
}

// eachRecording reads recordings, one after the other or in a list.
func eachRecording(file io.Reader, f func(core.Recording) error) error {
	r := bufio.NewReader(file)
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if first, err := firstByte(r); err == nil && first == '[' {
		if _, err := dec.Token(); err != nil {
			return err
		}
	}
	for n := 1; dec.More(); n++ {
		var rec core.Recording
		if err := dec.Decode(&rec); err != nil {
			return fmt.Errorf("recording %d is not one as export prints them: %w", n, err)
		}
		if err := f(rec); err != nil {
			return err
		}
	}
	return nil
}

// firstByte is the first that is no white space; it stays unread.
func firstByte(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b, r.UnreadByte()
		}
	}
}

type replayFeedback struct {
	inboxFlags
	feedbackWindow
	ID string `arg:"" optional:"" help:"Id of one item; without it --from and --to say which."`
}

// Run applies one item again, or those of a window, and prints what became of each.
func (cmd *replayFeedback) Run(ctx context.Context, out output) error {
	if (cmd.ID == "") == (cmd.From.IsZero() && cmd.To.IsZero()) || cmd.ID == "" && (cmd.From.IsZero() || cmd.To.IsZero()) {
		return &configError{errors.New("feedback replay: either an id or both --from and --to are needed")}
	}
	return cmd.with(ctx, out, func(in inbox) error {
		if cmd.ID != "" {
			v, err := in.Replay(ctx, cmd.ID)
			if err != nil {
				return err
			}
			return json.NewEncoder(out).Encode(v)
		}
		w := core.ReplayWindow{Account: cmd.Account, State: core.InboxState(cmd.State), From: cmd.From, To: cmd.To}
		for {
			list, err := in.ReplayWindow(ctx, w)
			for _, v := range list.Items {
				err = errors.Join(err, json.NewEncoder(out).Encode(v))
			}
			if w.Cursor = list.Next; w.Cursor == "" || err != nil {
				return err
			}
		}
	})
}

type exportFeedback struct {
	inboxFlags
	feedbackWindow
}

// Run prints recordings until there are no more.
func (cmd *exportFeedback) Run(ctx context.Context, out output) error {
	return cmd.with(ctx, out, func(in inbox) error {
		q := core.InboxQuery{Account: cmd.Account, State: core.InboxState(cmd.State), From: cmd.From, To: cmd.To}
		enc, cursor := json.NewEncoder(out), ""
		for {
			recordings, next, err := in.Export(ctx, q, cursor)
			for _, rec := range recordings {
				err = errors.Join(err, enc.Encode(rec))
			}
			if cursor = next; cursor == "" || err != nil {
				return err
			}
		}
	})
}
