package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"relay/app"
	"relay/app/ingest"
)

// Setting is something that was set when relay was started, for people to read.
type Setting struct {
	Name, Value, Means string
}

type settingsData struct {
	Keys     []ingest.KeyInfo
	Secrets  []signedName
	Names    []string // of keys that are not revoked
	Settings []Setting
	SQLUsers []string
	Made     *madeKey // just now
	SQLUser  *madeSQLUser
	Wrong    string
}

// signedName is a key's name with its signing secrets.
type signedName struct {
	Name    string
	Secrets []ingest.SigningSecretInfo
}

type madeKey struct {
	Name, Secret string
	Signed       bool // whether it was made with a signing secret
}

func (c *Console) settings(r *http.Request) (*page, error) {
	return c.showSettings(r, http.StatusOK, settingsData{})
}

func (c *Console) showSettings(r *http.Request, status int, data settingsData) (_ *page, err error) {
	data.Settings = c.config.Setting
	if data.SQLUsers, err = c.config.SQLUsers.Store.List(r.Context()); err != nil {
		return nil, err
	}
	if data.Keys, err = c.config.Keys.Store.List(r.Context()); err != nil {
		return nil, err
	}
	seen := map[string]bool{ingest.EnvKeyName: true}
	for _, k := range data.Keys {
		if k.RevokedAt != nil || seen[k.Name] {
			continue
		}
		seen[k.Name] = true
		data.Names = append(data.Names, k.Name)
		if !k.Signed {
			continue
		}
		secrets, err := c.config.Secrets.List(r.Context(), k.Name)
		if err != nil && !errors.Is(err, app.ErrNotFound) {
			return nil, err
		}
		data.Secrets = append(data.Secrets, signedName{k.Name, secrets})
	}
	return &page{Status: status, Template: "settings.html", Title: "Keys and settings", Data: data}, nil
}

// changeSettings does what the button says.
func (c *Console) changeSettings(r *http.Request) (*page, error) {
	var data settingsData
	done, err := c.doSetting(r, &data)
	return conclude(r, done, err, func(status int, wrong string) (*page, error) {
		data.Wrong = wrong
		return c.showSettings(r, status, data)
	})
}

func (c *Console) doSetting(r *http.Request, data *settingsData) (done string, err error) {
	ctx, name := r.Context(), r.PostFormValue("name")
	secret := []byte(strings.TrimSpace(r.PostFormValue("secret")))
	if len(secret) > ingest.MaxSigningSecret {
		return "", fmt.Errorf("%w: the signing secret has %d bytes; it may have %d", ErrBadRequest, len(secret), ingest.MaxSigningSecret)
	}
	switch what := r.PostFormValue("do"); what {
	case "create", "rotate":
		made := madeKey{Name: name, Signed: len(secret) > 0}
		if what == "rotate" {
			made.Secret, err = c.config.Keys.Rotate(ctx, name)
		} else if len(secret) > 0 {
			made.Secret, err = c.config.Keys.Create(ctx, name, secret)
		} else {
			made.Secret, err = c.config.Keys.Create(ctx, name, nil)
		}
		if err == nil {
			data.Made = &made
		}
		return "", err
	case "revoke", "revoke-replaced":
		if r.PostFormValue("confirm") != name {
			return "", fmt.Errorf("%w: nothing was revoked: what was typed is not the key's name", ErrBadRequest)
		}
		_, err = c.config.Keys.Store.Revoke(ctx, name, what == "revoke-replaced")
		return "revoked", err
	case "add-secret":
		if len(secret) == 0 {
			return "", fmt.Errorf("%w: the signing secret is empty", ErrBadRequest)
		}
		return "secret", c.config.Secrets.Add(ctx, name, secret)
	case "remove-secret":
		id, err := whole(r.PostFormValue("id"), "a signing secret's id")
		if err == nil {
			_, err = c.config.Secrets.Remove(ctx, name, id)
		}
		return "unsigned", err
	default:
		return c.doSQLUser(ctx, what, name, r.PostFormValue("confirm"), data)
	}
}
