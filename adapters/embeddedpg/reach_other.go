//go:build !linux

package embeddedpg

import "syscall"

// keepReach does nothing here: the data folder must stand where the server's
// user can reach it.
func keepReach(*syscall.SysProcAttr) {}
