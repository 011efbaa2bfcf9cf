package lookupstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
	"relay/app/lookup"
)

// SQLUsers implements lookup.SQLUserStore with roles of the server. A comment on
// the role marks it as relay's, so that no other role is ever changed.
type SQLUsers struct {
	DB  *sql.DB
	URL string // of the database, for relay's own user
}

var _ lookup.SQLUserStore = SQLUsers{}

// publicViews are what people query. Views are replaced and not dropped when a
// generation takes another's place, so who may read them can read on.
var publicViews = []string{
	"relay.profiles", "relay.profile_channels", "relay.events", "relay.identities", "relay.payloads", "relay.mapping_versions",
	"relay.mapping_timeline", "relay.reprojections", "relay.requests", "relay.rejected", "relay.issues",
}

const (
	commentSQL = `('relay reader of ' || current_database())`
	// mayMoreSQL tells whether a role may more than log in.
	mayMoreSQL = `(r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))`
	sqlUsersSQL = `SELECT r.rolname FROM pg_roles r WHERE shobj_description(r.oid, 'pg_authid') = ` + commentSQL + ` ORDER BY r.rolname`
)

// Set implements lookup.SQLUserStore.
func (u SQLUsers) Set(ctx context.Context, name, password string) (url string, err error) {
	verifier, err := scramVerifier(password)
	if err != nil {
		return "", fmt.Errorf("make the password of %s: %w", name, err)
	}
	err = postgres.InTx(ctx, u.DB, func(tx *sql.Tx) error {
		verb, err := roleVerb(ctx, tx, name)
		if err != nil {
			return err
		}
		var database, comment string
		if err := tx.QueryRowContext(ctx, `SELECT current_database(), `+commentSQL).Scan(&database, &comment); err != nil {
			return err
		}
		role := pq.QuoteIdentifier(name)
		if err := execAll(ctx, tx,
			verb+` ROLE `+role+` LOGIN PASSWORD `+pq.QuoteLiteral(verifier),
			`COMMENT ON ROLE `+role+` IS `+pq.QuoteLiteral(comment),
			`ALTER ROLE `+role+` SET default_transaction_read_only = on`,
		); err != nil {
			return err
		}
		if url, err = urlAs(u.URL, database, name, password); err != nil {
			return err
		}
		return grantViews(ctx, tx, name)
	})
	return url, u.translate(ctx, err)
}

// roleVerb returns the SQL verb that makes the role exist. A role that relay did
// not create for this database, or that may do more, belongs to somebody else.
func roleVerb(ctx context.Context, tx *sql.Tx, name string) (string, error) {
	var ours bool
	err := tx.QueryRowContext(ctx, `SELECT coalesce(shobj_description(r.oid, 'pg_authid') = `+commentSQL+`, false) AND NOT `+mayMoreSQL+`
FROM pg_roles r WHERE r.rolname = $1`, name).Scan(&ours)
	switch {
	case err == sql.ErrNoRows:
		return "CREATE", nil
	case err != nil:
		return "", err
	case !ours:
		return "", fmt.Errorf("%w: the database has a user %s that relay did not create; choose another name", ingest.ErrExists, name)
	}
	return "ALTER", nil
}

// Regrant grants every SQL user what Set grants: a migration can have made views
// anew.
func (u SQLUsers) Regrant(ctx context.Context) error {
	list, err := u.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range list {
		if err := postgres.InTx(ctx, u.DB, func(tx *sql.Tx) error { return grantViews(ctx, tx, name) }); err != nil {
			return fmt.Errorf("let the SQL user %s read the views: %w", name, u.translate(ctx, err))
		}
	}
	return nil
}

// grantViews lets a role read the views, and nothing else. Whoever replaces a view
// meanwhile is waited for: two changes of one view at the same time are an error.
func grantViews(ctx context.Context, tx *sql.Tx, name string) error {
	if err := revokeAll(ctx, tx, name); err != nil {
		return err
	}
	role := pq.QuoteIdentifier(name)
	return execAll(ctx, tx, `GRANT USAGE ON SCHEMA relay TO `+role, `GRANT SELECT ON `+strings.Join(publicViews, ", ")+` TO `+role)
}

// revokeAll takes from a role what it was given of this database, once nobody
// replaces the views any more.
func revokeAll(ctx context.Context, tx *sql.Tx, name string) error {
	if _, err := tx.ExecContext(ctx, `LOCK TABLE `+strings.Join(publicViews, ", ")+` IN ACCESS SHARE MODE`); err != nil {
		return err
	}
	var given pq.StringArray
	err := tx.QueryRowContext(ctx, `SELECT coalesce(array_agg(DISTINCT CASE d.classid
    WHEN 'pg_class'::regclass THEN 'TABLE ' || d.objid::regclass ELSE 'SCHEMA ' || d.objid::regnamespace END), '{}')
FROM pg_shdepend d JOIN pg_roles r ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
WHERE r.rolname = $1 AND d.deptype = 'a' AND d.classid IN ('pg_class'::regclass, 'pg_namespace'::regclass)
  AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, name).Scan(&given)
	for _, object := range given {
		if err == nil {
			_, err = tx.ExecContext(ctx, `REVOKE ALL ON `+object+` FROM `+pq.QuoteIdentifier(name))
		}
	}
	return err
}

func execAll(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// List implements lookup.SQLUserStore.
func (u SQLUsers) List(ctx context.Context) ([]string, error) {
	rows, err := u.DB.QueryContext(ctx, sqlUsersSQL)
	if err != nil {
		return nil, fmt.Errorf("list the readers: %w", err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// Remove implements lookup.SQLUserStore.
func (u SQLUsers) Remove(ctx context.Context, name string) error {
	err := postgres.InTx(ctx, u.DB, func(tx *sql.Tx) error {
		if verb, err := roleVerb(ctx, tx, name); err != nil {
			return err
		} else if verb == "CREATE" {
			return fmt.Errorf("%w: there is no reader %s", app.ErrNotFound, name)
		}
		if err := revokeAll(ctx, tx, name); err != nil {
			return err
		}
		return execAll(ctx, tx, `DROP ROLE `+pq.QuoteIdentifier(name))
	})
	return u.translate(ctx, err)
}

// translate says what to do where the server does not let relay.
func (u SQLUsers) translate(ctx context.Context, err error) error {
	if !postgres.HasCode(err, postgres.CodeInsufficientPrivilege) {
		return err
	}
	user := "relay"
	_ = u.DB.QueryRowContext(ctx, `SELECT current_user`).Scan(&user) // the name is only a help
	return fmt.Errorf("%w (%w). Let an administrator of the server run: ALTER ROLE %s CREATEROLE. "+
		"Or run relay readers with --database-url and a superuser's connection string",
		lookup.ErrMayNotMakeUsers, err, pq.QuoteIdentifier(user))
}
