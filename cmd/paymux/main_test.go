package main

import (
	"os"
	"testing"
)

// TestMain lets tests start this binary as the program itself.
func TestMain(m *testing.M) {
	switch os.Getenv("PAYMUX_TEST_PROCESS") {
	case "":
	case brokenWorlds:
		breakWorlds()
		fallthrough
	default:
		main()
		return
	}
	os.Exit(m.Run())
}
