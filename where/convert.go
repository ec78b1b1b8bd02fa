package where

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
)

const (
	wantText  = "text in UTF-8 without a NUL is wanted"
	wantSmall = "a text of at most 4096 bytes is wanted"
	wantValue = "a value is wanted; NULL is asked for with IsNull"
)

// convert returns a value as the column stores it, or why it cannot be.
func (t *term) convert(v any) (converted any, why string) {
	if bad, ok := v.(unfit); ok {
		return nil, wanted(t.column) + ", not a " + bad.text
	}
	as, given := v.(stored)
	if given {
		v = as.v
	}
	switch {
	case v == nil:
		return nil, wantValue
	case given:
		return v, ""
	case t.op.textual():
		return lookedFor(v)
	case t.column.Native != "":
		return t.typed(v)
	}
	switch x := v.(type) {
	case time.Time:
		return fromText(t.column, x.Format(time.RFC3339Nano))
	case string:
		v, why = t.fromString(x)
	case bool:
		v, why = fromBool(t.column, x)
	case int64:
		why = t.takesNumber()
	case float64:
		if why = t.takesNumber(); why == "" && (math.IsNaN(x) || t.as.Kind == predicate.Text) {
			why = wanted(t.column)
		}
	case []byte:
		if !takesBytes(t.column.Type) {
			why = wanted(t.column)
		}
	}
	if why != "" {
		return nil, why
	}
	converted, _ = t.as.Converted(v)
	return converted, ""
}

// typed is a value of a column that has values of its own type only.
func (t *term) typed(v any) (any, string) {
	switch x := v.(type) {
	case string:
		if t.column.Type == schema.Text && !utf8.ValidString(x) {
			return nil, wantText
		}
		return t.notNaN(fromText(t.column, x))
	case int64:
		return fromText(t.column, digits(x))
	case float64:
		return t.notNaN(fromText(t.column, dialect.FloatText(x)))
	case bool:
		switch t.column.Type {
		case schema.Boolean:
			return x, ""
		case schema.Integer, schema.Decimal:
			return fromText(t.column, digits(map[bool]int64{true: 1}[x]))
		}
	case time.Time:
		switch t.column.Type {
		case schema.Timestamp, schema.Date, schema.Time:
			return value.FromTime(t.column, x), ""
		}
	case []byte:
		switch t.column.Type {
		case schema.Bytes:
			return x, ""
		case schema.JSON:
			return fromText(t.column, string(x))
		}
	}
	return nil, wanted(t.column)
}

const wantNumber = "a number is wanted: nothing compares with NaN"

// notNaN refuses what compares with nothing. PostgreSQL takes it for greater
// than all numbers; whoever wants those rows asks for what is greater than
// Infinity.
func (t *term) notNaN(v any, why string) (any, string) {
	if f, ok := v.(float64); ok && math.IsNaN(f) || t.column.Type == schema.Decimal && v == "NaN" {
		return nil, wantNumber
	}
	return v, why
}

func wanted(c *schema.Column) string { return value.Wanted(c.Type).Error() }

func fromText(c *schema.Column, text string) (any, string) {
	v, err := value.FromText(c, text)
	if err != nil {
		return nil, err.Error()
	}
	return v, ""
}

// fromString reads what is written as a URL would have it. Of a column that
// takes anything it is the text itself.
func (t *term) fromString(text string) (any, string) {
	switch {
	case !utf8.ValidString(text):
		return nil, wantText
	case t.column.Type == schema.Any:
		return text, ""
	}
	v, why := fromText(t.column, text)
	if f, ok := v.(float64); ok && math.IsNaN(f) {
		return nil, wantNumber
	}
	return v, why
}

func fromBool(c *schema.Column, yes bool) (any, string) {
	switch c.Type {
	case schema.Boolean, schema.Integer, schema.Decimal, schema.Any:
		if yes {
			return int64(1), ""
		}
		return int64(0), ""
	}
	return nil, wanted(c)
}

func (t *term) takesNumber() string {
	switch t.column.Type {
	case schema.Bytes, schema.UUID:
		return wanted(t.column)
	}
	return ""
}

func takesBytes(t schema.Type) bool {
	return t == schema.Bytes || t == schema.Any || t == schema.UUID || t == schema.JSON
}

// lookedFor is the text that a textual condition looks for.
func lookedFor(v any) (any, string) {
	text, ok := v.(string)
	switch {
	case !ok, !utf8.ValidString(text), strings.IndexByte(text, 0) >= 0:
		return nil, wantText
	case len(text) > maxText:
		return nil, wantSmall
	}
	return text, ""
}

// digits is what a number looks like to a textual condition.
func digits(n int64) string { return strconv.FormatInt(n, 10) }
