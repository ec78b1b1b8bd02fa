package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

var versionVerb = verb{
	name:  "version",
	short: "say which version this is",
	run: func(_ context.Context, args []string, stdout, stderr io.Writer) error {
		if err := parse(flags("version", "Prints the version, the Go release and the system that it was built for.\n", stderr), args); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "wakeful %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	},
}

// release is the version that make dist names; "" where another command built.
var release string

// version is release, else what the Go command wrote into the binary: a tag
// where it was built from one, a version made of time and commit from another
// checkout, "(devel)" where it was told to look at no commit.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	text := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && text == "(devel)" {
			text += " " + setting.Value
		}
	}
	if text == "" {
		return "(devel)"
	}
	return text
}
