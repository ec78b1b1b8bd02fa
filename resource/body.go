package resource

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/wire"
)

// mediaType is what bodies are written in.
const mediaType = "application/json"

const defaultMaxBody = 1 << 20

// given is one member of the object in a body, its value as it was written.
type given struct {
	name string
	raw  jsontext.Value
}

// body reads the JSON object that a request carries. Only JSON is taken: a page
// of another site can make a browser send other types without asking.
func (c *call) body(w http.ResponseWriter) ([]given, *wire.Problem) {
	if problem := c.checkMedia(w); problem != nil {
		return nil, problem
	}
	decoder := jsontext.NewDecoder(http.MaxBytesReader(w, c.r.Body, c.MaxBody))
	members, err := readObject(decoder)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, wire.NewProblem(http.StatusRequestEntityTooLarge, wire.CodeBodyTooLarge,
			"the body may have "+strconv.FormatInt(large.Limit, 10)+" bytes")
	case err != nil:
		return nil, wire.NewProblem(http.StatusBadRequest, wire.CodeBadBody, "want one JSON object: "+plainly(err))
	}
	return members, nil
}

func (c *call) checkMedia(w http.ResponseWriter) *wire.Problem {
	given, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	coding := c.r.Header.Get("Content-Encoding")
	if err == nil && given == mediaType && (charset == "" || strings.EqualFold(charset, "utf-8")) &&
		(coding == "" || strings.EqualFold(coding, "identity")) {
		return nil
	}
	w.Header().Set("Accept", mediaType)
	return wire.NewProblem(http.StatusUnsupportedMediaType, wire.CodeUnsupportedMedia,
		"want Content-Type: "+mediaType+", in UTF-8 and without a Content-Encoding")
}

var errNoObject = errors.New("it is something else")

func readObject(decoder *jsontext.Decoder) ([]given, error) {
	if kind := decoder.PeekKind(); kind != '{' && kind != 0 {
		return nil, errNoObject
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, err
	}
	var members []given
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		raw, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		members = append(members, given{text, raw.Clone()})
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, err
	}
	switch _, err := decoder.ReadToken(); {
	case err == io.EOF:
		return members, nil
	case err != nil:
		return nil, err
	}
	return nil, errors.New("something follows it")
}

// plainly is the text of an error of the decoder, without the names of what
// noticed it.
func plainly(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}
