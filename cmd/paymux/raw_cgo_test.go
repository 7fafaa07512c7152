//go:build cgo

package main

const sqliteDriver = "sqlite3" // of a build with cgo; without it, the stub of the same name only complains
