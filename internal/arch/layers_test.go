package arch

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wakeful-dev/wakeful"

// layers lists every package that ships, from the bottom up; "." is package
// wakeful. A package imports only packages of lower layers. Read downwards, it
// is the way of a change from the database to a client.
var layers = [][]string{
	{"change", "diff", "schema", "permit", "internal/arch", "internal/planted", "internal/yamldoc", "internal/pgtest", "internal/webclient", "internal/accept"},
	{"source", "predicate", "wire", "internal/follow"},
	{"liveclient"},
	{"readset", "bus", "internal/event", "internal/memory", "internal/ivm", "internal/inspect"},
	{"internal/mark", "resource/value", "internal/dialect"},
	{"where", "internal/browse"},
	{"resource", "internal/auth", "internal/rules"},
	{"source/memsource", "source/sourcetest", "readset/readsettest", "bus/bustest"},
	{"sqldb"},
	{"postgres/internal/gate", "postgres/internal/pgoutput"},
	{"postgres/internal/triggerlog"},
	{"sqlite", "postgres"},
	{"internal/query", "internal/affected"},
	{"internal/observer"},
	{"internal/explain"},
	{"internal/worker", "internal/gateway"},
	{"."},
	{"wakefultest", "internal/checker", "internal/console"},
	{"console"},
	{"internal/demo", "examples/nethttp", "examples/chi", "examples/resource", "internal/metrics"},
	{"docs/tutorial/1-handler", "docs/tutorial/2-live", "docs/tutorial/3-resource", "docs/tutorial/4-rules", "docs/tutorial/5-people", "docs/tutorial/6-page"},
	{"internal/serve", "internal/watch", "internal/typescript"},
	{"cmd/wakeful", "bench/role", "e2e/browser/house"},
	{"bench/app", "bench/index"},
	{"bench/load", "bench/floor"},
	{"bench/route"},
	{"bench"},
}

// contract lists what an adapter may import of ours, beside what lies in its
// own folder: so that it can become a module of its own without moving code.
var contract = []string{"change", "diff", "schema", "source", "readset", "wire", "bus", "sqldb"}

// adapters lists the folders that join us to other people's systems.
var adapters = []string{"sqlite", "postgres"}

// outside lists the modules that shipped code may import, who may, and why.
// Standard library: everybody.
var outside = map[string]struct {
	users []string
	why   string
}{
	"github.com/gobwas/ws":                        {[]string{"internal/gateway", "internal/follow", "liveclient", "bench"}, "WebSockets without a goroutine or a buffer for each idle one"},
	"github.com/go-json-experiment/json/jsontext": {[]string{"wire", "internal/observer", "resource"}, "JSON in its canonical form, token by token"},
	"github.com/jackc/pgx/v5":                     {[]string{"postgres", "bench", "internal/pgtest"}, "PostgreSQL's protocol, types and pool"},
	"modernc.org/sqlite":                          {[]string{"sqlite", "bench"}, "the database of the adapter, without cgo"},
	"modernc.org/libc":                            {[]string{"sqlite"}, "its C side, for the hooks"},
	"golang.org/x/sys":                            {[]string{"sqlite", "bench"}, "inotify; a clock that processes share"},
	"github.com/go-jose/go-jose/v4":               {[]string{"internal/auth"}, "tokens and their keys, where a mistake of ours would let anybody in"},
	"go.yaml.in/yaml/v3":                          {[]string{"internal/yamldoc"}, "configuration files, with the line of each mistake"},
	"github.com/prometheus/client_golang":         {[]string{"internal/metrics"}, "metrics as Prometheus and its histograms want them"},
	"golang.org/x/term":                           {[]string{"internal/watch"}, "a terminal's size, and its keys one by one, on each system"},
	"github.com/rivo/uniseg":                      {[]string{"internal/watch"}, "how wide a text is on a screen, sign by sign, as Unicode has it"},
	"github.com/go-chi/chi/v5":                    {[]string{"examples/chi"}, "an example for its users"},
}

// testOnly lists the modules for tests, and for the packages whose job is to test.
var testOnly = []string{"go.uber.org/goleak", "github.com/google/go-cmp", "github.com/coder/websocket", "github.com/santhosh-tekuri/jsonschema/v6"}

