package pgtest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// programs are PostgreSQL's, of one version.
type programs struct {
	folder  string
	version string   // as postgres says it
	major   int      // of the version
	env     []string // to run them with
}

// needed are the programs that a folder must have.
var needed = []string{"postgres", "initdb", "pg_basebackup"}

// find looks for programs once per test binary.
var find = sync.OnceValues(func() (programs, error) {
	var tried []string
	for _, folder := range folders() {
		p, err := inFolder(folder)
		if err == nil {
			return p, nil
		}
		tried = append(tried, err.Error())
	}
	return programs{}, fmt.Errorf("no PostgreSQL server: scripts/setup.sh fetches one, WAKEFUL_POSTGRES names the folder of its programs; tried: %s", strings.Join(tried, "; "))
})

// folders are where programs may be, best first.
func folders() []string {
	if chosen := os.Getenv("WAKEFUL_POSTGRES"); chosen != "" {
		return []string{chosen}
	}
	var all []string
	if found, err := exec.LookPath("postgres"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil {
			all = append(all, filepath.Dir(found))
		}
	}
	all = append(all, newest("/usr/lib/postgresql")...)
	if cache := cacheFolder(); cache != "" {
		all = append(all, newest(filepath.Join(cache, "root/usr/lib/postgresql"))...)
	}
	if len(all) == 0 {
		all = append(all, "/usr/lib/postgresql/*/bin")
	}
	return all
}

// newest lists the bin folders of Debian's layout, the newest version first.
func newest(root string) []string {
	all, _ := filepath.Glob(filepath.Join(root, "*", "bin"))
	number := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	return all
}

// cacheFolder is .cache of the repository that the test is of, or "". The
// repository holds modules within its own.
func cacheFolder() (found string) {
	folder, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			found = filepath.Join(folder, ".cache")
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			break
		}
		folder = parent
	}
	return found
}

func inFolder(folder string) (programs, error) {
	for _, name := range needed {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return programs{}, fmt.Errorf("%s: no %s", folder, name)
		}
	}
	p := programs{folder: folder, env: environment(folder)}
	said, err := p.command("postgres", "--version").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return programs{}, fmt.Errorf("%s/postgres --version: %w", folder, err)
	}
	p.version = strings.TrimSpace(string(said))
	_, number, _ := strings.Cut(p.version, ") ")
	digits := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(number)
	}
	if p.major, err = strconv.Atoi(number[:digits]); err != nil {
		return programs{}, fmt.Errorf("%s is of no version that can be read: %q", folder, p.version)
	}
	return p, nil
}

// environment is what the programs see: nothing of the tester's settings, and
// the libraries that scripts/setup.sh unpacked beside them.
func environment(folder string) []string {
	env := []string{"PATH=" + folder + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	root, _, unpacked := strings.Cut(folder, "/usr/lib/postgresql/")
	if !unpacked || root == "" {
		return env
	}
	var libraries []string
	for _, pattern := range []string{"/usr/lib/*-linux-*", "/lib/*-linux-*"} {
		found, _ := filepath.Glob(root + pattern)
		libraries = append(libraries, found...)
	}
	return append(env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
}

// command runs a program, as the user that servers run as.
func (p programs) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.folder, name), args...)
	cmd.Env, cmd.Dir = p.env, "/"
	asServer(cmd)
	return cmd
}
