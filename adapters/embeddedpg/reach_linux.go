package embeddedpg

import "syscall"

// Linux's numbers of capabilities.
const (
	capDacOverride   = 1
	capDacReadSearch = 2
)

// reaches are the rights to try, the least first.
var reaches = [][]uintptr{nil, {capDacReadSearch}, {capDacOverride}}

func keepReach(attributes *syscall.SysProcAttr, rights []uintptr) { attributes.AmbientCaps = rights }
