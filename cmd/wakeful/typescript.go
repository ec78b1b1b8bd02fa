package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/internal/typescript"
)

const typesText = `Writes the types of an API for TypeScript: the rows of its lists, what writes
take, and the filters of each list, so that a wrong one does not compile.

    wakeful types --url http://localhost:8080 -o src/api.ts
    wakeful types --openapi openapi.json > src/api.ts

In the app: typed<Views>(createClient()).live('/api/posts', { author: 7 }).
`

var typesVerb = verb{
	name:  "types",
	short: "write an API's types for TypeScript",
	run:   runTypes,
}

// documentPath is where wakeful serve has its document.
const documentPath = "/api/openapi.json"

func runTypes(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("types", typesText, stderr)
	from := senderFlags(set)
	address := set.String("url", "", "`address` of the server, or of its OpenAPI document (default path "+documentPath+")")
	file := set.String("openapi", "", "`file` with the OpenAPI document, - for standard input")
	out := set.String("o", "", "`file` to write, in place of standard output; left alone where nothing has changed")
	if err := parse(set, args); err != nil {
		return err
	}
	if (*address == "") == (*file == "") {
		fmt.Fprintln(stderr, "wakeful types: of which API? Either --url or --openapi")
		set.Usage()
		return errUsage
	}
	var document []byte
	var err error
	name := *address
	if *file != "" {
		name = *file
		document, err = readDocument(*file)
	} else {
		document, err = from.fetch(ctx, *address)
	}
	if err != nil {
		return err
	}
	types, err := typescript.Types(document)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if *out == "" {
		_, err := stdout.Write(types)
		return err
	}
	return replaceFile(*out, types)
}

func readDocument(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// maxDocument bounds the document of a server.
const maxDocument = 64 << 20

// fetch GETs the document of a server.
func (s *sender) fetch(ctx context.Context, address string) ([]byte, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url %s: want an address like http://localhost:8080", address)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = documentPath
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	token, err := s.bearer()
	if err != nil {
		return nil, err
	}
	r.Header = http.Header(s.header).Clone()
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no server answers at %s: %w", address, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return nil, &exitError{3, fmt.Errorf("%s answered %s: give a token that may read it with --token-file, or what else says who you are with --header", u, answer.Status)}
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %s: where is the OpenAPI document? --url takes its whole address", u, answer.Status)
	case len(body) > maxDocument:
		return nil, fmt.Errorf("%s is longer than %d MiB", u, maxDocument>>20)
	}
	return body, nil
}

// replaceFile writes a file as a whole or not at all. One that is the same
// already is left alone, so that who watches it does not build again.
func replaceFile(name string, content []byte) (err error) {
	if had, err := os.ReadFile(name); err == nil && bytes.Equal(had, content) {
		return nil
	}
	made, err := os.CreateTemp(filepath.Dir(name), ".wakeful-types-*")
	if err != nil {
		return err
	}
	_, err = made.Write(content)
	if err = errors.Join(err, made.Chmod(0o644), made.Close()); err == nil {
		err = os.Rename(made.Name(), name)
	}
	if err != nil {
		os.Remove(made.Name())
	}
	return err
}
