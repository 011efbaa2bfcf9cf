//go:build !race

package app_test

// histories is how many random histories a law is held against in one go.
const histories = "250"
