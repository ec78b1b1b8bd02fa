package console

import (
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/wire"
)

// minID is how much of an observer's id is asked for at least.
const minID = 6

// explained gives the account of the observer of a request, or answers that
// there is none.
func (c *Console) explained(w http.ResponseWriter, r *http.Request) *wakeful.Explanation {
	id := r.PathValue("id")
	if len(id) >= minID {
		if e, err := c.cfg.Server.Explain(r.Context(), wakeful.Question{Observer: id}); err == nil {
			return e
		}
	}
	wire.NewProblem(http.StatusNotFound, wire.CodeUnknownObserver, "no such observer lives: it has ended, or several begin so").Write(w)
	return nil
}

// serveObserver tells all that is known of one observer.
func (c *Console) serveObserver(w http.ResponseWriter, r *http.Request) {
	e := c.explained(w, r)
	if e == nil {
		return
	}
	timeline, text := timelineOf(e), e.String()
	shown := *e
	shown.Runs, shown.Changes = nil, nil // they are the timeline
	answer(w, http.StatusOK, struct {
		ID          string               `json:"id"`
		View        string               `json:"view"`
		Parameters  []string             `json:"parameters"`
		Identity    string               `json:"identity"`
		Explanation *wakeful.Explanation `json:"explanation"`
		Timeline    []entry              `json:"timeline"`
		Text        string               `json:"text"`
	}{e.Observer, e.View, list(e.Parameters), e.Identity, &shown, timeline, text})
}

// reason is why one change touches an observer or does not, with a sentence.
type reason struct {
	affected.Reason
	Text string `json:"text"`
}

// serveWhy tells why an observer ran, or did not, for one transaction.
func (c *Console) serveWhy(w http.ResponseWriter, r *http.Request) {
	position := change.Position(r.URL.Query().Get("position"))
	if position == "" {
		wire.NewProblem(http.StatusBadRequest, wire.CodeMissingParameter, "say which transaction: ?position=, as api/changes has them as id").Write(w)
		return
	}
	e := c.explained(w, r)
	if e == nil {
		return
	}
	for i := range e.Changes {
		if e.Changes[i].Position == position {
			c.answerWhy(w, e, &e.Changes[i])
			return
		}
	}
	wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "that transaction is not remembered any more, or never was: it was too large, or it is none").Write(w)
}

func (c *Console) answerWhy(w http.ResponseWriter, e *wakeful.Explanation, of *explain.Change) {
	verdict, by := judge(e, of)
	runs, reasons := []entry{}, []reason{}
	for _, r := range by {
		runs = append(runs, entryOf(r, e.Changes))
	}
	for _, one := range of.Reasons {
		reasons = append(reasons, reason{one, one.String()})
	}
	text := sentences[verdict]
	if why := whyOf(of); why != "" && verdict != own {
		text += ": " + why
	}
	answer(w, http.StatusOK, struct {
		ID       string          `json:"id"`
		View     string          `json:"view"`
		Position change.Position `json:"position"`
		Seen     time.Time       `json:"seen"`
		Touches  bool            `json:"touches"`
		Own      bool            `json:"own"`
		Verdict  string          `json:"verdict"`
		Text     string          `json:"text"`
		Reasons  []reason        `json:"reasons"`
		More     int             `json:"more"`
		Runs     []entry         `json:"runs"`
	}{e.Observer, e.View, of.Position, of.Seen.UTC(), of.Touches, of.Own, verdict, text, reasons, of.More, runs})
}

var sentences = map[string]string{
	untouched: "It did not run",
	own:       "It did not run: its own evaluation wrote this",
	stepped:   "It was stepped",
	ran:       "Its view ran",
	read:      "Its rows were read again",
	waiting:   "It is not in the list yet",
	contained: "The list was made after it, and has it",
}
