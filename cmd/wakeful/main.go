// Wakeful is the program: one binary, a verb for each thing it does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// verb is one thing that the program does. Each has a file of its own.
type verb struct {
	name  string
	short string
	run   func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func verbs() []verb {
	return []verb{demoVerb, serveVerb, checkVerb, statusVerb, clearVerb, watchVerb, typesVerb, versionVerb}
}

// errUsage says that the arguments were wrong, and that it has been told.
var errUsage = errors.New("wrong arguments")

func main() {
	os.Exit(run(untilSignal(), os.Args[1:], os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first signal ends, which asks for a
// clean end. A second one ends the process at once, also where it was started
// with interrupts ignored, as a shell does in the background.
func untilSignal() context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		end()
		second, _ := (<-signals).(syscall.Signal)
		os.Exit(128 + int(second))
	}()
	return ctx
}

// run is the program without its process: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return 0
	}
	for _, v := range verbs() {
		if v.name == args[0] {
			return status(v.run(ctx, args[1:], stdout, stderr), stderr)
		}
	}
	fmt.Fprintf(stderr, "wakeful: no command %q\n\n", args[0])
	usage(stderr)
	return 2
}

// exitError is an error that has an exit status of its own.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }

func status(err error, stderr io.Writer) int {
	var own *exitError
	switch {
	case errors.As(err, &own):
		fmt.Fprintln(stderr, "wakeful:", err)
		return own.status
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errMissing):
		return 1
	}
	fmt.Fprintln(stderr, "wakeful:", err)
	return 1
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Wakeful makes REST endpoints live.\n\nUsage:\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  wakeful %-9s %s\n", v.name, v.short)
	}
	fmt.Fprint(w, "\nwakeful <command> --help says more.\n")
}

// flags returns the flag set of a verb, whose --help says text first.
func flags(name, text string, stderr io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintf(stderr, "Usage: wakeful %s [flags]\n\n%s\n", name, text)
		set.VisitAll(func(f *flag.Flag) {
			value, usage := flag.UnquoteUsage(f)
			fmt.Fprintf(stderr, "%s\n        %s", strings.TrimRight("  --"+f.Name+" "+value, " "), usage)
			if f.DefValue != "" && f.DefValue != "false" {
				fmt.Fprintf(stderr, " (default %s)", f.DefValue)
			}
			fmt.Fprintln(stderr)
		})
	}
	return set
}

// parse reads the flags of a verb that takes nothing else.
func parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if set.NArg() > 0 {
		fmt.Fprintf(set.Output(), "wakeful %s: unexpected %q\n", set.Name(), set.Arg(0))
		set.Usage()
		return errUsage
	}
	return nil
}

// parseWith reads the flags of a verb that takes one thing more, before them or
// behind.
func parseWith(set *flag.FlagSet, args []string, what string) (string, error) {
	var one string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		one, args = args[0], args[1:]
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return "", err
		}
		return "", errUsage
	}
	rest := set.Args()
	if one == "" && len(rest) > 0 {
		one, rest = rest[0], rest[1:]
	}
	switch {
	case one == "":
		fmt.Fprintf(set.Output(), "wakeful %s: %s is missing\n", set.Name(), what)
	case len(rest) > 0:
		fmt.Fprintf(set.Output(), "wakeful %s: unexpected %q\n", set.Name(), rest[0])
	default:
		return one, nil
	}
	set.Usage()
	return "", errUsage
}
