package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	analytics "gopkg.in/segmentio/analytics-go.v3"
)

// The tests here let Segment's own libraries, as they are published, send to a
// relay that is killed and started again meanwhile.

// callTypes are what every library can send.
var callTypes = []string{"identify", "track", "page", "screen", "group", "alias"}

// deliveries are the calls that a library takes for delivered, and for lost.
type deliveries struct {
	mu        sync.Mutex
	delivered []sentCall
	lost      []string
}

func (d *deliveries) add(c sentCall) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delivered = append(d.delivered, c)
}

func (d *deliveries) lose(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = append(d.lost, fmt.Sprintf(format, args...))
}

func (d *deliveries) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.delivered)
}

// told counts the calls whose fate is known.
func (d *deliveries) told() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.delivered) + len(d.lost)
}

// await waits until that many more calls are delivered.
func (d *deliveries) await(t *testing.T, more int) {
	t.Helper()
	from := d.count()
	waitFor(t, "calls to be delivered", func() bool { return d.count() >= from+more })
}

// check proves that calls of each type were delivered, none lost, and that all
// are where they belong.
func (d *deliveries) check(t *testing.T, db *sql.DB) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.lost) > 0 {
		t.Errorf("%d calls are lost: %.500s", len(d.lost), fmt.Sprint(d.lost))
	}
	kinds := map[string]int{}
	for _, c := range d.delivered {
		kinds[c.Type]++
	}
	for _, kind := range callTypes {
		if kinds[kind] == 0 {
			t.Errorf("no %s was delivered", kind)
		}
	}
	checkCalls(t, db, d.delivered)
	t.Logf("delivered: %v", kinds)
}

// forClients returns a relay in which every call that has a name is an event,
// and a key for a library.
func forClients(t *testing.T) (relay *instance, key string) {
	t.Helper()
	relay = newInstance(t)
	relay.must("mapping", "apply", relay.writeFile("mapping.yaml", "events: [track, page, screen]\n"))
	return relay, strings.TrimSpace(relay.must("keys", "create", "library"))
}

// killedAgainAndAgain kills the relay and starts it again while the library
// sends.
func (i *instance) killedAgainAndAgain(server *serving, address string, d *deliveries) {
	i.t.Helper()
	for range 3 {
		d.await(i.t, 100)
		server.kill()
		server = i.serve("--listen", address)
	}
	d.await(i.t, 100)
}

// routes lists where payloads were posted to.
func routes(t *testing.T, db *sql.DB) string {
	t.Helper()
	return text(t, db, `SELECT string_agg(DISTINCT route, ' ' ORDER BY route) FROM relay.payloads`)
}

// TestAnalyticsGo sends with the library for Go.
func TestAnalyticsGo(t *testing.T) {
	t.Parallel()
	relay, key := forClients(t)
	address := fixedAddress(t)
	server := relay.serve("--listen", address)
	told := &deliveries{}
	library, err := analytics.NewWithConfig(key, analytics.Config{
		Endpoint: server.address, Interval: 200 * time.Millisecond, Callback: callback{told}, Logger: unheard{},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, made := make(chan struct{}), make(chan int, 1)
	go func() { made <- sendWithGo(t, library, stop) }()
	relay.killedAgainAndAgain(server, address, told)
	close(stop)
	n := <-made
	waitFor(t, "the library to be done", func() bool { return told.told() == n }) // when it is closed, it gives up what it waits to send again
	if err := library.Close(); err != nil {
		t.Error(err)
	}
	db := relay.open()
	settled(t, db)
	told.check(t, db)
	if got := routes(t, db); got != "/v1/batch" {
		t.Errorf("posted to %s", got)
	}
	relay.must("verify")
}

// sendWithGo makes calls of all types until it is stopped, and returns how many.
func sendWithGo(t *testing.T, library analytics.Client, stop chan struct{}) (made int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return made
		case <-tick.C:
		}
		person := fmt.Sprintf("go-%d", n%20)
		for _, m := range []analytics.Message{
			analytics.Identify{UserId: person, Traits: analytics.NewTraits().SetEmail(person+"@example.com").Set("n", n)},
			analytics.Track{UserId: person, Event: "Ordered – ü😀", Properties: analytics.NewProperties().SetRevenue(9.5)},
			analytics.Page{UserId: person, Name: "Start"},
			analytics.Screen{AnonymousId: "a-" + person, Name: "Home"},
			analytics.Group{UserId: person, GroupId: "company"},
			analytics.Alias{UserId: person, PreviousId: "a-" + person},
		} {
			if err := library.Enqueue(m); err != nil {
				t.Error(err)
				return made
			}
			made++
		}
	}
}

