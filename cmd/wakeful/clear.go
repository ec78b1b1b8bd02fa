package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/serve"
)

const clearText = `Ends all observers of a running wakeful serve. Clients are told, and those that
observe again get their lists anew.
`

var clearVerb = verb{
	name:  "clear",
	short: "end all observers of a running server",
	run:   runClear,
}

func runClear(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("clear", clearText, stderr)
	ask := operatorFlags(set)
	if err := parse(set, args); err != nil {
		return err
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
