package main

import (
	"os"
	"testing"
)

// leftovers are removed when all tests are over.
var leftovers []string

// TestMain lets tests start this binary as the program itself.
func TestMain(m *testing.M) {
	switch os.Getenv("PAYMUX_TEST_PROCESS") {
	case "":
	case brokenWorlds:
		breakWorlds()
		main()
		return
	case twoProviders:
		breakOneOfTwo()
		main()
		return
	default:
		main()
		return
	}
	code := m.Run()
	for _, path := range leftovers {
		_ = os.RemoveAll(path)
	}
	os.Exit(code)
}
