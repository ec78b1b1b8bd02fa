package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/serve"
)

const serveText = `Serves each table and view of a database as a REST resource under /api/, whose
lists are live:

  wakeful serve --db app.db
  curl http://127.0.0.1:8080/api/
  curl -N -H 'Accept: text/event-stream' http://127.0.0.1:8080/api/posts

Without more it serves this machine only, and everybody on it may do everything.
Who may do what else stands in a YAML file (--config), with the settings below:
there trigger_log is --trigger-log, and in the environment it is
WAKEFUL_TRIGGER_LOG. Where several say something, the flag counts, then the
environment, then the file; --print-config shows what came of it.
`

var serveVerb = verb{
	name:  "serve",
	short: "serve a database as a REST API whose lists are live",
	run:   runServe,
}

func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("serve", serveText, stderr)
	settings := serve.NewSettings(set)
	print := set.Bool("print-config", false, "print the settings as they are, and what gave each, and end")
	set.Usage = settingsUsage(set, serveText, settings, stderr)
	if err := parse(set, args); err != nil {
		return err
	}
	if err := settings.Load(os.LookupEnv); err != nil {
		return err
	}
	if *print {
		settings.Print(stdout)
		return nil
	}
	logger := settings.NewLogger(stderr)
	if unknown := settings.Unknown(os.Environ()); len(unknown) > 0 {
		logger.Warn("the environment names settings that there are not", "names", unknown)
	}
	server, err := serve.Open(settings, logger, version())
	if err != nil {
		return err
	}
	defer server.Close()
	clients, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return err
	}
	defer clients.Close()
	var operators net.Listener
	if settings.Operator != "off" {
		if operators, err = listen(settings.Operator, settings.Operator == serve.DefaultOperator, stdout); err != nil {
			return err
		}
		defer operators.Close()
	}
	serveInvites(stdout, settings, clients.Addr(), operators)
	return server.Run(ctx, clients, operators)
}

// serveInvites says where everything is.
func serveInvites(w io.Writer, settings *serve.Settings, clients net.Addr, operators net.Listener) {
	scheme := "http://"
	if settings.TLSCert != "" {
		scheme = "https://"
	}
	fmt.Fprintf(w, "Serving %s: %s%s%s/api/\n", settings.Database(), scheme, reached(clients), settings.BasePath)
	if operators != nil {
		fmt.Fprintf(w, "For operators: http://%s (/metrics, wakeful status --url, wakeful clear --url)\n", reached(operators.Addr()))
	}
}

// reached is an address as a client of this machine names it.
func reached(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return address.String()
}

// settingsUsage is the --help of verbs that take the settings of serve.
func settingsUsage(set *flag.FlagSet, text string, settings *serve.Settings, stderr io.Writer) func() {
	return func() {
		fmt.Fprintf(stderr, "Usage: wakeful %s [flags]\n\n%s\n", set.Name(), text)
		settings.Usage(stderr)
		fmt.Fprintln(stderr, "Other:")
		set.VisitAll(func(f *flag.Flag) {
			if !settings.Has(f.Name) {
				value, usage := flag.UnquoteUsage(f)
				fmt.Fprintf(stderr, "%s\n        %s\n", strings.TrimRight("  --"+f.Name+" "+value, " "), usage)
			}
		})
	}
}
