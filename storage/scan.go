package storage

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// table is a type of row as statements that are written out need it. Reading a payment is a part of every change, and
// three quarters of its time went into building four statements and finding fields by name, row by row.
type table struct{ columns string }

// tables are those that were read so far, by type.
var tables sync.Map

// tableOf names every column, so that one that a newer version added does not disturb. Every field is a column.
func tableOf[T any]() table {
	kind := reflect.TypeFor[T]()
	if known, ok := tables.Load(kind); ok {
		return known.(table)
	}
	columns := make([]string, kind.NumField())
	for i := range columns {
		columns[i] = `"` + schema.NamingStrategy{}.ColumnName("", kind.Field(i).Name) + `"`
	}
	t := table{strings.Join(columns, ", ")}
	tables.Store(kind, t)
	return t
}

// selected reads the rows of T's table that rest, the end of a statement beginning at WHERE, says.
func selected[T interface{ TableName() string }](ctx context.Context, db *gorm.DB, rest string, args ...any) (out []T, err error) {
	var row T
	rows, err := db.Statement.ConnPool.QueryContext(ctx, "SELECT "+tableOf[T]().columns+` FROM `+row.TableName()+" "+rest, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	fields := make([]any, reflect.TypeFor[T]().NumField())
	for v := reflect.ValueOf(&row).Elem(); rows.Next(); out = append(out, row) {
		v.SetZero()
		for i := range fields {
			fields[i] = v.Field(i).Addr().Interface()
		}
		if err := rows.Scan(fields...); err != nil {
			return nil, err
		}
	}
	return out, rows.Err()
}

// numbered is n parameters, from $1 on. Both engines know them by number.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	return b.String()
}
