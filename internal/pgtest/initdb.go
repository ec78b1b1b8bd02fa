package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// create makes a data folder: a copy of one that .cache has of this version and
// these programs, else by initdb, which takes a second.
func (p programs) create(folder string) error {
	kept := ""
	if cache := cacheFolder(); cache != "" {
		kept = filepath.Join(cache, "pgtest", strings.NewReplacer("/", "_", " ", "_").Replace(p.version+" "+recipe))
		if _, err := os.Stat(kept); err == nil {
			return copyFolder(kept, folder, owner())
		}
	}
	if err := p.initdb(folder); err != nil {
		return err
	}
	if kept != "" {
		store(folder, kept) // the next one is slower for it, no more
	}
	return nil
}

// recipe names the options of initdb: another one, another folder in .cache.
const recipe = "1"

func (p programs) initdb(folder string) error {
	options := []string{"-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}
	if p.major >= 15 {
		people := append(options, "--locale-provider=icu", "--icu-locale=en-US")
		if _, err := p.command("initdb", people...).CombinedOutput(); err == nil {
			return nil
		} // built without ICU
		os.RemoveAll(folder)
	}
	if said, err := p.command("initdb", options...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, said)
	}
	return nil
}

// store puts a fresh data folder where the next test binary finds it, whole or
// not at all: others do the same at the same time.
func store(folder, kept string) {
	if os.MkdirAll(filepath.Dir(kept), 0o755) != nil {
		return
	}
	part, err := os.MkdirTemp(filepath.Dir(kept), "part-")
	if err != nil {
		return
	}
	defer os.RemoveAll(part)
	if copyFolder(folder, filepath.Join(part, "data"), "") == nil {
		os.Rename(filepath.Join(part, "data"), kept) // fails where another was first
	}
}

func copyFolder(from, to, owner string) error {
	if said, err := exec.Command("cp", "-R", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp -R %s %s: %w: %s", from, to, err, said)
	}
	if owner != "" {
		if said, err := exec.Command("chown", "-R", owner, to).CombinedOutput(); err != nil {
			return fmt.Errorf("chown -R %s %s: %w: %s", owner, to, err, said)
		}
	}
	return os.Chmod(to, 0o700)
}
