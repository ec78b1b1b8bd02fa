package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/wakeful-dev/wakeful/internal/serve"
)

const clearText = `Ends all observers of a running wakeful serve. Clients are told, and those that
observe again get their lists anew.

With --db it takes out of a PostgreSQL database what was made there to follow it:
the replication slot, the publication, the event triggers. The server that
follows it must have been stopped. A later start makes them again.
`

var clearVerb = verb{
	name:  "clear",
	short: "end all observers of a running server, or take it out of a database",
	run:   runClear,
}

func runClear(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("clear", clearText, stderr)
	ask := operatorFlags(set)
	var from database
	set.StringVar(&from.url, "db", "", "`URL` of the PostgreSQL database to take everything out of")
	set.StringVar(&from.name, "name", "", "`word` that begins the names of what was made there (default wakeful)")
	set.StringVar(&from.password, "db-password-file", "", "`file` with the password of the PostgreSQL user")
	set.BoolVar(&from.triggers, "trigger-log", false, "the server was one with --trigger-log: its triggers and its change log")
	set.BoolVar(&from.sure, "yes", false, "take it out without asking")
	if err := parse(set, args); err != nil {
		return err
	}
	if from.url != "" {
		return from.clear(ctx, stdout, stderr)
	}
	if from != (database{}) {
		return errors.New("--name, --db-password-file, --trigger-log and --yes are about a database: which one? --db postgres://user@host/name")
	}
	body, err := ask.do(ctx, http.MethodPost, serve.ClearPath)
	if err != nil {
		return err
	}
	var answer struct {
		Ended *int `json:"ended"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Ended == nil {
		return fmt.Errorf("%s answered with something else: is it the operator's address?", *ask.url)
	}
	_, err = fmt.Fprintf(stdout, "%d observers ended\n", *answer.Ended)
	return err
}

// database is what to take out of which.
type database struct {
	url, name, password string
	triggers, sure      bool
}

func (d database) clear(ctx context.Context, stdout, stderr io.Writer) error {
	set := flags("clear", clearText, stderr)
	settings := serve.NewSettings(set)
	args := []string{"--db", d.url}
	for name, value := range map[string]string{"--name": d.name, "--db-password-file": d.password} {
		if value != "" {
			args = append(args, name, value)
		}
	}
	if d.triggers {
		args = append(args, "--trigger-log")
	}
	if err := parse(set, args); err != nil {
		return err
	}
	if err := settings.Load(func(string) (string, bool) { return "", false }); err != nil {
		return err
	}
	if !d.sure {
		fmt.Fprintf(stdout, "What was made in %s to follow it is dropped. Go on? [y/N] ", settings.Database())
		if !confirmed(os.Stdin) {
			return errors.New("nothing is dropped: y, or --yes, says that it is meant")
		}
	}
	if err := serve.Drop(ctx, settings, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "nothing of Wakeful is left in %s\n", settings.Database())
	return err
}

// confirmed reads a person's answer.
func confirmed(in io.Reader) bool {
	var answer string
	_, _ = fmt.Fscanln(in, &answer) // no answer is no
	return answer == "y" || answer == "Y" || answer == "yes"
}
