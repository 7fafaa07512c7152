package main

import (
	"os"
	"testing"
)

// TestMain lets tests start this binary as the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("PAYMUX_TEST_PROCESS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
