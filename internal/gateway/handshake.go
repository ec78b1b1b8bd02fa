package gateway

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/wakeful-dev/wakeful/wire"
)

// socketVersion is the one version of the WebSocket protocol that there is.
const socketVersion = "13"

// checkUpgrade says what is wrong with a handshake, as RFC 6455 section 4.2.1
// has it, nil for nothing. A refused one is answered like any other request:
// the connection goes on.
func checkUpgrade(w http.ResponseWriter, r *http.Request) *wire.Problem {
	bad := func(status int, detail string) *wire.Problem {
		return wire.NewProblem(status, wire.CodeBadRequest, "handshake: "+detail)
	}
	keys, versions := r.Header["Sec-Websocket-Key"], r.Header["Sec-Websocket-Version"]
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		return bad(http.StatusMethodNotAllowed, "want a GET")
	case !hasToken(r.Header["Upgrade"], "websocket"):
		if r.ProtoMajor < 2 { // later versions know neither header
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
		}
		return bad(http.StatusUpgradeRequired, "this path takes WebSockets, over HTTP/1.1, and GETs that ask for text/event-stream")
	case !r.ProtoAtLeast(1, 1) || r.ProtoMajor > 1:
		return bad(http.StatusHTTPVersionNotSupported, "want HTTP/1.1")
	case !hasToken(r.Header["Connection"], "upgrade"):
		return bad(http.StatusBadRequest, "want the header Connection: Upgrade; does a proxy on the way drop it?")
	case r.ContentLength != 0:
		w.Header().Set("Connection", "close") // else the answer waits for the body
		return bad(http.StatusBadRequest, "want no body")
	case len(versions) != 1 || versions[0] != socketVersion:
		w.Header().Set("Sec-WebSocket-Version", socketVersion)
		return bad(http.StatusUpgradeRequired, "want one header Sec-WebSocket-Version: "+socketVersion)
	case len(keys) != 1 || !validKey(keys[0]):
		return bad(http.StatusBadRequest, "want one header Sec-WebSocket-Key of 16 bytes in base64")
	}
	// The upgrade reads the first value only.
	r.Header["Upgrade"], r.Header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
	return nil
}

func validKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(raw) == 16
}

// hasToken reports whether a header that is a list has a token, in any case.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(one, " \t"), token) {
				return true
			}
		}
	}
	return false
}
