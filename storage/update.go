package storage

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// updates are the statements of update, by table and condition: each has one set of columns.
var updates sync.Map

// update sets columns of the rows of table for which where holds, and tells how many there were. gorm would build the
// statement anew every time, which is half of what the hottest of them cost. Both engines number parameters like this.
func (t *tx) update(table string, columns map[string]any, where string, args ...any) (rows int64, err error) {
	names := slices.Sorted(maps.Keys(columns))
	statement, ok := updates.Load(table + " " + where)
	if !ok {
		statement, _ = updates.LoadOrStore(table+" "+where, updateStatement(table, names, where))
	}
	values := make([]any, 0, len(names)+len(args))
	for _, name := range names {
		values = append(values, columns[name])
	}
	res, err := t.conn.ExecContext(t.conn.ctx, statement.(string), append(values, args...)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// updateStatement numbers its parameters in the order in which they stand, first the columns, then each ? of where.
func updateStatement(table string, columns []string, where string) string {
	var b strings.Builder
	b.WriteString("UPDATE " + table + " SET ")
	for i, name := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + name + `" = $` + strconv.Itoa(i+1))
	}
	n := len(columns)
	b.WriteString(" WHERE ")
	for _, c := range where {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}
