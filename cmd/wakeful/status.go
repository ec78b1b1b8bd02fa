package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wakeful-dev/wakeful/internal/serve"
)

const statusText = `Says what a running wakeful serve does: its tables, sessions, observers, counts.
`

var statusVerb = verb{
	name:  "status",
	short: "say what a running server does",
	run:   runStatus,
}

func runStatus(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flags("status", statusText, stderr)
	ask := operatorFlags(set)
	raw := set.Bool("json", false, "print it as JSON")
	if err := parse(set, args); err != nil {
		return err
	}
	body, err := ask.do(ctx, http.MethodGet, serve.StatusPath)
	if err != nil {
		return err
	}
	if *raw {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, pretty.String())
		return err
	}
	var report serve.Report
	if err := json.Unmarshal(body, &report); err != nil {
		return fmt.Errorf("%s answered with something else than a status: is it the operator's address?", *ask.url)
	}
	return printReport(stdout, &report)
}

func printReport(w io.Writer, r *serve.Report) error {
	state := "ready"
	if !r.Ready {
		state = "not ready: " + strings.Join(r.Reasons, "; ")
	}
	server := &r.Server
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "%s\t%s, wakeful %s, for %s\n", r.Database, state, r.Version, time.Since(r.Since).Round(time.Second))
	fmt.Fprintf(tab, "tables\t%s\n", strings.Join(r.Tables, ", "))
	if len(r.Unserved) > 0 {
		fmt.Fprintf(tab, "not served\t%s (wakeful check says why)\n", strings.Join(r.Unserved, ", "))
	}
	fmt.Fprintf(tab, "sessions\t%d, %d connected, %d long polls\n", server.Gateway.Sessions, server.Gateway.Sockets, server.Gateway.Polls)
	fmt.Fprintf(tab, "observers\t%d, followed %d times\n", len(server.Worker.Observers), server.Gateway.Subscriptions)
	fmt.Fprintf(tab, "memory\t%d KiB for lists, logs and caches\n", server.Memory.Total>>10)
	if l := r.Log; l != nil {
		most := "without bound"
		if l.Most > 0 {
			most = fmt.Sprintf("of %d MiB at most", l.Most>>20)
		}
		fmt.Fprintf(tab, "log\t%d KiB not read yet, %d MiB kept for %s %s\n", l.Unread>>10, l.Kept>>20, l.Slot, most)
		if l.Waiting > time.Second {
			fmt.Fprintf(tab, "\ta commit that nobody sees yet is %s old\n", l.Waiting.Round(time.Second))
		}
	}
	var counts []string
	for _, name := range slices.Sorted(maps.Keys(server.Counts)) {
		if n := server.Counts[name]; n > 0 {
			counts = append(counts, fmt.Sprintf("%s %d", name, n))
		}
	}
	fmt.Fprintf(tab, "so far\t%s\n", strings.Join(counts, ", "))
	if err := tab.Flush(); err != nil || len(server.Worker.Observers) == 0 {
		return err
	}
	fmt.Fprintln(w)
	observers := server.Worker.Observers
	slices.SortStableFunc(observers, func(a, b serve.ObserverStatus) int {
		return cmp.Or(cmp.Compare(b.Evaluations, a.Evaluations), cmp.Compare(a.ID, b.ID))
	})
	const most = 20
	fmt.Fprintln(tab, "observer\tview\titems\tdiffs\tevaluations\tone takes")
	for _, o := range observers[:min(most, len(observers))] {
		fmt.Fprintf(tab, "%.8s\t%s\t%d\t%d\t%d\t%s\n", o.ID, o.View, o.Items, o.Seq, o.Evaluations, o.Cost.Round(10*time.Microsecond))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if n := len(observers) - most; n > 0 {
		fmt.Fprintf(w, "and %d more (--json has them all)\n", n)
	}
	return nil
}

// operator asks a running server.
type operator struct {
	url   *string
	token *string
}

func operatorFlags(set *flag.FlagSet) *operator {
	return &operator{
		url:   set.String("url", "http://"+serve.DefaultOperator, "`address` of the server's operator listener, as it says when it starts"),
		token: set.String("token-file", "", "`file` with the operator's token, where the server wants one (or WAKEFUL_OPERATOR_TOKEN)"),
	}
}

func (o *operator) do(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	address := strings.TrimSuffix(*o.url, "/")
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	r, err := http.NewRequestWithContext(ctx, method, address+path, nil)
	if err != nil {
		return nil, fmt.Errorf("--url %s: want an address like http://%s", *o.url, serve.DefaultOperator)
	}
	token := os.Getenv("WAKEFUL_OPERATOR_TOKEN")
	if *o.token != "" {
		text, err := os.ReadFile(*o.token)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no server answers at %s: %w\nIts operator's address is what wakeful serve says when it starts, or what --operator says", *o.url, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		_ = json.Unmarshal(body, &problem) // where it is none, the status says it
		return nil, fmt.Errorf("%s answered %s: %s", *o.url, answer.Status, cmp.Or(problem.Detail, "is it the operator's address?"))
	}
	return body, nil
}
