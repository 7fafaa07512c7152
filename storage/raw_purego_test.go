//go:build !cgo

package storage_test

const sqliteDriver = "sqlite"
