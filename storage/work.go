package storage

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// work is a row of the one table of background work. Leased is set while somebody has it, until DueAt.
type work struct {
	Kind    string `gorm:"primaryKey"`
	Subject string `gorm:"primaryKey"`
	DueAt   moment
	Tries   int
	Fence   int64
	Leased  bool
	Failed  int
}

func (work) TableName() string { return "work" }

func (r *work) core() core.Work {
	return core.Work{Kind: core.WorkKind(r.Kind), Subject: r.Subject, DueAt: r.DueAt.Time, Tries: r.Tries, Fence: r.Fence, Failed: r.Failed}
}

// The statements are written out: one of them is a part of nearly every change. Both engines know $1, $2 and so on;
// SQLite counts them in the order in which they come first.
const (
	planWork = `INSERT INTO work (kind, subject, due_at, tries, fence, leased, failed) VALUES ($1, $2, $3, $4, 0, FALSE, 0)
ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, tries = excluded.tries, leased = FALSE, failed = 0`
	soonWork = `INSERT INTO work (kind, subject, due_at, tries, fence, leased, failed) VALUES ($1, $2, $3, 0, 0, FALSE, 0)
ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, leased = FALSE WHERE work.due_at > excluded.due_at`
	grabWork = `INSERT INTO work (kind, subject, due_at, tries, fence, leased, failed) VALUES ($1, $2, $3, $4, $5, TRUE, 0)
ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, tries = excluded.tries, leased = TRUE, failed = 0,
fence = CASE WHEN work.fence < excluded.fence THEN excluded.fence ELSE work.fence + 1 END
RETURNING fence`
	againWork  = `UPDATE work SET due_at = $1, tries = $2, failed = $3, leased = FALSE WHERE kind = $4 AND subject = $5 AND fence = $6`
	doneWork   = `DELETE FROM work WHERE kind = $1 AND subject = $2 AND fence = $3`
	removeWork = `DELETE FROM work WHERE kind = $1 AND subject = $2`
	renewWork  = `UPDATE work SET due_at = $1 WHERE kind = $2 AND subject = $3 AND fence = $4 AND leased`
	// A fence rises with time as well as with every lease: one that was removed and written again is another.
	takeWork = `WITH due AS (SELECT subject FROM work WHERE kind = $1 AND due_at <= $2 ORDER BY due_at, subject LIMIT $3`
	// What stands there as leased though its lease is over was lost. A process may die while it has something, even three
	// times; after that it is taken for what kills it, and each next lease is twice as long, up to 2^12 times.
	takenWork = `) UPDATE work SET leased = TRUE, failed = CASE WHEN leased THEN failed + 1 ELSE failed END,
due_at = CASE WHEN leased THEN $4 + ($4 - $2) * ((CAST(1 AS BIGINT) << CASE WHEN failed < 3 THEN 0 WHEN failed < 14 THEN failed - 2 ELSE 12 END) - 1) ELSE $4 END,
fence = CASE WHEN fence < $5 THEN $5 ELSE fence + 1 END
WHERE kind = $1 AND subject IN (SELECT subject FROM due) RETURNING kind, subject, due_at, tries, fence, failed`
	restartWork = `UPDATE work SET due_at = $1, leased = FALSE WHERE leased OR kind = $2 AND due_at > $1`
)

// Plan writes work, or sets DueAt and Tries of what stands there and ends its lease.
func (t *tx) Plan(w core.Work) error {
	if w.DueAt.IsZero() {
		return t.exec("Plan", removeWork, string(w.Kind), w.Subject)
	}
	return t.exec("Plan", planWork, string(w.Kind), w.Subject, moment{w.DueAt}, w.Tries)
}

// Soon writes work that is due at at, or makes that earlier which is due later.
func (t *tx) Soon(kind core.WorkKind, subject string, at time.Time) error {
	return t.exec("Soon", soonWork, string(kind), subject, moment{at})
}

// Grab plans w as taken by the caller until w.DueAt, and returns it with its fence.
func (t *tx) Grab(w core.Work) (core.Work, error) {
	err := t.returning("Grab", func(rows *sql.Rows) error { return rows.Scan(&w.Fence) },
		grabWork, string(w.Kind), w.Subject, moment{w.DueAt}, w.Tries, fence())
	return w, err
}

// fence is one that is greater than those given out before, if clocks agree; where they do not, the row's own rises.
func fence() int64 { return time.Now().UnixMicro() }

// Take takes work of a kind that is due, the longest due first. What another instance is taking is skipped.
func (t *tx) Take(kind core.WorkKind, due, until time.Time, limit int) (taken []core.Work, err error) {
	statement := takeWork
	if t.lock {
		statement += " FOR UPDATE SKIP LOCKED"
	}
	err = t.returning("Take", func(rows *sql.Rows) error {
		var r work
		err := rows.Scan(&r.Kind, &r.Subject, &r.DueAt, &r.Tries, &r.Fence, &r.Failed)
		taken = append(taken, r.core())
		return err
	}, statement+takenWork, string(kind), moment{due}, limit, moment{until}, fence())
	slices.SortFunc(taken, func(a, b core.Work) int { return strings.Compare(a.Subject, b.Subject) }) // they come in any order
	return taken, err
}

