package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/storage"
)

type keysCommand struct {
	Create createKey `cmd:"" help:"Create a key; its text is shown once and cannot be shown again."`
	List   listKeys  `cmd:"" help:"List keys, newest first, without their text."`
	Revoke revokeKey `cmd:"" help:"Revoke a key at once."`
}

type createKey struct {
	configured
	Merchant string   `required:"" help:"Whose key it is."`
	Scope    string   `enum:"merchant,operator,read" default:"merchant" help:"What it may do: merchant, operator (also what belongs to no merchant) or read."`
	Mode     string   `enum:",live,test" default:"" help:"Which mode of paymux it is for: that of the configuration; with --database alone, live unless this says test."`
	Expires  lifetime `placeholder:"LIFETIME" help:"How long it is valid, such as 90d or 12h; without it, until it is revoked."`
	JSON     bool     `help:"Print JSON."`
}

// lifetime is a duration that also takes days.
type lifetime time.Duration

// UnmarshalText reads 90d, or what time.ParseDuration reads; only positive ones.
func (l *lifetime) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s = days + "h"
	}
	d, err := time.ParseDuration(s)
	if s != string(text) {
		d *= 24
	}
	if err != nil || d <= 0 || d > 100*365*24*time.Hour {
		return fmt.Errorf("%q is no lifetime such as 90d or 12h", text)
	}
	*l = lifetime(d)
	return nil
}

// given reports whether the configuration was named, and is not only the one that would be read.
func (f configured) given(line *kong.Context) bool {
	named := slices.ContainsFunc(line.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "config" })
	return named || os.Getenv("PAYMUX_CONFIG") != ""
}

// Run creates the key. With --database alone no configuration is read and the merchant is taken as it is named; where
// both are named the configuration says mode and merchants.
func (cmd *createKey) Run(ctx context.Context, out output, line *kong.Context) error {
	dsn, mode := cmd.Database, cmd.Mode
	if dsn == "" || cmd.given(line) {
		c, err := cmd.load("")
		if err != nil {
			return err
		}
		if _, ok := c.Merchants[cmd.Merchant]; !ok {
			return &configError{fmt.Errorf("%s: there is no merchant %q", cmd.Config, cmd.Merchant)}
		}
		if mode != "" && mode != c.Mode {
			return &configError{fmt.Errorf("--mode: %s is in mode %s and would refuse a key of mode %s", cmd.Config, c.Mode, mode)}
		}
		dsn, mode = c.Database, c.Mode
	}
	if !namePattern.MatchString(cmd.Merchant) {
		return &configError{fmt.Errorf("--merchant: %q is no name of a merchant", cmd.Merchant)}
	}
	var expires time.Time
	if cmd.Expires > 0 {
		expires = time.Now().UTC().Add(time.Duration(cmd.Expires))
	}
	return withStore(ctx, dsn, false, func(store core.Store) error {
		made := core.NewLiveAPIKey
		if mode == modeTest {
			made = core.NewAPIKey
		}
		text, key := made(cmd.Merchant, core.Scope(cmd.Scope), expires)
		if err := keep(ctx, store, key); err != nil {
			return err
		}
		if cmd.JSON {
			return json.NewEncoder(out).Encode(struct {
				APIKey string `json:"api_key"`
				shownKey
			}{text, shown(key)})
		}
		_, err := fmt.Fprintln(out, text)
		return err
	})
}

// newKey makes and stores a key for test mode.
func newKey(ctx context.Context, store core.Store, merchant string, scope core.Scope, expires time.Time) (string, core.APIKey, error) {
	text, key := core.NewAPIKey(merchant, scope, expires)
	return text, key, keep(ctx, store, key)
}

func keep(ctx context.Context, store core.Store, key core.APIKey) error {
	return store.Do(ctx, "keys", func(tx core.Tx) error {
		if err := tx.InsertMerchant(key.MerchantID, key.CreatedAt); err != nil {
			return err
		}
		return tx.InsertAPIKey(key)
	})
}

// withStore runs f on the database, brought to head first. One that is to be there is not made.
func withStore(ctx context.Context, dsn string, there bool, f func(core.Store) error) error {
	store, err := storage.Open(ctx, dsn, storage.Options{Migrate: true, There: there})
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

// shownKey is a key without its hash.
type shownKey struct {
	ID         string     `json:"id"`
	Merchant   string     `json:"merchant"`
	Scope      core.Scope `json:"scope"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at,omitzero"`
	RevokedAt  time.Time  `json:"revoked_at,omitzero"`
	LastUsedAt time.Time  `json:"last_used_at,omitzero"`
}

func shown(k core.APIKey) shownKey {
	return shownKey{k.ID, k.MerchantID, k.Scope, k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt}
}

type listKeys struct {
	configured
	JSON bool `help:"Print JSON, one object a line."`
}

// Run lists every key, revoked and expired ones too.
func (cmd *listKeys) Run(ctx context.Context, out output) error {
	dsn, err := cmd.database()
	if err != nil {
		return err
	}
	return withStore(ctx, dsn, true, func(store core.Store) error {
		keys, err := store.APIKeys(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(keys, func(a, b core.APIKey) int { return b.CreatedAt.Compare(a.CreatedAt) })
		if cmd.JSON {
			enc := json.NewEncoder(out)
			for _, k := range keys {
				err = errors.Join(err, enc.Encode(shown(k)))
			}
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tMERCHANT\tSCOPE\tCREATED\tEXPIRES\tLAST USED\tREVOKED")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.MerchantID, k.Scope, moment(k.CreatedAt), moment(k.ExpiresAt), moment(k.LastUsedAt), moment(k.RevokedAt))
		}
		return w.Flush()
	})
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

type revokeKey struct {
	configured
	ID string `arg:"" help:"Id of the key, as keys list shows it."`
}

// Run revokes the key; running instances refuse it from then on.
func (cmd *revokeKey) Run(ctx context.Context, out output) error {
	dsn, err := cmd.database()
	if err != nil {
		return err
	}
	err = withStore(ctx, dsn, true, func(store core.Store) error {
		if _, err := store.APIKey(ctx, cmd.ID); err != nil {
			return err
		}
		return store.Do(ctx, "keys", func(tx core.Tx) error { return tx.RevokeAPIKey(cmd.ID, time.Now().UTC()) })
	})
	if err == nil {
		out.log.Info("revoked", "key", cmd.ID)
	}
	return err
}
