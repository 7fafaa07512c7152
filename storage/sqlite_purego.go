//go:build !cgo

package storage

import (
	"errors"

	"modernc.org/sqlite"
)

// sqliteDriver is SQLite translated to Go, for builds without a C compiler.
const sqliteDriver = "sqlite"

// sqliteCode is the extended result code of an error of SQLite.
func sqliteCode(err error) (int, bool) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}
