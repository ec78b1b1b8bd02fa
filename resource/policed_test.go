package resource_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
)

// policing is a catalog some of whose tables have policies.
type policing struct {
	schema.Catalog
	policies, policed []string
}

func (p policing) Schema(ctx context.Context) (*schema.Schema, error) {
	s, err := p.Catalog.Schema(ctx)
	if err != nil {
		return nil, err
	}
	altered := *s
	altered.Tables = nil
	for _, t := range s.Tables {
		one := *t
		one.Policies, one.Policed = slices.Contains(p.policies, t.Name), slices.Contains(p.policed, t.Name)
		altered.Tables = append(altered.Tables, &one)
	}
	return &altered, nil
}

// TestPoliced: where policies of the database say which rows there are, no list
// is kept by the images of changes.
func TestPoliced(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Filters["author__name"] = resource.Every
	cfg.Nested = []resource.Nested{{Name: "comments", Table: "comments", By: "post_id"}}
	for _, tt := range []struct {
		policies, policed []string
		rights, target    string
		kept              bool
	}{
		{nil, nil, "", "/posts", true},
		{nil, nil, "ada", "/posts", true},
		{[]string{"posts"}, nil, "", "/posts", true},
		{[]string{"posts"}, nil, "ada", "/posts", false},
		{[]string{"posts"}, nil, "ada", "/posts/1", false},
		{[]string{"posts"}, []string{"posts"}, "", "/posts", false},
		{[]string{"comments"}, nil, "ada", "/posts", false},
		{[]string{"users"}, nil, "ada", "/posts", true},
		{[]string{"users"}, nil, "ada", "/posts?author__name=bob", false},
	} {
		cfg.Catalog = policing{source, tt.policies, tt.policed}
		m := &mark.Mark{Evaluating: true}
		ctx := readset.WithRights(mark.NewContext(readset.NewContext(t.Context(), &readset.Set{}), m), tt.rights)
		w := httptest.NewRecorder()
		mounted(t, cfg, "/posts").ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.target, nil).WithContext(ctx))
		if w.Code != http.StatusOK || (m.Kept() != nil) != tt.kept {
			t.Errorf("%+v: %d, kept %t", tt, w.Code, m.Kept() != nil)
		}
	}
}

// TestRightsAreNotShared: requests of other rights in the database share nothing.
func TestRightsAreNotShared(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	scope := func(rights string) string {
		m := &mark.Mark{}
		ctx := readset.WithRights(mark.NewContext(t.Context(), m), rights)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/posts", nil).WithContext(ctx))
		return m.View().Scope
	}
	equal(t, "the same rights", scope("ada"), scope("ada"))
	if scope("ada") == scope("bob") || scope("ada") == scope("") {
		t.Error("other rights share a list")
	}
}
