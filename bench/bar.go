package main

import (
	"cmp"
	"fmt"
	"slices"
)

// sense says how a figure stands to its floor.
type sense int

const (
	atLeast sense = iota // times the floor, at least
	atMost               // times the floor, at most
	above                // above the floor, at most
	exactly              // equal to the bar; there is no floor
	reaches              // at least the bar; the floor is there to be compared with
	within               // at most the bar; the floor is there to be compared with
	noted                // there is no bar: the figure is for information
)

// bar is a promise about a figure.
type bar struct {
	Name  string
	Unit  string
	Sense sense
	Bar   float64
}

// run is one measurement of the subject beside one of its floor.
type run struct {
	Figure float64 `json:"figure"`
	Floor  float64 `json:"floor"`
}

// verdict is a bar with what was measured.
type verdict struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Figure   float64 `json:"figure"`          // median
	Floor    float64 `json:"floor"`           // median
	Relation float64 `json:"relation"`        // median of the ratios, or differences, of neighbouring runs, or of the figures
	Least    float64 `json:"least"`           // of the relations
	Most     float64 `json:"most"`            // of the relations
	Bar      float64 `json:"bar"`             // for the relation
	How      string  `json:"how"`             // relation and bar, for people
	Met      bool    `json:"met"`             // the relation reaches the bar
	Error    string  `json:"error,omitempty"` // why it could not be measured
	Runs     []run   `json:"runs,omitempty"`
	sense    sense
}

// judge compares the runs with the bar.
func (b bar) judge(runs []run) verdict {
	v := verdict{Name: b.Name, Unit: b.Unit, Bar: b.Bar, Runs: runs, sense: b.Sense}
	var figures, floors, relations []float64
	for _, r := range runs {
		figures = append(figures, r.Figure)
		floors = append(floors, r.Floor)
		relations = append(relations, b.relation(r))
	}
	v.Figure, v.Floor, v.Relation = median(figures), median(floors), median(relations)
	v.Least, v.Most = slices.Min(relations), slices.Max(relations)
	switch b.Sense {
	case atLeast:
		v.Met = v.Relation >= b.Bar
		v.How = fmt.Sprintf("%.2f × (≥ %.2f)", v.Relation, b.Bar)
	case atMost:
		v.Met = v.Relation <= b.Bar
		v.How = fmt.Sprintf("%.2f × (≤ %.2f)", v.Relation, b.Bar)
	case above:
		v.Met = v.Relation <= b.Bar
		v.How = fmt.Sprintf("%+.3f (≤ %+.1f)", v.Relation, b.Bar)
	case exactly:
		v.Met = v.Least == b.Bar && v.Most == b.Bar
		v.How = fmt.Sprintf("%.0f (= %.0f)", v.Relation, b.Bar)
	case reaches:
		v.Met = v.Relation >= b.Bar
		v.How = fmt.Sprintf("(≥ %s)", number(b.Bar))
	case within:
		v.Met = v.Relation <= b.Bar
		v.How = fmt.Sprintf("(≤ %s)", number(b.Bar))
	case noted:
		v.Met, v.How = true, "(no bar)"
	}
	return v
}

func (b bar) relation(r run) float64 {
	switch b.Sense {
	case above:
		return r.Figure - r.Floor
	case exactly, reaches, within, noted:
		return r.Figure
	}
	return r.Figure / r.Floor
}

// failed is the verdict where nothing could be measured.
func (b bar) failed(err error) verdict {
	return verdict{Name: b.Name, Unit: b.Unit, Bar: b.Bar, sense: b.Sense, How: "not measured", Error: err.Error()}
}

func median(values []float64) float64 { return percentile(values, 50) }

// percentile returns the value that p percent do not exceed, 0 of none.
func percentile[T cmp.Ordered](values []T, p int) T {
	var none T
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
