package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// keep waits for the end of its input, which is the end of the test binary
// whatever ended it, then ends every server and takes their folder away.
const keep = `
trap '' HUP INT TERM
while read -r _; do :; done
pids=
for file in "$1"/*/postmaster.pid; do
	[ -e "$file" ] && read -r pid <"$file" && kill -QUIT "$pid" && pids="$pids $pid"
done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	ls "$1"/*/postmaster.pid || break
	sleep 0.2
done
! ls "$1"/*/postmaster.pid || kill -KILL $pids
for _ in 1 2 3 4 5; do
	rm -rf "$1" && break
	sleep 1
done
`

// kept is the folder of all servers of a test binary.
type kept struct {
	folder string
	leash  *os.File // open for as long as the binary runs
}

// home makes the folder, with one who cleans up behind the binary.
var home = sync.OnceValues(func() (kept, error) {
	folder, err := reachableFolder()
	if err != nil {
		return kept{}, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return kept{}, err
	}
	cmd := exec.Command("/bin/sh", "-c", keep, "sh", folder)
	cmd.Stdin, cmd.Dir = read, "/"
	asServer(cmd)
	if err := cmd.Start(); err != nil {
		return kept{}, fmt.Errorf("%s could not be kept: %w", folder, err)
	}
	return kept{folder, write}, read.Close()
})

// reachableFolder makes a folder of the server's user, where that gets to it.
func reachableFolder() (string, error) {
	folder, err := os.MkdirTemp("", "wakeful-pg-")
	if err != nil {
		return "", err
	}
	if err = give(folder); err == nil && !reachable(folder) {
		if err = os.Remove(folder); err == nil {
			folder, err = os.MkdirTemp("/tmp", "wakeful-pg-")
		}
		if err == nil {
			err = give(folder)
		}
	}
	return folder, err
}

// newFolder returns the path of a folder for a server, which does not exist.
func newFolder() (string, error) {
	root, err := home()
	if err != nil {
		return "", err
	}
	return filepath.Join(root.folder, fmt.Sprint(servers.Add(1))), nil
}

// servers counts those that were started.
var servers atomic.Int64
