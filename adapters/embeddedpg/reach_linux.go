package embeddedpg

import "syscall"

// keepReach lets the server's user pass through folders that only root may pass
// through, such as /root or a temporary folder of root's: the data folder may
// stand in one. It gains no right to write. CAP_DAC_READ_SEARCH is 2.
func keepReach(attributes *syscall.SysProcAttr) {
	const capDacReadSearch = 2
	attributes.AmbientCaps = []uintptr{capDacReadSearch}
}