// callback is told by the library for Go what became of each call.
type callback struct{ *deliveries }

func (c callback) Success(m analytics.Message)            { c.add(callOf(m)) }
func (c callback) Failure(m analytics.Message, err error) { c.lose("%+v: %v", callOf(m), err) }

func callOf(m analytics.Message) sentCall {
	switch m := m.(type) {
	case analytics.Identify:
		return sentCall{m.Type, m.MessageId, m.UserId}
	case analytics.Track:
		return sentCall{m.Type, m.MessageId, m.UserId}
	case analytics.Page:
		return sentCall{m.Type, m.MessageId, m.UserId}
	case analytics.Screen:
		return sentCall{m.Type, m.MessageId, m.UserId}
	case analytics.Group:
		return sentCall{m.Type, m.MessageId, m.UserId}
	case analytics.Alias:
		return sentCall{m.Type, m.MessageId, m.UserId}
	}
	panic(fmt.Sprintf("the library was given no %T", m))
}

// unheard is a logger for what the library says of its tries.
type unheard struct{}

func (unheard) Logf(string, ...any)   {}
func (unheard) Errorf(string, ...any) {}

// TestAnalyticsNode sends with the library for Node.js.
func TestAnalyticsNode(t *testing.T) {
	t.Parallel()
	folder := nodeModules(t)
	relay, key := forClients(t)
	address := fixedAddress(t)
	server := relay.serve("--listen", address)
	told := &deliveries{}
	process := exec.Command("node", "node.mjs", server.address, key)
	process.Dir, process.Stderr = folder, os.Stderr
	stop, out := startWithPipes(t, process)
	var reading sync.WaitGroup
	reading.Go(func() { told.read(out) })
	relay.killedAgainAndAgain(server, address, told)
	stop.Close()
	reading.Wait()
	if err := process.Wait(); err != nil {
		t.Errorf("node: %v", err)
	}
	db := relay.open()
	settled(t, db)
	told.check(t, db)
	if got := routes(t, db); got != "/v1/batch" {
		t.Errorf("posted to %s", got)
	}
	relay.must("verify")
}

func startWithPipes(t *testing.T, process *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() }) // only where a test failed on its way
	return in, out
}

// read parses the lines in which a program reports the outcome of its calls.
func (d *deliveries) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line struct {
			sentCall
			Error string `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			d.lose("%s", lines.Text())
		} else if line.Error != "" {
			d.lose("%+v: %s", line.sentCall, line.Error)
		} else {
			d.add(line.sentCall)
		}
	}
}

var installNode = sync.OnceValue(func() error {
	if _, err := os.Stat(filepath.Join(clientsFolder, "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.Command("npm", "ci")
	install.Dir = clientsFolder
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in cmd/relay/%s: %w\n%s", clientsFolder, err, out)
	}
	return nil
})

const clientsFolder = "testdata/clients"

// nodeModules returns the folder with Segment's libraries for JavaScript.
func nodeModules(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on PATH: install Node.js 20 or later, with npm", tool)
		}
	}
	if err := installNode(); err != nil {
		t.Skipf("Segment's libraries cannot be installed (make clients does so): %v", err)
	}
	return clientsFolder
}
