package resource

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/wakeful-dev/wakeful/wire"
)

// complaints are what is wrong with the parameters of a request, by parameter.
type complaints struct {
	code  wire.Code
	by    map[string][]string
	known []string
	err   error // the app could not say what the request may do
}

func (c *complaints) add(code wire.Code, parameter, format string, args ...any) {
	if c.by == nil {
		c.by = map[string][]string{}
	}
	c.by[parameter] = append(c.by[parameter], fmt.Sprintf(format, args...))
	if c.code == "" || code == wire.CodeUnknownParameter {
		c.code = code
	}
}

// problem answers with all of them, nil where there are none.
func (c *complaints) problem() *wire.Problem {
	if len(c.by) == 0 {
		return nil
	}
	first := slices.Sorted(maps.Keys(c.by))[0]
	p := wire.NewProblem(http.StatusBadRequest, c.code, first+": "+c.by[first][0])
	p.Errors = c.by
	if c.code == wire.CodeUnknownParameter {
		p.Known = c.known
	}
	return p
}
