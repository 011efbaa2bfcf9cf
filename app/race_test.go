//go:build race

package app_test

// The race detector makes everything several times slower, and looks at how
// histories interleave rather than at what they hold.
const histories = "25"
