package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// report prints verdicts as they come and keeps them.
type report struct {
	out      io.Writer
	verdicts []verdict
}

// columns are the widths of the table; the last is as long as it is.
var columns = []int{72, 10, 10, 20, 18}

func newReport(out io.Writer) *report {
	fmt.Fprintf(out, "%s, %d cores for server, floor and load together, %s\n\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.RFC3339))
	r := &report{out: out}
	r.line("bar", "figure", "floor", "against it", "spread", "")
	return r
}

func (r *report) line(cells ...string) {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(columns) {
			b.WriteString(strings.Repeat(" ", max(1, columns[i]-utf8.RuneCountInString(cell))))
		}
	}
	fmt.Fprintln(r.out, strings.TrimRight(b.String(), " "))
}

func (r *report) add(v verdict) {
	r.verdicts = append(r.verdicts, v)
	said := "met"
	switch {
	case !v.Met:
		said = "MISSED"
	case v.sense == noted:
		said = ""
	}
	if v.Error != "" {
		r.line(v.Name, "-", "-", v.How, "", said)
		r.line("  " + v.Error)
		return
	}
	floor := number(v.Floor)
	if v.sense == exactly || v.Floor == 0 {
		floor = "-"
	}
	spread := fmt.Sprintf("%.3g – %.3g", v.Least, v.Most)
	r.line(strings.TrimSuffix(v.Name+", "+v.Unit, ", "), number(v.Figure), floor, v.How, spread, said)
}

// number is short enough for a table.
func number(v float64) string {
	if v >= 1000 || v == float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func (r *report) met() bool {
	for _, v := range r.verdicts {
		if !v.Met {
			return false
		}
	}
	return true
}

// write saves all as JSON.
func (r *report) write(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{
		"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cores": runtime.NumCPU(),
		"time": time.Now().UTC(), "bars": r.verdicts,
	}, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
