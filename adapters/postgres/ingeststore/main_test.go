package ingeststore

import (
	"os"
	"testing"

	"relay/adapters/embeddedpg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
