package explain

import (
	"fmt"
	"strings"
	"time"
)

// String is the whole account for people, several lines of it.
func (e *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "observer %.12s of view %s", e.Observer, e.View)
	if e.URL != "" {
		fmt.Fprintf(&b, " (%s)", e.URL)
	}
	fmt.Fprintf(&b, ", the server is at %s\n", e.Position)
	b.WriteString("reads\n")
	for _, r := range e.Reads {
		fmt.Fprintf(&b, "\t%s\n", r)
	}
	if len(e.Reads) == 0 {
		b.WriteString("\tno table: no change touches it\n")
	}
	e.writeStatements(&b)
	fmt.Fprintf(&b, "kept\n\t%s\n", e.Kept)
	if len(e.Runs) > 0 {
		b.WriteString("why it ran, the newest first\n")
	}
	for _, r := range e.Runs {
		fmt.Fprintf(&b, "\t%s\n", r)
	}
	if len(e.Changes) > 0 {
		b.WriteString("the newest changes, and what they are to what it reads now\n")
	}
	for i := range e.Changes {
		e.Changes[i].write(&b)
	}
	if e.Asked != nil {
		b.WriteString("the change asked about\n")
		e.Asked.write(&b)
	}
	for _, note := range e.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	return b.String()
}

func (e *Explanation) writeStatements(b *strings.Builder) {
	if len(e.Statements) > 0 {
		b.WriteString("statements of its newest evaluation\n")
	}
	for _, s := range e.Statements {
		text := s.Text
		if text == "" {
			text = "(a statement whose dialect is not read)"
		}
		fmt.Fprintf(b, "\t%s", text)
		if s.Runs > 1 {
			fmt.Fprintf(b, "  × %d", s.Runs)
		}
		b.WriteString("\n")
		if s.Opaque != "" {
			fmt.Fprintf(b, "\t\tnot understood: %s\n", s.Opaque)
		}
		for _, r := range s.Reads {
			fmt.Fprintf(b, "\t\t%s\n", r)
		}
		for _, d := range s.Dropped {
			fmt.Fprintf(b, "\t\t%s.%s does not narrow: %s\n", d.Table, d.Column, d.Why)
		}
		if len(s.Volatile) > 0 {
			fmt.Fprintf(b, "\t\tchanges by itself: %s\n", strings.Join(s.Volatile, ", "))
		}
		if s.Ties != "" {
			fmt.Fprintf(b, "\t\torder: %s\n", s.Ties)
		}
	}
	if e.Omitted > 0 {
		fmt.Fprintf(b, "\tand %d more\n", e.Omitted)
	}
}

func (r Read) String() string {
	columns := strings.Join(r.Columns, ", ")
	if columns == "" {
		columns = "that rows exist"
	}
	text := r.Table + " (" + columns + "): " + r.Rows
	if r.Kept {
		text += " — stepped"
	}
	if r.Earlier {
		text += " — read by an earlier run"
	}
	return text
}

func (k Kept) String() string {
	parts := []string{fmt.Sprintf("%s, %d runs of about %v, %d items in %d bytes, diff %d, %d bytes of log, %d subscribers",
		k.How, k.Evaluations, k.Cost.Round(time.Microsecond), k.Items, k.ListBytes, k.Seq, k.LogBytes, k.Subscribers)}
	if k.Steps+k.Reads > 0 {
		parts = append(parts, fmt.Sprintf("%d steps, rows read %d times", k.Steps, k.Reads))
	}
	if k.Reason != "" {
		parts = append(parts, "not stepped: "+k.Reason)
	}
	if k.Every > 0 {
		parts = append(parts, fmt.Sprintf("at least every %v", k.Every))
	}
	if !k.Until.IsZero() {
		parts = append(parts, "again at "+k.Until.Format(time.RFC3339Nano))
	}
	if k.Least > 0 {
		parts = append(parts, fmt.Sprintf("at most every %v", k.Least))
	}
	if k.Failures > 0 {
		parts = append(parts, fmt.Sprintf("failed %d times in a row, not before %s", k.Failures, k.NotBefore.Format(time.RFC3339Nano)))
	}
	parts = append(parts, fmt.Sprintf("evaluated at %s", k.Position))
	switch {
	case k.Running:
		parts = append(parts, "runs now")
	case k.Behind:
		parts = append(parts, fmt.Sprintf("behind since %s", k.Since))
	}
	return strings.Join(parts, "; ")
}

func (r Run) String() string {
	why := r.Cause
	if r.Change != "" {
		why += " " + string(r.Change)
	}
	if r.Table != "" {
		why += " of " + r.Table
	}
	if r.Changes > 1 {
		why += fmt.Sprintf(" and %d more", r.Changes-1)
	}
	if r.Read != "" {
		why += ", rows read (" + r.Read + ")"
	}
	gave := fmt.Sprintf("%d ops", r.Ops)
	if r.Code != "" {
		gave = r.Code
	}
	text := fmt.Sprintf("%s: %s at %s, took %v", why, gave, r.At, r.Took)
	if r.Latency > 0 {
		text += fmt.Sprintf(", %v after the change", r.Latency)
	}
	return text
}

func (c *Change) write(b *strings.Builder) {
	verdict := "does not touch it"
	switch {
	case c.Touches && c.Own:
		verdict = "touches what it reads, but its own evaluation wrote it"
	case c.Touches:
		verdict = "touches it"
	}
	fmt.Fprintf(b, "\t%s %s\n", c.Position, verdict)
	for _, r := range c.Reasons {
		fmt.Fprintf(b, "\t\t%s\n", r)
	}
	if c.More > 0 {
		fmt.Fprintf(b, "\t\tand %d more\n", c.More)
	}
}
