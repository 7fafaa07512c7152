package main

import (
	"context"

	"github.com/paymux/paymux/storage"
)

type migrateCommand struct{ configured }

// Run brings the schema to head; serve does the same when it starts. With --database no configuration is read.
func (cmd *migrateCommand) Run(ctx context.Context, out output) error {
	dsn, err := cmd.database()
	if err != nil {
		return err
	}
	if err := storage.Migrate(ctx, dsn); err != nil {
		return err
	}
	out.log.Info("the schema is at head")
	return nil
}

// database is the one named by the flag, else the configured one.
func (f configured) database() (string, error) {
	if f.Database != "" {
		return f.Database, nil
	}
	c, err := f.load("")
	if err != nil {
		return "", err
	}
	return c.Database, nil
}
