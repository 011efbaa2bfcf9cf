package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/renameio/v2"
	"github.com/google/uuid"

	"relay/adapters/webhook"
)

// The peers of relay serve: the least that an HTTP server in Go can do with a
// request, and that with Watermill's default publisher behind it.
const (
	discard          = "discard"
	watermillDefault = "watermill"
)

// startTarget starts a peer in a process of its own, as relay is.
func (b *bench) startTarget(ctx context.Context, name string) (*served, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startServed(func(dir string) *exec.Cmd {
		command := b.command(ctx, self, "-target", name)
		command.Env = append(command.Env, "RELAY_DATA_DIR="+dir)
		return command
	})
}

// serveTarget is the peer's process.
func serveTarget(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	store, err := storeOf(name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address, err := json.Marshal(map[string]string{"listen": listener.Addr().String()})
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(os.Getenv("RELAY_DATA_DIR"), "relay.json"), address, 0o600); err != nil {
		return err
	}
	server := webhook.NewServer(takeIn(store))
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// takeIn reads a request, and answers it once its body is stored.
func takeIn(store func([]byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = store(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true}`) // the sender may be gone
	})
}

func storeOf(name string) (func([]byte) error, error) {
	switch name {
	case discard:
		return func([]byte) error { return nil }, nil
	case watermillDefault:
		return storeInTopic()
	}
	return nil, fmt.Errorf("no target %q; there are %s and %s", name, discard, watermillDefault)
}

// storeInTopic publishes each body as one message.
func storeInTopic() (func([]byte) error, error) {
	db, err := sql.Open("postgres", os.Getenv("RELAY_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16) // as relay
	db.SetMaxIdleConns(16)
	config := watermillsql.PublisherConfig{SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{}}
	publisher, err := watermillsql.NewPublisher(watermillsql.BeginnerFromStdSQL(db), config, nil)
	if err != nil {
		return nil, err
	}
	return func(body []byte) error {
		return publisher.Publish(peerTopic, message.NewMessage(uuid.NewString(), body))
	}, nil
}
