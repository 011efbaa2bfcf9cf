package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// tryCalls are what somebody sends first, to see what becomes of it.
const tryCalls = `{"batch":[{"type":"identify","userId":"97980cfea0067",` +
	`"traits":{"name":"Peter Gibbons","email":"peter@example.com","phone":"+15551234567",` +
	`"slack_email":"peter@work.example.com","language":"en","plan":"premium"}},
{"type":"track","userId":"97980cfea0067","event":"User Registered","properties":{"plan":"Pro Annual","accountType":"Facebook"}}]}`

// tryPatience is how long relay's own ingest may take to answer.
const tryPatience = 10 * time.Second

// ownIngest reaches relay's own address, past any proxy.
var ownIngest = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// tryKey sends tryCalls with a key that was just made, to relay's own ingest as
// Segment would, and shows them arrive.
func (c *Console) tryKey(r *http.Request) (*page, error) {
	made := madeKey{Name: r.PostFormValue("name"), Secret: r.PostFormValue("key")}
	if err := c.sendTry(r.Context(), made.Secret); err != nil {
		return c.showSettings(r, http.StatusBadGateway, settingsData{Made: &made, Wrong: err.Error()})
	}
	return redirect("/live?done=tried"), nil
}

func (c *Console) sendTry(ctx context.Context, key string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Ingest, strings.NewReader(tryCalls))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	reply, err := ownIngest.Do(request)
	if err != nil {
		return fmt.Errorf("the calls could not be sent: %w", err)
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	said, err := io.ReadAll(io.LimitReader(reply.Body, 4096))
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("relay rejected the calls with status %d: %s", reply.StatusCode, said)
	}
	return err
}
