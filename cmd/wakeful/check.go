package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/wakeful-dev/wakeful/internal/serve"
)

const checkText = `Looks at a database, at the rules and at the settings as wakeful serve would use
them, and says what is missing and how to set it. It changes nothing. It ends
with 0 where nothing is missing, with 1 where something is.
`

var checkVerb = verb{
	name:  "check",
	short: "say what a database or its rules lack to be served",
	run:   runCheck,
}

// errMissing says that something is missing, and that it has been told.
var errMissing = errors.New("something is missing")

func runCheck(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("check", checkText, stderr)
	settings := serve.NewSettings(set)
	fix := set.Bool("fix", false, "do in a PostgreSQL database what can be done from here: settings, the publication, event triggers")
	set.Usage = settingsUsage(set, checkText, settings, stderr)
	if err := parse(set, args); err != nil {
		return err
	}
	if err := settings.Load(os.LookupEnv); err != nil {
		return err
	}
	logger := slog.New(slog.DiscardHandler)
	if *fix {
		done, err := serve.Fix(ctx, settings, logger)
		for _, f := range done {
			fmt.Fprintln(stdout, "  done     "+f.What)
			fmt.Fprintln(stdout, "           by: "+f.How)
		}
		if err != nil {
			fmt.Fprintln(stdout, "  FAILED   "+err.Error())
		}
	}
	findings, err := serve.Check(ctx, settings, logger)
	if err != nil {
		return err
	}
	missing := 0
	for _, f := range findings {
		mark := "  note     "
		if f.Missing {
			mark = "  MISSING  "
			missing++
		}
		fmt.Fprintln(stdout, mark+f.What)
		if f.How != "" {
			fmt.Fprintln(stdout, "           how: "+f.How)
		}
	}
	if missing > 0 {
		fmt.Fprintf(stdout, "%d missing\n", missing)
		return errMissing
	}
	fmt.Fprintln(stdout, "nothing is missing")
	return nil
}
