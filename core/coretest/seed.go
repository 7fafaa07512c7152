package coretest

import "github.com/paymux/paymux/core/internal/chance"

// Seed makes ids and jitter of core repeatable until restore is called. It is for the whole process: what runs at the
// same time draws from the same source.
func Seed(seed uint64) (restore func()) { return chance.Seed(seed) }
