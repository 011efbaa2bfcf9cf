package embeddedpg

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
}

// TestRoot: the server is an unprivileged user's, and gets no right beyond
// those that it needs to reach its folder.
func TestRoot(t *testing.T) {
	t.Parallel()
	needRoot(t)
	capsh, err := exec.LookPath("capsh")
	if err != nil {
		t.Log("there is no capsh here: not tested with the rights that containers give")
	}
	for _, c := range []struct {
		name   string
		closed bool     // for others than root
		wrap   []string // takes rights away from relay
		rights string   // of the server, as the kernel writes them
	}{
		{name: "a folder that all may enter", rights: "0000000000000000"},
		{name: "a closed folder", closed: true, rights: "0000000000000004"},
		{name: "a closed folder in a container", closed: true, wrap: []string{capsh, "--drop=cap_dac_read_search", "--", "-c", `exec "$0"`}, rights: "0000000000000002"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.wrap != nil && capsh == "" {
				t.Skip("there is no capsh here")
			}
			dir := openFolder(t)
			if c.closed {
				dir = closedFolder(t, dir)
			}
			command := newCommand(t, dir, c.wrap...).ready()
			query(t, command.url, `SELECT 1`)
			checkProcess(t, serverPid(dir), c.rights)
			command.end()
		})
	}
}

// checkProcess looks at the user and the rights of the server's process.
func checkProcess(t *testing.T, pid int, rights string) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Logf("nothing can be known of a process here: %v", err)
		return
	}
	if regexp.MustCompile(`(?m)^Uid:.*\b0\b`).Match(status) {
		t.Error("the server is root's")
	}
	if found := regexp.MustCompile(`(?m)^CapEff:\s*(\w+)`).FindSubmatch(status); found == nil || string(found[1]) != rights {
		t.Errorf("the server has the rights %s, want %s", found, rights)
	}
}

// openFolder is a data folder below none that is closed.
func openFolder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "relay-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "data")
}

func closedFolder(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "below", "data")
}

// TestOwners: a cluster stays its owner's; one that root copied gets an owner
// that can run it.
func TestOwners(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := dataDir(t)
	closeServer(t, open(t, dir))
	for _, owner := range []uint32{12345, 0} {
		all := &credential{uid: owner, gid: owner}
		if err := all.ownAll(filepath.Join(dir, "postgres")); err != nil {
			t.Fatal(err)
		}
		server := open(t, dir)
		info, err := os.Stat(fmt.Sprintf("/proc/%d", serverPid(dir)))
		if err != nil {
			t.Skip("nothing can be known of a process here")
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 || owner != 0 && uid != owner {
			t.Errorf("the cluster was user %d's; the server is user %d's", owner, uid)
		}
		closeServer(t, server)
	}
}

// TestSocketFolderOfAnother: nobody else can answer in the server's place.
func TestSocketFolderOfAnother(t *testing.T) {
	t.Parallel()
	needRoot(t)
	parent := t.TempDir()
	c := &cluster{user: &credential{uid: 65534, gid: 65534}}
	folder := filepath.Join(parent, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.checkSocketDir(folder), folder, "65534")
	if err := c.user.own(folder); err != nil {
		t.Fatal(err)
	}
	if err := c.checkSocketDir(folder); err != nil {
		t.Error(err)
	}
	link := filepath.Join(parent, "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	if err := c.user.own(link); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.checkSocketDir(link), link)
	if err := os.Chmod(folder, 0o770); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.checkSocketDir(folder), folder)
}
