package typescript_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/typescript"
)

func generated(t *testing.T) []byte {
	t.Helper()
	document, err := os.ReadFile("testdata/board.json")
	if err != nil {
		t.Fatal(err)
	}
	types, err := typescript.Types(document)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// TestTypes: what is written is what a person has looked at.
func TestTypes(t *testing.T) {
	want, err := os.ReadFile("testdata/board.ts")
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // the same each time
		if got := generated(t); string(got) != string(want) {
			t.Fatalf("board.json gives other types than testdata/board.ts:\n%s", got)
		}
	}
}

// TestCompiles holds what is written against uses that must compile, and uses
// that must not.
func TestCompiles(t *testing.T) {
	tsc, err := filepath.Abs("../../client/node_modules/.bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tsc); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI has no TypeScript: scripts/setup.sh installs it")
		}
		t.Skip("no TypeScript in client/node_modules: scripts/setup.sh installs it")
	}
	folder := t.TempDir()
	uses, err := os.ReadFile("testdata/board.types.ts")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"board.ts": generated(t), "board.types.ts": uses, "package.json": []byte(`{"type":"module"}`),
		"tsconfig.json": []byte(`{"compilerOptions":{"target":"ES2022","module":"NodeNext","lib":["ES2022"],"types":[],"strict":true,
			"noUncheckedIndexedAccess":true,"exactOptionalPropertyTypes":true,"verbatimModuleSyntax":true,"isolatedModules":true,"noEmit":true}}`),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	compile := func() ([]byte, error) {
		command := exec.Command(tsc, "-p", folder)
		return command.CombinedOutput()
	}
	if said, err := compile(); err != nil {
		t.Fatalf("it does not compile: %s", said)
	}
	wrong := strings.Replace(string(uses), "// @ts-expect-error no such filter\n", "", 1)
	if err := os.WriteFile(filepath.Join(folder, "board.types.ts"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := compile(); err == nil || !strings.Contains(string(said), "autor") {
		t.Errorf("a wrong filter compiles: %s", said)
	}
}

func TestNoDocument(t *testing.T) {
	for document, says := range map[string]string{
		"":                               "no OpenAPI document",
		"<!doctype html><p>Hello":        "HTML",
		"[]":                             "no OpenAPI document",
		`{"swagger":"2.0"}`:              "no OpenAPI 3 document",
		`{"openapi":"3.1.0","paths":{}}`: "no list that can be observed",
		`{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"name":"observe","in":"query"}]}}}}`: "no list that can be observed",
	} {
		if types, err := typescript.Types([]byte(document)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q\n%s", document, err, says, types)
		}
	}
}

// FuzzTypes: no document does harm, and types are written of it
// or it is refused.
func FuzzTypes(f *testing.F) {
	seed, err := os.ReadFile("testdata/board.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add(`{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"name":"observe","in":"query"}],"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/a"}}}}}}}},"components":{"schemas":{"a":{"anyOf":[{"$ref":"#/components/schemas/a"}]}}}}`)
	f.Add(`{"openapi":"3.1.0","paths":{"/{":{"get":{"parameters":[{"name":"observe","in":"query"},null,{"name":"a'\\","in":"query","schema":{"enum":[null,1,"'"]}}],"responses":{"200":{"content":{"application/json":{"schema":null}}}}}}},"components":{"schemas":{"a":null}}}`)
	f.Fuzz(func(t *testing.T, document string) {
		types, err := typescript.Types([]byte(document))
		if err == nil && (len(types) == 0 || types[len(types)-1] != '\n') {
			t.Errorf("it writes %q", types)
		}
	})
}
