//go:build !race

package app_test

// histories is how many random histories each law is held against.
const histories = "1000"
