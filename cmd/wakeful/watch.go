package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/watch"
)

const watchText = `Shows a list of a server of Wakeful, live: wakeful watch 'http://localhost:8080/api/posts?author=7'

In a terminal it is a table; rows that come, change and go light up. q quits.
Into a pipe it writes a line for each row that comes (+), changes (~) or goes (-);
with --json an object for each change: the whole list first
({"type":"snapshot","items":[…],…}), then {"type":"changes","ops":[…],…}.

Status: 0 when it was quit, 1 where it cannot go on, 2 for wrong arguments,
3 where the server refuses (sign in, or ask for rights), 4 where nothing that
can be watched is at the address.
`

var watchVerb = verb{
	name:  "watch",
	short: "show a list, live",
	run:   runWatch,
}

// headers are those of --header.
type headers http.Header

func (h headers) String() string { return "" }

func (h headers) Set(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(text, "\r\n") {
		return errors.New("want Name: value")
	}
	http.Header(h).Add(name, strings.TrimSpace(value))
	return nil
}

// sender says who asks.
type sender struct {
	token     *string
	tokenFile *string
	header    headers
}

func senderFlags(set *flag.FlagSet) *sender {
	s := &sender{
		token:     set.String("token", "", "bearer `token`; others on this machine can see it: better WAKEFUL_TOKEN or --token-file"),
		tokenFile: set.String("token-file", "", "`file` with the bearer token"),
		header:    headers{},
	}
	set.Var(s.header, "header", "`header` to send, as Name: value; may be given more than once")
	return s
}

func (s *sender) bearer() (string, error) {
	token := cmp.Or(*s.token, os.Getenv("WAKEFUL_TOKEN"))
	if *s.tokenFile != "" {
		text, err := os.ReadFile(*s.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	return token, nil
}

func runWatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("watch <url>", watchText, stderr)
	from := senderFlags(set)
	socket := set.String("socket", "", "`path` of the server's sockets (default /ws/)")
	asJSON := set.Bool("json", false, "print an object for each change")
	address, err := parseWith(set, args, "the address of a list")
	if err != nil {
		return err
	}
	token, err := from.bearer()
	if err != nil {
		return err
	}
	o := watch.Options{URL: address, Token: token, Header: http.Header(from.header), SocketPath: *socket, JSON: *asJSON, Out: stdout, Err: stderr}
	if file, ok := stdout.(*os.File); ok && os.Getenv("TERM") != "dumb" {
		o.Screen = watch.Terminal(file, os.Stdin)
		o.Color = os.Getenv("NO_COLOR") == ""
	}
	err = watch.Run(ctx, o)
	var why *watch.Error
	if errors.As(err, &why) {
		code := 4
		if why.Refused {
			code = 3
		}
		return &exitError{code, err}
	}
	return err
}
