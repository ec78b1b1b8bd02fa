//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// serverUser is the user that servers run as: nil is the one that runs the
// test, which is right for everybody but root.
var serverUser = sync.OnceValues(func() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
})

// possible says why no server can be started here, if none can.
func possible() error {
	_, err := serverUser()
	return err
}

// asServer makes the command run as the server's user, in a session of its own:
// what a terminal sends to the test does not reach it.
func asServer(cmd *exec.Cmd) {
	credential, _ := serverUser()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
}

// give makes the folder the server's.
func give(folder string) error {
	credential, err := serverUser()
	if err != nil || credential == nil {
		return err
	}
	return os.Chown(folder, int(credential.Uid), int(credential.Gid))
}

// owner is the server's user as chown takes it, or "".
func owner() string {
	credential, _ := serverUser()
	if credential == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", credential.Uid, credential.Gid)
}

// reachable reports whether the server's user can get into the folder.
func reachable(folder string) bool {
	cmd := exec.Command("/bin/sh", "-c", `cd "$1"`, "sh", folder)
	cmd.Dir = "/"
	asServer(cmd)
	return cmd.Run() == nil
}

// ended reports whether a child has ended.
func ended(child *os.Process) bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(child.Pid, &status, syscall.WNOHANG, nil)
	return err != nil && !errors.Is(err, syscall.EINTR) || pid == child.Pid
}

func quickStop(child *os.Process) error { return child.Signal(syscall.SIGINT) }

// kill ends a server and every process of it at once, as a power failure does.
func kill(child *os.Process) error {
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", child.Pid))
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return child.Kill()
}
