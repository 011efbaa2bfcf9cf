package main

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// update makes the tests of generated documents write them: make docs.
var update = flag.Bool("update", false, "write the generated documents instead of comparing them")

// checkDocument compares a document with what it is generated from.
func checkDocument(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date; run: make docs", name)
	}
}

// TestCommandLineDocument: docs/cli.md says what --help says.
func TestCommandLineDocument(t *testing.T) {
	t.Parallel()
	application := newApp(io.Discard, io.Discard)
	var b bytes.Buffer
	b.WriteString("# Command line\n\n<!-- Generated from the help texts by make docs. -->\n\n" +
		"`relay [global flags] COMMAND [flags] [arguments]`\n\n" +
		"Data goes to standard output, messages go to standard error. The exit status is 0 for done, 1 for failed, 2 for wrong use.\n\n" +
		"## Global flags\n\n")
	writeFlags(&b, application.Flags)
	for _, command := range application.Commands {
		writeCommand(&b, "relay", command, "##")
	}
	checkDocument(t, "../../docs/cli.md", strings.TrimRight(b.String(), "\n")+"\n")
}

func writeCommand(b *bytes.Buffer, parent string, command *cli.Command, heading string) {
	if command.Name == "help" {
		return
	}
	name := parent + " " + command.Name
	fmt.Fprintf(b, "%s %s\n\n%s\n\n", heading, name, sentence(command.Usage))
	if command.Description != "" {
		fmt.Fprintf(b, "%s\n\n", strings.ReplaceAll(command.Description, "\n", " "))
	}
	if len(command.Subcommands) == 0 {
		fmt.Fprintf(b, "`%s`\n\n", strings.TrimSpace(name+" "+command.ArgsUsage))
	}
	writeFlags(b, command.Flags)
	for _, sub := range command.Subcommands {
		writeCommand(b, name, sub, heading+"#")
	}
}

// sentence makes a help text, which is one clause in lower case, a sentence.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

func writeFlags(b *bytes.Buffer, flags []cli.Flag) {
	var rows []string
	for _, f := range flags {
		if visible, ok := f.(cli.VisibleFlag); ok && visible.IsVisible() && f.Names()[0] != "help" && f.Names()[0] != "version" {
			rows = append(rows, flagRow(f))
		}
	}
	if len(rows) > 0 {
		b.WriteString("| flag | meaning | default | environment |\n| --- | --- | --- | --- |\n" + strings.Join(rows, "") + "\n")
	}
}

func flagRow(f cli.Flag) string {
	documented := f.(cli.DocGenerationFlag)
	var names []string
	for _, name := range f.Names() {
		names = append(names, "`-"+strings.Repeat("-", min(1, len(name)-1))+name+"`")
	}
	value := strings.Trim(documented.GetDefaultText(), `"[]`)
	if value == "false" || value == "0" {
		value = "" // says no more than the flag's absence
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", strings.Join(names, ", "),
		strings.ReplaceAll(documented.GetUsage(), "|", `\|`), code(value), code(strings.Join(documented.GetEnvVars(), " ")))
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// documentedViews lists the views of schema relay in the order in which somebody
// new to relay needs them.
var documentedViews = []string{
	"profiles", "profile_channels", "events", "identities", "payloads", "requests", "rejected", "issues",
	"mapping_versions", "mapping_timeline", "reprojections",
}

// TestSQLDocument: docs/sql.md says what the comments in the database say, and
// every view and every column has one.
func TestSQLDocument(t *testing.T) {
	t.Parallel()
	relay := newInstance(t)
	relay.must("migrate")
	db := relay.open()
	if views := text(t, db, `SELECT string_agg(viewname, ' ' ORDER BY viewname) FROM pg_views WHERE schemaname = 'relay'`); views != strings.Join(slices.Sorted(slices.Values(documentedViews)), " ") {
		t.Errorf("schema relay has the views %s", views)
	}
	var b bytes.Buffer
	b.WriteString("# Views\n\n<!-- Generated from the comments in the database by make docs. -->\n\n" +
		"People and programs query the views of the schema `relay`. Their names and columns are stable over releases: a release may add columns at the end, and changes none. In psql, `\\d+ relay.profiles` shows the same comments. " +
		"All times have microseconds. The time of a call is its own, corrected for clock skew, and never later than its receipt.\n")
	for _, view := range documentedViews {
		writeView(t, &b, db, view)
	}
	checkDocument(t, "../../docs/sql.md", b.String())
}

func writeView(t *testing.T, b *bytes.Buffer, db *sql.DB, view string) {
	comment := text(t, db, `SELECT obj_description(('relay.' || $1)::regclass, 'pg_class')`, view)
	fmt.Fprintf(b, "\n## relay.%s\n\n%s.\n\n| column | type | meaning |\n| --- | --- | --- |\n", view, comment)
	rows, err := db.Query(`SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'), coalesce(col_description(attrelid, attnum), '')
FROM pg_attribute WHERE attrelid = ('relay.' || $1)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, view)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var column, columnType, comment string
		if err := rows.Scan(&column, &columnType, &comment); err != nil {
			t.Fatal(err)
		}
		if comment == "" {
			t.Errorf("relay.%s.%s has no comment", view, column)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", column, columnType, comment)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
