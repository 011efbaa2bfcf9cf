package postgres

import (
	"relay/domain/segment"
)

// HoldsAny is the SQL condition that a payload holds calls of any of the kinds,
// in the words of the indexes that are limited by such a condition. kinds is the
// log's column.
func HoldsAny(column string, kinds segment.Kinds) string {
	return SQL("(<column> & <kinds>) <> 0", "column", column, "kinds", int64(kinds))
}

// HoldsNone is the SQL condition that a payload holds no calls of the kinds.
func HoldsNone(column string, kinds segment.Kinds) string {
	return SQL("(<column> & <kinds>) = 0", "column", column, "kinds", int64(kinds))
}

// MoveCheckpoint is the statement that moves the checkpoint of generation $1 to
// log offset $2.
const MoveCheckpoint = `UPDATE relay_store.generations SET checkpoint = $2, checkpoint_at = now() WHERE id = $1`
