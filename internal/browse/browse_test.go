package browse

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// hostile is a text that would be more than text if it were written as it is.
const hostile = `"><script>alert(1)</script><a b='`

// TestNothingBecomesHTML: a name of a table, or an address, ends no attribute.
func TestNothingBecomesHTML(t *testing.T) {
	w := httptest.NewRecorder()
	Page{Kind: List, Title: hostile, Files: "./" + hostile + "/", List: "./" + hostile, Socket: hostile, Prefix: hostile, Home: hostile}.Serve(w, httptest.NewRequest("GET", "/", nil))
	body := w.Body.String()
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<a b=") || strings.Count(body, "<script") != 1 {
		t.Errorf("a text became HTML:\n%s", body)
	}
	if inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:`).FindString(body); inline != "" {
		t.Errorf("the page has %q in it, which its own policy forbids", inline)
	}
}

// TestPolicy: the page loads nothing but its own files and is shown in no frame.
func TestPolicy(t *testing.T) {
	w := httptest.NewRecorder()
	Page{Kind: Index, Title: "x"}.Serve(w, httptest.NewRequest("GET", "/", nil))
	header := w.Header()
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "form-action 'none'", "base-uri 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("the policy is too wide: %s", policy)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-cache",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestFiles: every file that the page and its modules name is there, is what it
// says, and is not sent again to who has it.
func TestFiles(t *testing.T) {
	w := httptest.NewRecorder()
	Page{Kind: Index}.Serve(w, httptest.NewRequest("GET", "/", nil))
	texts := map[string]string{"the page": w.Body.String()}
	for name := range all {
		texts[name] = string(all[name].body)
	}
	named := regexp.MustCompile(`(?:from '\./|href="|src=")([a-z]+\.[a-z]+)\?browse['"]`)
	found := map[string]bool{}
	for in, text := range texts {
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			found[match[1]] = true
			if _, ok := all[match[1]]; !ok {
				t.Errorf("%s names %s, which is not there", in, match[1])
			}
		}
		if in != "wakeful.js" && regexp.MustCompile(`\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).MatchString(text) {
			t.Errorf("%s makes HTML or code of text", in)
		}
	}
	for name := range all {
		if !found[name] {
			t.Errorf("nothing names %s", name)
		}
		first := httptest.NewRecorder()
		if !ServeFile(first, httptest.NewRequest("GET", "/x?browse", nil), name) || first.Code != 200 || first.Body.Len() == 0 || first.Header().Get("Content-Type") == "" {
			t.Fatalf("%s: %d %v", name, first.Code, first.Header())
		}
		r := httptest.NewRequest("GET", "/x?browse", nil)
		r.Header.Set("If-None-Match", first.Header().Get("ETag"))
		again := httptest.NewRecorder()
		if ServeFile(again, r, name); again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("%s again: %d with %d bytes", name, again.Code, again.Body.Len())
		}
	}
	if ServeFile(httptest.NewRecorder(), httptest.NewRequest("GET", "/x?browse", nil), "browse.go") {
		t.Error("the page has a file that is none of it")
	}
}

func TestBeside(t *testing.T) {
	for _, tt := range []struct {
		sent         string
		row          bool
		list, folder string
	}{
		{"/api/posts", false, "./posts", "./posts/"},
		{"/api/posts/", false, "./", "./"},
		{"/posts?a=/b/", false, "./posts", "./posts/"},
		{"/a:b", false, "./a:b", "./a:b/"},
		{"/a%2Fb", false, "./a%2Fb", "./a%2Fb/"},
		{"/", false, "./", "./"},
		{"/api/posts/7", true, "./", "./"},
		{"/api/posts/7/", true, "../", "../"},
		{"/7", true, "./", "./"},
	} {
		if list, folder := Beside(tt.sent, tt.row); list != tt.list || folder != tt.folder {
			t.Errorf("%s, %v: %s, %s; want %s, %s", tt.sent, tt.row, list, folder, tt.list, tt.folder)
		}
	}
}
