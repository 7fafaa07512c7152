//go:build race

package campaign

// defaultSeeds are fewer under the race detector, which makes a world ten times as long.
const defaultSeeds = 12
