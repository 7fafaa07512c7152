package storage

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// moment is a time as it is stored: microseconds since 1970, NULL when it is zero. It comes back in UTC. As a number it
// is the same, and sorts the same, whatever the engine, the driver and the time zone of a session.
type moment struct{ time.Time }

// Value is what the database gets.
func (m moment) Value() (driver.Value, error) {
	if m.IsZero() {
		return nil, nil
	}
	return m.UnixMicro(), nil
}

// Scan takes what the database has.
func (m *moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		m.Time = time.Time{}
	case int64:
		m.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// GormDataType is the type of the column.
func (moment) GormDataType() string { return "bigint" }

// doc is a value kept as JSON text, NULL when it is null. What encoding/json writes is valid UTF-8 without NUL.
type doc[T any] struct{ V T }

// Value is what the database gets.
func (d doc[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(d.V)
	if err != nil || string(b) == "null" {
		return nil, err
	}
	return string(b), nil
}

// Scan takes what the database has.
func (d *doc[T]) Scan(src any) error {
	var zero T
	d.V = zero
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), &d.V)
	case []byte:
		return json.Unmarshal(v, &d.V)
	}
	return fmt.Errorf("a document is stored as %T", src)
}

// GormDataType is the type of the column.
func (doc[T]) GormDataType() string { return "text" }

// raw is JSON that somebody else wrote, kept letter by letter, NULL when there is none.
type raw json.RawMessage

// Value is what the database gets.
func (r raw) Value() (driver.Value, error) {
	if len(r) == 0 {
		return nil, nil
	}
	return clean(string(r)), nil
}

// Scan takes what the database has.
func (r *raw) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*r = nil
	case string:
		*r = raw(v)
	case []byte:
		*r = raw(append([]byte(nil), v...))
	default:
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return nil
}

// GormDataType is the type of the column.
func (raw) GormDataType() string { return "text" }

// text is free text, which may come from anywhere. Postgres takes neither invalid UTF-8 nor NUL, so such bytes are
// kept as U+FFFD and two hexadecimal digits: readable, and still different where they were different.
type text string

// Value is what the database gets.
func (t text) Value() (driver.Value, error) { return clean(string(t)), nil }

func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if _, n := utf8.DecodeRuneInString(s[i:]); r == 0 || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%c%02X", utf8.RuneError, s[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
