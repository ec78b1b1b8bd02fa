package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestProtocolRulesNameTheirTests reads docs/protocol.md: each rule is a bold
// number and has a line in the table at the end, which names packages and the
// tests in them, or says that the rule is not kept yet.
func TestProtocolRulesNameTheirTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	held := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^\| ([A-Z]+\d+) \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		held[line[1]] = line[2]
	}
	rules := regexp.MustCompile(`(?m)^(?:- |\| )\*\*([A-Z]+\d+)\.\*\*([^\n|]*(?:\n  [^\n]*)*)`).FindAllStringSubmatch(string(text), -1)
	if len(rules) < 40 {
		t.Fatalf("found %d rules in docs/protocol.md: has their form changed?", len(rules))
	}
	for _, rule := range rules {
		number, names := rule[1], held[rule[1]]
		later := strings.Contains(rule[2], "**Not yet.**")
		switch {
		case names == "":
			t.Errorf("rule %s has no line in the table of tests: a promise that nothing holds is none", number)
		case later != (names == "not yet"):
			t.Errorf("rule %s: the rule and its line in the table disagree on whether it is kept yet", number)
		case !later:
			checkNames(t, number, names, tests)
		}
		delete(held, number)
	}
	for number := range held {
		t.Errorf("the table of tests has a line for %s, which is no rule", number)
	}
}

func checkNames(t *testing.T, rule, names string, tests map[string]bool) {
	t.Helper()
	for part := range strings.SplitSeq(names, "; ") {
		folder, list, ok := strings.Cut(strings.TrimPrefix(part, "`"), "` ")
		if !ok {
			t.Errorf("rule %s: %q is not a package in backquotes and its tests", rule, part)
			continue
		}
		if folder == "wakeful" {
			folder = "."
		}
		for name := range strings.SplitSeq(list, ", ") {
			if !tests[folder+" "+name] {
				t.Errorf("rule %s: there is no test %s in %s", rule, name, folder)
			}
		}
	}
}

// testNames has "folder name" of every test and fuzz target.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, decl := range f.tree.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && f.test && fn.Recv == nil {
					names[p.folder+" "+fn.Name.Name] = true
				}
			}
		}
	}
	return names
}
