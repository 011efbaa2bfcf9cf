package embeddedpg

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// credential is the user that the server runs as when relay runs as root, which
// Postgres refuses.
type credential struct {
	uid, gid uint32
}

// serverUser returns nil unless this process is root's.
func serverUser() (*credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil && uid != 0 {
			return &credential{uint32(uid), uint32(gid)}, nil
		}
	}
	return &credential{65534, 65534}, nil
}

// own gives a file or folder to the server's user.
func (c *credential) own(path string) error {
	if c == nil {
		return nil
	}
	if err := os.Chown(path, int(c.uid), int(c.gid)); err != nil {
		return fmt.Errorf("give %s to the user that the server runs as: %w", path, err)
	}
	return nil
}

// attributes returns how to start a program as the server's user: in a session
// of its own, so that a terminal's signals to relay do not reach it.
func (c *credential) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: true}
	if c != nil {
		attributes.Credential = &syscall.Credential{Uid: c.uid, Gid: c.gid}
		keepReach(attributes)
	}
	return attributes
}
