package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/paymux/paymux/core"
	"gorm.io/gorm"
)

// cause is what an error of a driver means here, the same for every engine.
type cause uint8

const (
	causeNone      cause = iota
	causeOther           // a defect: a broken statement, a constraint that guards nothing a caller can do
	causeMissing         // no row
	causeDuplicate       // a unique key is taken
	causeCheck           // a CHECK refuses the row
	causeAway            // the database cannot be used now
	causeLocked          // somebody else holds a row, or a deadlock was resolved against us; try again
	causeCorrupt         // the file is damaged
)

// causeOf classifies an error of gorm, database/sql or a driver.
func causeOf(err error) cause {
	if err == nil {
		return causeNone
	}
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return causeMissing
	}
	if code, ok := sqliteCode(err); ok {
		return sqliteCause(code)
	}
	if state, ok := sqlState(err); ok {
		return postgresCause(state)
	}
	_, network := errors.AsType[net.Error](err)
	for _, gone := range []error{driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		network = network || errors.Is(err, gone)
	}
	if network || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "database is closed") {
		return causeAway // database/sql and pgx have no values for the last two
	}
	return causeOther
}

// sqliteCause reads an extended result code (https://www.sqlite.org/rescode.html).
func sqliteCause(code int) cause {
	switch code {
	case 1555, 2067: // PRIMARYKEY, UNIQUE
		return causeDuplicate
	case 275: // CHECK
		return causeCheck
	}
	switch code & 0xff {
	case 5, 6, 7, 8, 9, 10, 13, 14: // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN
		return causeAway
	case 11, 26: // CORRUPT, NOTADB
		return causeCorrupt
	}
	return causeOther
}

// isBusy reports whether SQLite could not take a lock.
func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == 5
}

// sqlState is the SQLSTATE of an answer of Postgres.
func sqlState(err error) (string, bool) {
	var e interface{ SQLState() string }
	if !errors.As(err, &e) {
		return "", false
	}
	return e.SQLState(), true
}

// postgresCause reads a SQLSTATE (PostgreSQL manual, appendix A).
func postgresCause(state string) cause {
	switch state {
	case "23505":
		return causeDuplicate
	case "23514":
		return causeCheck
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return causeLocked
	case "25006": // read-only: a standby after a failover
		return causeAway
	case "XX001", "XX002":
		return causeCorrupt
	}
	switch state[:min(2, len(state))] {
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return causeAway
	}
	return causeOther
}

// wrap makes err of a statement a *core.Error. what names what was looked for.
func wrap(op, what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	e := &core.Error{Kind: core.Internal, Op: "storage." + op, Err: err}
	switch causeOf(err) {
	case causeMissing:
		e.Kind, e.Code, e.Message, e.Err = core.NotFound, "not_found", "there is no such "+what, nil
	case causeAway:
		e.Kind, e.Code, e.Message = core.Unavailable, "storage_unavailable", "the database cannot be reached; nothing happened"
	case causeLocked:
		e.Kind, e.Code, e.Message = core.Unavailable, "storage_busy", "somebody else is changing the same; nothing happened"
	case causeCorrupt:
		e.Code, e.Message = "storage_corrupt", "the database file is damaged"
	}
	return e
}

func conflict(op, code, message string) *core.Error {
	return &core.Error{Kind: core.Conflict, Op: "storage." + op, Code: code, Message: message}
}

// unknownCommit is the answer when nobody can say whether a commit happened.
func unknownCommit(err error) *core.Error {
	return &core.Error{Kind: core.Internal, Op: "storage.Do", Code: "commit_unknown", Message: "the commit was not confirmed; read again", Err: err}
}

// notBegun is the answer for a job of which nothing happened.
func notBegun(code string, err error) *core.Error {
	return &core.Error{Kind: core.Unavailable, Op: "storage.Do", Code: code, Message: "nothing was stored; it may be repeated", Err: err}
}
