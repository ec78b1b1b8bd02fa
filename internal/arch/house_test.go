package arch

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile     = 600
	maxFunction = 80
)

func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		shipped, documented := false, 0
		for _, f := range p.files {
			if f.test {
				continue
			}
			shipped = true
			if f.tree.Doc != nil {
				documented++
			}
		}
		if shipped && documented != 1 {
			t.Errorf("package %s has %d package comments, want 1: it says the job, the promises and the place in the pipeline", p.folder, documented)
		}
	}
}

func TestNamesSayWhatIsInside(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "manager", "base", "impl", "misc", "shared", "types"}
	for _, p := range packages(t) {
		if slices.Contains(empty, path.Base(p.folder)) {
			t.Errorf("package %s: that name fits everything, so everything will go there; name it for its job", p.folder)
		}
		for _, f := range p.files {
			base, _, _ := strings.Cut(strings.TrimSuffix(path.Base(f.name), ".go"), "_")
			if slices.Contains(empty, base) {
				t.Errorf("file %s: name it for the one noun or verb in it", f.name)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			if f.lines > maxFile {
				t.Errorf("%s has %d lines, more than %d: it is about two things; split it by noun or verb", f.name, f.lines, maxFile)
			}
			if f.test {
				continue // tables are long and no harder to read for it
			}
			for _, decl := range f.tree.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Body == nil {
					continue
				}
				if lines := f.line(fn.End()) - f.line(fn.Pos()) + 1; lines > maxFunction {
					t.Errorf("%s: %s has %d lines, more than %d: nobody holds that in his head; name its parts", f.name, fn.Name.Name, lines, maxFunction)
				}
			}
		}
	}
}

func TestNoLeftovers(t *testing.T) {
	leftover := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, group := range f.tree.Comments {
				if word := leftover.FindString(group.Text()); word != "" {
					t.Errorf("%s:%d: %s: do it, or file an issue; a note in the code is read by nobody", f.name, f.line(group.Pos()), word)
				}
			}
		}
	}
}

func TestNoSleepInTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			if !f.test {
				continue
			}
			calls(f, "time", func(at ast.Node, name string) {
				if name == "Sleep" {
					t.Errorf("%s:%d: time.Sleep in a test: too short on a busy machine, too long on a fast one; wait for a signal or use testing/synctest", f.name, f.line(at.Pos()))
				}
			})
		}
	}
}

// TestLoggersAreInjected keeps the choice of logger with the user. Programs
// (cmd, examples, the tutorial) and what they consist of write where they like.
func TestLoggersAreInjected(t *testing.T) {
	global := []string{"Default", "SetDefault", "Debug", "DebugContext", "Info", "InfoContext", "Warn", "WarnContext", "Error", "ErrorContext", "Log"}
	for _, p := range packages(t) {
		if folderOf(p.folder, []string{"cmd", "examples", "docs/tutorial"}) != "" {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			if slices.Contains(f.imports(), "log") {
				t.Errorf("%s imports log: a library takes a *slog.Logger and does not choose one", f.name)
			}
			calls(f, "slog", func(at ast.Node, name string) {
				if slices.Contains(global, name) {
					t.Errorf("%s:%d: slog.%s uses the program's logger: take one", f.name, f.line(at.Pos()), name)
				}
			})
			calls(f, "fmt", func(at ast.Node, name string) {
				if strings.HasPrefix(name, "Print") {
					t.Errorf("%s:%d: fmt.%s: standard output belongs to the program", f.name, f.line(at.Pos()), name)
				}
			})
		}
	}
}

// calls reports each use of a name of a package, which no file here renames.
func calls(f *file, of string, found func(at ast.Node, name string)) {
	ast.Inspect(f.tree, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == of && x.Obj == nil {
			found(n, selector.Sel.Name)
		}
		return true
	})
}

func TestGoModHasNoReplace(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); first == "replace" || first == "exclude" {
			t.Errorf("go.mod: %q: it holds only for us, and breaks go install of a version", line)
		}
	}
}
