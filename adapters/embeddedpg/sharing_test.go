package embeddedpg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOneAfterTheOther: a server starts, works with every client, stops whole,
// and its data is there the next time.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := open(t, dir)
	if !first.Started() {
		t.Error("the first user did not start the server")
	}
	query(t, first.URL(), `WITH w AS (SELECT lo_from_bytea(4711, 'kept')) SELECT count(*) FROM w`)
	checkPsql(t, first)
	checkSettings(t, first.URL())
	pid := serverPid(dir)
	closeServer(t, first)
	if serverPid(dir) != 0 || first.cluster.serves(pid) {
		t.Error("the server runs after its last user is gone")
	}
	closeServer(t, first) // a second time does nothing
	second := open(t, dir)
	if got := query(t, second.URL(), `SELECT convert_from(lo_get(4711), 'UTF8')`); got != "kept" {
		t.Errorf("read %q", got)
	}
	if second.URL() != first.URL() {
		t.Errorf("the URL changed from %s to %s", first.URL(), second.URL())
	}
}

// checkPsql: the URL works where it is pasted, whatever the environment says.
func checkPsql(t *testing.T, server *Server) {
	t.Helper()
	if strings.ContainsAny(server.URL(), "& '\"$`\\;<>()|*") {
		t.Errorf("a shell would take %s apart", server.URL())
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		return
	}
	command := exec.Command("sh", "-c", psql+" -tAc 'SELECT current_database()' "+server.URL())
	command.Env = append(os.Environ(), "PGPORT=1", "PGHOST=nowhere.invalid", "PGSSLMODE=verify-full", "PGUSER=nobody")
	if out, err := command.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "relay" {
		t.Errorf("psql: %v %s", err, out)
	}
}

func checkSettings(t *testing.T, url string) {
	t.Helper()
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "", "wal_level": "minimal",
		"data_checksums": "on", "server_encoding": "UTF8", "lc_collate": "C", "TimeZone": "UTC", "password_encryption": "scram-sha-256",
	} {
		if got := query(t, url, `SELECT current_setting('`+setting+`', true)`); got != want && (setting != "lc_collate" || got != "") {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := query(t, url, `SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'`); got != "0" {
		t.Errorf("%s ways in need no password", got)
	}
	if got := query(t, url, `SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL`); got != "0" {
		t.Errorf("%s settings are not taken", got)
	}
}

// TestManyAtOnce: of processes that come at once one starts the server; when it
// leaves first the others keep it, and the last of them stops it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	var starter *command
	var others []*command
	var all []*command
	for range 4 {
		all = append(all, newCommand(t, dir))
	}
	for _, c := range all {
		if c.ready(); !c.started {
			others = append(others, c)
			continue
		}
		if starter != nil {
			t.Error("two commands started the server")
		}
		starter = c
	}
	if starter == nil {
		t.Fatal("no command started the server")
	}
	pid := serverPid(dir)
	starter.end()
	for _, c := range others {
		if got := serverPid(dir); got != pid {
			t.Fatalf("the server is process %d, was %d", got, pid)
		}
		query(t, c.url, `SELECT 1`)
		c.end()
	}
	if serverPid(dir) != 0 {
		t.Error("the server runs after its last user is gone")
	}
}

// TestComingAndGoing: processes that come while others leave always get a
// server that answers.
func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	last := newCommand(t, dir).ready()
	for range 6 {
		next := newCommand(t, dir)
		last.end()
		last = next.ready()
		query(t, last.url, `SELECT 1`)
	}
	last.end()
}

// TestLinkToTheDataFolder: one folder under two names is one server.
func TestLinkToTheDataFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("a-long-name/", 9)) // the socket stands elsewhere
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	first := open(t, dir)
	second := open(t, link)
	if second.Started() || first.URL() != second.URL() {
		t.Errorf("two servers, %s and %s", first.URL(), second.URL())
	}
	socket := first.cluster.socket
	closeServer(t, first)
	query(t, second.URL(), `SELECT 1`)
	closeServer(t, second)
	if _, err := os.Stat(socket); err == nil || socket == first.cluster.dir {
		t.Errorf("the socket's folder %s is left behind", socket)
	}
}

// TestForkWhileClosing: a process that is being started has, for a moment, all
// files of the one that starts it. The last user's server stops all the same.
func TestForkWhileClosing(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := open(t, dir)
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{server.users.file}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	closeServer(t, server)
	if pid := serverPid(dir); pid != 0 {
		t.Errorf("the server runs as process %d after its last user is gone", pid)
	}
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}