// returning runs a statement that changes rows and gives them back.
func (t *tx) returning(op string, scan func(*sql.Rows) error, statement string, args ...any) error {
	rows, err := t.conn.QueryContext(t.conn.ctx, statement, args...)
	if err != nil {
		return t.fail(op, "work", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		t.conn.wrote = true
		if err := scan(rows); err != nil {
			return t.fail(op, "work", err)
		}
	}
	return t.fail(op, "work", rows.Err())
}

// Again ends a lease and has the work due later.
func (t *tx) Again(w core.Work) error {
	return t.fenced("Again", againWork, moment{w.DueAt}, w.Tries, w.Failed, string(w.Kind), w.Subject, w.Fence)
}

// Done removes work.
func (t *tx) Done(w core.Work) error {
	return t.fenced("Done", doneWork, string(w.Kind), w.Subject, w.Fence)
}

// Renew prolongs leases. One that is lost stays lost.
func (t *tx) Renew(works []core.Work, until time.Time) error {
	for _, w := range works {
		if err := t.exec("Renew", renewWork, moment{until}, string(w.Kind), w.Subject, w.Fence); err != nil {
			return err
		}
	}
	return nil
}

// Restart ends every lease and makes all that is to be asked due at at.
func (t *tx) Restart(at time.Time) error {
	return t.exec("Restart", restartWork, moment{at}, string(core.WorkAsk))
}

// Beat notes that somebody lives.
func (t *tx) Beat(at time.Time) error {
	return t.exec("Beat", "UPDATE heartbeat SET beat_at = $1 WHERE id = 1", at.UnixMicro())
}

func (t *tx) exec(op, statement string, args ...any) error {
	_, err := t.conn.ExecContext(t.conn.ctx, statement, args...)
	return t.fail(op, "work", err)
}

// fenced runs a statement that changes a row only while its fence is the caller's.
func (t *tx) fenced(op, statement string, args ...any) error {
	res, err := t.conn.ExecContext(t.conn.ctx, statement, args...)
	if err != nil {
		return t.fail(op, "work", err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return conflict(op, "lease_lost", "the work was taken by somebody else")
	}
	return t.fail(op, "work", err)
}

// NextWork is when the earliest work of these kinds is due, zero when there is none.
func (r *reader) NextWork(ctx context.Context, kinds []core.WorkKind) (next time.Time, err error) {
	db := r.on(ctx)
	for _, kind := range kinds {
		rows, err := selected[work](ctx, db, "WHERE kind = $1 ORDER BY due_at, subject LIMIT 1", string(kind))
		if err != nil {
			return time.Time{}, r.fail("NextWork", "work", err)
		}
		if len(rows) > 0 && (next.IsZero() || rows[0].DueAt.Before(next)) {
			next = rows[0].DueAt.Time
		}
	}
	return next, nil
}

// LastBeat is when somebody last noted that he lives, zero when nobody ever did.
func (r *reader) LastBeat(ctx context.Context) (time.Time, error) {
	var at int64
	err := r.on(ctx).Raw("SELECT beat_at FROM heartbeat WHERE id = 1").Scan(&at).Error
	if err != nil || at == 0 {
		return time.Time{}, r.fail("LastBeat", "heartbeat", err)
	}
	return time.UnixMicro(at).UTC(), nil
}

// asksOf reads when payments are asked about next.
func asksOf(ctx context.Context, db *gorm.DB, ids []any) ([]work, error) {
	args := append([]any{string(core.WorkAsk)}, ids...)
	in := ""
	for i := range ids {
		if i > 0 {
			in += ", "
		}
		in += "$" + strconv.Itoa(i+2)
	}
	return selected[work](ctx, db, "WHERE kind = $1 AND subject IN ("+in+")", args...)
}

// open statuses are those that a provider may still change without being asked to; the partial index names them too.
const open = `status IN ('requires_action', 'requires_confirmation', 'processing', 'requires_capture', 'partially_captured')`

// OpenPayments lists, by rising id after the given one, payments that their provider may still change.
func (r *reader) OpenPayments(ctx context.Context, after string, limit int) (ids []string, err error) {
	err = r.on(ctx).Model(&payment{}).Where(open+" AND id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, r.fail("OpenPayments", "payment", err)
}

// ChangedPayments lists payments changed at since, with a greater id than after, or later: the longest unchanged first.
func (r *reader) ChangedPayments(ctx context.Context, since time.Time, after string, limit int) ([]core.Changed, error) {
	var rows []payment
	err := r.on(ctx).Select("id", "updated_at").Where("(updated_at, id) > (?, ?)", moment{since}, after).Order("updated_at, id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, r.fail("ChangedPayments", "payment", err)
	}
	out := make([]core.Changed, len(rows))
	for i := range rows {
		out[i] = core.Changed{ID: rows[i].ID, At: rows[i].UpdatedAt.Time}
	}
	return out, nil
}