// shipsTests lists the packages that ship tests: they may import package testing.
var shipsTests = []string{"source/sourcetest", "readset/readsettest", "bus/bustest", "wakefultest", "internal/checker", "internal/pgtest"}

func TestLayers(t *testing.T) {
	height := map[string]int{}
	for i, layer := range layers {
		for _, p := range layer {
			if _, twice := height[p]; twice {
				t.Errorf("package %s is in two layers", p)
			}
			height[p] = i
		}
	}
	for _, p := range packages(t) {
		if !p.ships() {
			continue // tests alone stand above everything
		}
		own, listed := height[p.folder]
		if !listed {
			t.Errorf("package %s is in no layer: give it its place in internal/arch/layers_test.go, which is the map of the code", p.folder)
			continue
		}
		for _, imported := range p.imports() {
			inner, ours := cutModule(imported)
			if !ours {
				continue
			}
			if other, ok := height[inner]; ok && other >= own {
				t.Errorf("%s imports %s, which is not below it: a change flows one way, and so do imports", p.folder, inner)
			}
		}
	}
}

func TestLayersAreReal(t *testing.T) {
	var found []string
	for _, p := range packages(t) {
		found = append(found, p.folder)
	}
	for _, layer := range layers {
		for _, name := range layer {
			if !slices.Contains(found, name) {
				t.Errorf("layer entry %s names no package: take it out, or the map lies", name)
			}
		}
	}
}

func TestArchitectureNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		for _, name := range layer {
			if name == "internal/arch" || folderOf(name, []string{"examples", "docs/tutorial", "bench"}) != "" {
				continue // told of in other words
			}
			if name == "." {
				name = "wakeful"
			}
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/architecture.md does not say what `%s` is for", name)
			}
		}
	}
}

func TestAdaptersImportTheContractOnly(t *testing.T) {
	for _, p := range packages(t) {
		adapter := folderOf(p.folder, adapters)
		if adapter == "" {
			continue
		}
		for _, imported := range p.imports() {
			inner, ours := cutModule(imported)
			if ours && inner != adapter && !strings.HasPrefix(inner, adapter+"/") && !slices.Contains(contract, inner) {
				t.Errorf("adapter %s imports %s: only the contract (%s), so that it can become a module of its own", p.folder, inner, strings.Join(contract, ", "))
			}
		}
	}
}

func TestOutsideImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, imported := range f.imports() {
				if _, ours := cutModule(imported); ours || standard(imported) {
					continue
				}
				checkOutside(t, p, f, imported)
			}
		}
	}
}

func checkOutside(t *testing.T, p *pkg, f *file, imported string) {
	t.Helper()
	if within(imported, testOnly) != "" {
		if !f.test && folderOf(p.folder, shipsTests) == "" {
			t.Errorf("%s imports %s, which is for tests: it would be in every user's binary", f.name, imported)
		}
		return
	}
	for name, rule := range outside {
		if within(imported, []string{name}) == "" {
			continue
		}
		if !f.test && folderOf(p.folder, rule.users) == "" {
			t.Errorf("%s imports %s, which is %s's alone (%s)", f.name, imported, strings.Join(rule.users, " and "), rule.why)
		}
		return
	}
	t.Errorf("%s imports %s: a dependency is a decision: list it in internal/arch/layers_test.go and write docs/decisions", f.name, imported)
}

func TestNoTestingInShippedCode(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			if f.test || folderOf(p.folder, shipsTests) != "" {
				continue
			}
			for _, imported := range f.imports() {
				if imported == "testing" || strings.HasPrefix(imported, "testing/") || imported == "net/http/httptest" {
					t.Errorf("%s imports %s: it puts flags and weight into every user's binary", f.name, imported)
				}
			}
		}
	}
}

// cutModule returns the folder of a package of ours.
func cutModule(imported string) (folder string, ours bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// within returns the one of the modules that the import path lies in, or "".
func within(imported string, modules []string) string {
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return m
		}
	}
	return ""
}

// folderOf returns the one of the folders that the folder lies in, or "".
func folderOf(folder string, folders []string) string {
	return within(path.Clean(folder), folders)
}
