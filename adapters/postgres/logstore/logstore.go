// Package logstore keeps the log in Postgres, on Watermill's publisher and
// subscriber.
//
// Writing: an Appender collects entries, and appendEntries publishes all that
// wait in one statement (see append.go and insert.go).
//
// Reading: a subscriber announces ranges of offsets, and a consumer handles each
// in the transaction in which it was found, which also moves the checkpoint (see
// consumer.go). A Reader reads the entries of a range.
//
// Order: every append takes one advisory lock, the lane, in the statement that
// inserts, and holds it until its commit. So offsets become visible in order, and
// a reader needs no more than "offset" > checkpoint. A transaction that somebody
// else holds open delays nobody.
package logstore

import (
	"strconv"

	"relay/adapters/postgres"
	"relay/domain/segment"
)

// topic is the log's name in Watermill.
const topic = "log"

// lane takes the advisory lock under which offsets are drawn.
const lane = "pg_advisory_xact_lock(" + postgres.LaneLock + ")"

// Sets of kinds as SQL. The check of relay.log_identity and the partial index on
// control entries hold the same numbers.
var (
	identityKinds = strconv.Itoa(int(segment.IdentityKinds))
	controlKind   = strconv.Itoa(int(segment.Control))
)
