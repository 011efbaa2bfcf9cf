package lookupstore

import (
	"context"
	"database/sql"
	"fmt"

	"relay/adapters/postgres"
	"relay/app/lookup"
)

// Doctor implements lookup.Doctor.
type Doctor struct {
	DB *sql.DB
}

var _ lookup.Doctor = Doctor{}

// Examine implements lookup.Doctor. The dangers come first.
func (d Doctor) Examine(ctx context.Context) ([]lookup.Finding, error) {
	findings := []lookup.Finding{}
	for _, check := range []func(context.Context) ([]lookup.Finding, error){
		d.settings, d.readOnly, d.version, d.blocked, d.behind, d.leftOver,
	} {
		found, err := check(ctx)
		if err != nil {
			return findings, fmt.Errorf("examine the database: %w", err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// settings looks for settings under which Postgres acknowledges what a crash
// can lose.
func (d Doctor) settings(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off' ORDER BY name`,
		func(name, setting string) lookup.Finding {
			return lookup.Finding{
				Severity: "danger",
				What:     fmt.Sprintf("%s is %s: a crash can lose payloads that were acknowledged", name, setting),
				Do:       "ALTER SYSTEM SET " + name + " = on; SELECT pg_reload_conf();  (look also for ALTER ROLE and ALTER DATABASE settings)",
			}
		})
}

func (d Doctor) readOnly(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT 'the database takes no writes', '' WHERE (`+readOnlySQL+`)`,
		func(what, _ string) lookup.Finding {
			return lookup.Finding{
				Severity: "danger", What: what + ": relay serve answers every payload with 503, and Segment gives up after some hours",
				Do: "connect to a server that is no standby, and turn default_transaction_read_only off " +
					"(ALTER SYSTEM, ALTER ROLE and ALTER DATABASE may set it)",
			}
		})
}

func (d Doctor) version(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT current_setting('server_version'), '' WHERE current_setting('server_version_num')::int < 140000`,
		func(version, _ string) lookup.Finding {
			return lookup.Finding{Severity: "danger", What: "the server is PostgreSQL " + version, Do: "use PostgreSQL 14 or later"}
		})
}

// blocked looks for sessions that keep relay's own waiting.
func (d Doctor) blocked(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT DISTINCT b.pid::text, coalesce(nullif(b.application_name, ''), 'a session') || ' of ' || b.usename || ', '
       || b.state || ' since ' || to_char(b.state_change AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"')
FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid) JOIN pg_stat_activity b ON b.pid = p.pid
WHERE w.datname = current_database() AND w.application_name LIKE 'relay%' AND b.application_name NOT LIKE 'relay%'
  AND w.state_change < now() - interval '1 second'`,
		func(pid, who string) lookup.Finding {
			return lookup.Finding{
				Severity: "warning",
				What:     fmt.Sprintf("process %s (%s) holds a lock that relay waits for", pid, who),
				Do:       fmt.Sprintf("end its transaction, or: SELECT pg_terminate_backend(%s);", pid),
			}
		})
}

// behind looks for projections that do not move although there is work.
func (d Doctor) behind(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT g.projection, g.checkpoint::text FROM relay_store.generations g
WHERE g.status = 'serving' AND g.checkpoint_at < now() - interval '1 minute'
  AND EXISTS (SELECT FROM relay.log l WHERE l."offset" > g.checkpoint AND l.received_at < now() - interval '1 minute')`,
		func(projection, checkpoint string) lookup.Finding {
			return lookup.Finding{
				Severity: "warning",
				What: fmt.Sprintf("the projection %s has stood at log offset %s for over a minute while there is more to read",
					projection, checkpoint),
				Do: "see that relay serve runs, and what it writes about this projection",
			}
		})
}

// leftOver looks for generations that nobody queries and nobody builds.
func (d Doctor) leftOver(ctx context.Context) ([]lookup.Finding, error) {
	return d.each(ctx, `SELECT format('generation %s of %s', g.id, g.projection), coalesce(nullif(g.reprojection_id, 0)::text, '')
FROM relay_store.generations g
WHERE g.status = 'building' AND NOT `+postgres.Builds.Held(),
		func(generation, reprojection string) lookup.Finding {
			if reprojection == "" {
				return lookup.Finding{
					Severity: "warning", What: generation + " is left over from a verification or dry run that did not end",
					Do: "relay reproject --cancel removes it, and so does the next of them",
				}
			}
			return lookup.Finding{
				Severity: "warning", What: generation + " is left over from a re-projection that did not end",
				Do: "relay reproject --resume goes on with it, --cancel removes it",
			}
		})
}

// each makes a finding of every row of two texts.
func (d Doctor) each(ctx context.Context, query string, finding func(a, b string) lookup.Finding) ([]lookup.Finding, error) {
	rows, err := d.DB.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []lookup.Finding
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return nil, err
		}
		found = append(found, finding(a, b))
	}
	return found, rows.Err()
}
