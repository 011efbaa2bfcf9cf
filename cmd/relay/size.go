package main

import (
	"fmt"
	"math"

	"github.com/docker/go-units"
)

// parseSize reads a number of bytes such as 33554432, 32MiB or 32MB (both of
// which are 32 * 1024 * 1024).
func parseSize(text string) (int64, error) {
	n, err := units.RAMInBytes(text)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, fmt.Errorf("%q is not a size from 1 byte to 2 GiB, such as 32MiB", text)
	}
	return n, nil
}
