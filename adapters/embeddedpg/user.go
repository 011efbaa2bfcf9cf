package embeddedpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/google/renameio/v2"
)

// credential is the user that the server runs as when relay runs as root, which
// Postgres refuses.
type credential struct {
	uid, gid uint32
	// reach are the capabilities that let it pass through folders that only
	// root may pass through, see settleReach.
	reach []uintptr
}

// serverUser returns nil unless this process is root's. A cluster that is there
// already stays its owner's; root may have copied it.
func serverUser(dir string) (*credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	info, err := os.Stat(dir)
	if err == nil {
		owner, ok := info.Sys().(*syscall.Stat_t)
		if ok && owner.Uid != 0 {
			return &credential{uid: owner.Uid, gid: owner.Gid}, nil
		}
		c := unprivilegedUser()
		return c, c.ownAll(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find the owner of the cluster: %w", err)
	}
	return unprivilegedUser(), nil
}

func unprivilegedUser() *credential {
	for _, name := range []string{"postgres", "nobody", "daemon"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil && uid != 0 {
			return &credential{uid: uint32(uid), gid: uint32(gid)}
		}
	}
	return &credential{uid: 65534, gid: 65534}
}

// namelessHint stands at the end of initdb's error: containers are often run as
// a number that is no user.
func (c *credential) namelessHint() string {
	id := os.Geteuid()
	if c != nil {
		id = int(c.uid)
	}
	if _, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return ""
	}
	return fmt.Sprintf("\nUser %d has no line in /etc/passwd, which PostgreSQL needs to make a cluster: "+
		"add one, run relay as another user, or name a server in RELAY_DATABASE_URL", id)
}

// own gives a file or folder to the server's user. It follows no link, since
// that user may have put one there.
func (c *credential) own(path string) error {
	if c == nil {
		return nil
	}
	if err := os.Lchown(path, int(c.uid), int(c.gid)); err != nil {
		return fmt.Errorf("give %s to the user that the server runs as: %w", path, err)
	}
	return nil
}

func (c *credential) ownAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return c.own(path)
	})
}

// write puts a file in place that only the server's user may read.
func (c *credential) write(path, text string) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer file.Cleanup()
	if c != nil {
		if err := file.Chown(int(c.uid), int(c.gid)); err != nil {
			return fmt.Errorf("give %s to the user that the server runs as: %w", path, err)
		}
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// attributes returns how to start a program as the server's user: in a session
// of its own, so that a terminal's signals to relay do not reach it.
func (c *credential) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: true}
	if c != nil {
		attributes.Credential = &syscall.Credential{Uid: c.uid, Gid: c.gid}
		keepReach(attributes, c.reach)
	}
	return attributes
}
