package storage

import (
	"database/sql"

	"gorm.io/gorm"
)

// OnCommit puts f in the place of every commit.
func (s *Store) OnCommit(f func(*sql.Tx) error) { s.commit = f }

// Models are all rows, for the comparison with the schema.
func Models() []any {
	return []any{&merchant{}, &account{}, &apiKey{}, &payment{}, &attempt{}, &operation{}, &fact{}, &evidence{}, &ref{}, &event{}, &mandate{}, &inboxItem{}, &idempotency{}, &work{},
		&parked{}, &endpoint{}, &delivery{}, &deliveryTry{}}
}

// Gorm is what the statements of the store are built with.
func (s *Store) Gorm() *gorm.DB { return s.reader.db }

// Clean is how text is made fit for every engine.
func Clean(s string) string { return clean(s) }

// ExecWriter runs a statement on the connection that writes.
func (s *Store) ExecWriter(statement string) error {
	_, err := s.write.Exec(statement)
	return err
}

// Writers is how many transactions run at a time.
func (s *Store) Writers() int { return s.writers }

// TriesOf is the statement of Tries.
const TriesOf = triesOf
