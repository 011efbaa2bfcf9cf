//go:build !linux

package embeddedpg

import "syscall"

// reaches is the server user's own right alone: the data folder must stand
// where that user can reach it.
var reaches = [][]uintptr{nil}

func keepReach(*syscall.SysProcAttr, []uintptr) {}
