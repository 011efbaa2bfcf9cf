package embeddedpg

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestDownload: where no binaries are found they are downloaded, and used. The
// binaries that the test serves are scripts that call the real ones. It is not
// parallel, since it changes where binaries are looked for.
func TestDownload(t *testing.T) {
	real := bestOf(candidates(t.TempDir()), 0)
	if real.dir == "" {
		t.Skip("there are no PostgreSQL binaries here that the served ones could call")
	}
	for _, tool := range []string{"tar", "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here, which packs what the test serves", tool)
		}
	}
	repository := newRepository(t, real.dir)
	dir, err := os.MkdirTemp("", "relay-download-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	folders, place := installFolders, rootDownloads
	t.Cleanup(func() { installFolders, rootDownloads = folders, place })
	installFolders, rootDownloads = nil, filepath.Join(dir, "binaries")
	t.Setenv("PATH", emptyPath(t))

	for _, use := range []string{"downloads", "uses what was downloaded"} {
		server, err := Open(t.Context(), Config{DataDir: filepath.Join(dir, "data"), Repository: repository.url})
		if err != nil {
			t.Fatalf("%s: %v", use, err)
		}
		db, err := sql.Open("postgres", server.URL())
		if err != nil {
			t.Fatal(err)
		}
		var version int
		if err := db.QueryRow(`SELECT current_setting('server_version_num')::int / 10000`).Scan(&version); err != nil || version != real.major {
			t.Errorf("%s: server version %d, %v", use, version, err)
		}
		db.Close()
		if err := server.Close(); err != nil {
			t.Errorf("%s: %v", use, err)
		}
	}
	if n := repository.jars(string(downloads[preferred])); n != 1 {
		t.Errorf("the binaries were fetched %d times, want once", n)
	}
}

// emptyPath is a PATH with a shell and what the scripts need, and no Postgres.
func emptyPath(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"sh"} {
		path, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(path, filepath.Join(dir, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// repository serves binaries in the layout of a Maven repository.
type repository struct {
	url string

	mu    sync.Mutex
	paths []string
}

func newRepository(t *testing.T, real string) *repository {
	t.Helper()
	jar := newJar(t, real)
	sum := sha256.Sum256(jar)
	r := &repository{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.paths = append(r.paths, request.URL.Path)
		r.mu.Unlock()
		if strings.HasSuffix(request.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:]))) // the client checks
			return
		}
		_, _ = w.Write(jar)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// jars counts the requests for binaries of a version.
func (r *repository) jars(version string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range r.paths {
		if strings.HasSuffix(path, "-"+version+".jar") {
			n++
		}
	}
	return n
}

// newJar packs scripts that call the real binaries.
func newJar(t *testing.T, real string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		script := "#!/bin/sh\nexec " + filepath.Join(real, name) + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(t.TempDir(), "postgres.txz")
	if out, err := exec.Command("tar", "-C", dir, "-cJf", archive, "bin").CombinedOutput(); err != nil {
		t.Fatalf("pack the binaries: %v %s", err, out)
	}
	packed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres.txz")
	if err == nil {
		_, err = w.Write(packed)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}
