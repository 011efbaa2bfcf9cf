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
	"relay/adapters/postgres"
	"relay/domain/segment"
)

// topic is the log's name in Watermill.
const topic = "log"

// lane takes the advisory lock under which offsets are drawn.
var lane = postgres.Lane.InTx()

// isControl is the SQL condition that an entry is a control entry.
var isControl = postgres.HoldsAny("kinds", segment.Control)
