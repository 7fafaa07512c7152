//go:build !race

package campaign

// defaultSeeds are how many worlds a plain go test lives through.
const defaultSeeds = 60
