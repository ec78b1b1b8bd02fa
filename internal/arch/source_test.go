package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// pkg is one folder with Go files.
type pkg struct {
	folder string // from the root of the repository, "." for the root
	files  []*file
}

// file is one parsed Go file, of any system and build tag.
type file struct {
	name  string // from the root of the repository
	test  bool   // _test.go
	lines int
	set   *token.FileSet
	tree  *ast.File
}

func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.tree.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// imports lists what the shipped files of the package import, each once.
func (p *pkg) imports() []string {
	var paths []string
	for _, f := range p.files {
		if !f.test {
			paths = append(paths, f.imports()...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// ships reports whether the package has files beside its tests.
func (p *pkg) ships() bool {
	return slices.ContainsFunc(p.files, func(f *file) bool { return !f.test })
}

func (f *file) line(at token.Pos) int { return f.set.Position(at).Line }

var read = sync.OnceValues(func() ([]*pkg, error) {
	byFolder := map[string]*pkg{}
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (ignored(entry.Name()) || ownModule(tree, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parse(tree, name)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		if byFolder[folder] == nil {
			byFolder[folder] = &pkg{folder: folder}
		}
		byFolder[folder].files = append(byFolder[folder].files, f)
		return nil
	})
	var all []*pkg
	for _, p := range byFolder {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.folder, b.folder) })
	return all, err
})

// ownModule reports a folder that holds another module than ours.
func ownModule(tree fs.FS, folder string) bool {
	_, err := fs.Stat(tree, path.Join(folder, "go.mod"))
	return err == nil
}

func ignored(folder string) bool {
	return strings.HasPrefix(folder, ".") || folder == "testdata" || folder == "node_modules"
}

func parse(tree fs.FS, name string) (*file, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &file{
		name:  name,
		test:  strings.HasSuffix(name, "_test.go"),
		lines: strings.Count(string(text), "\n"),
		set:   set,
		tree:  parsed,
	}, nil
}

// packages returns every package of the repository, sorted by folder.
func packages(t *testing.T) []*pkg {
	t.Helper()
	all, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
