//go:build cgo

package storage

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// sqliteDriver is SQLite in C.
const sqliteDriver = "sqlite3"

// sqliteCode is the extended result code of an error of SQLite.
func sqliteCode(err error) (int, bool) {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return max(int(e.ExtendedCode), int(e.Code)), true
	}
	return 0, false
}
