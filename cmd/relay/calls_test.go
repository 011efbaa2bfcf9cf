package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// fixedAddress returns an address to listen on again and again: one that no
// outgoing connection is given meanwhile, as those above 32767 are.
func fixedAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port between 20000 and 32000 is free")
	return ""
}

// sentCall is a call that its sender takes for delivered.
type sentCall struct {
	Type   string `json:"type"`
	ID     string `json:"id"` // messageId
	Person string `json:"person"`
}

// checkCalls proves of each call that it is in the log, and that people can
// query it: the calls that become events as one row, an identify as a profile.
func checkCalls(t *testing.T, db *sql.DB, calls []sentCall) {
	t.Helper()
	logged := messageIDs(t, db)
	events := countOf(t, db, `SELECT message_id, count(*) FROM relay.events GROUP BY 1`)
	people := countOf(t, db, `SELECT distinct_id, count(*) FROM relay.profiles GROUP BY 1`)
	for _, c := range calls {
		if logged[c.ID] == 0 {
			t.Errorf("%s %s was delivered and is not in the log", c.Type, c.ID)
		}
		switch c.Type {
		case "track", "page", "screen":
			if events[c.ID] != 1 {
				t.Errorf("%s %s was delivered and is there %d times", c.Type, c.ID, events[c.ID])
			}
		case "identify":
			if people[c.Person] != 1 {
				t.Errorf("%s was identified and is there %d times", c.Person, people[c.Person])
			}
		}
	}
}

// messageIDs counts the message ids in the log.
func messageIDs(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.Query(`SELECT payload FROM relay.payloads`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ids := map[string]int{}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			t.Fatal(err)
		}
		type call struct {
			MessageID string `json:"messageId"`
			Batch     []call `json:"batch"`
		}
		var calls []call
		if body[0] != '[' {
			body = append(append([]byte("["), body...), ']')
		}
		if err := json.Unmarshal(body, &calls); err != nil {
			t.Fatal(err)
		}
		for _, c := range calls {
			for _, inner := range append(c.Batch, c) {
				ids[inner.MessageID]++
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func countOf(t *testing.T, db *sql.DB, query string) map[string]int {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}
