package postgres

import (
	"fmt"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// TestUnstorable: a call is passed over for what its values are, and never for a
// fault of the server, after which it is tried again.
func TestUnstorable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message string
		want          bool
	}{
		{"22P05", "unsupported Unicode escape sequence", true},
		{"54000", "string too long to represent as jsonb string", true},
		{"XX000", "invalid memory alloc request size 1073741824", true},
		{"XX000", "cache lookup failed for type 16384", false},
		{"XX001", "invalid page in block 0 of relation base/5/16384", false},
		{"42804", "wrong element type", false},
		{"53100", "could not extend file: No space left on device", false},
		{"57P01", "terminating connection due to administrator command", false},
	} {
		err := fmt.Errorf("write events: %w", &pq.Error{Code: pqerror.Code(c.code), Message: c.message})
		if got := IsUnstorable(err); got != c.want {
			t.Errorf("%s (%s): unstorable %t, want %t", c.message, c.code, got, c.want)
		}
	}
}
