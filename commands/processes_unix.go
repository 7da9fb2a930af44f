//go:build unix

package commands

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// detached starts a process in a session of its own, so that it outlives the terminal.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

// isKgo reports whether a process lives and, where the system tells, is a kgo: ids are used again.
func isKgo(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	own, ownErr := os.Executable()
	if err != nil || ownErr != nil {
		_, procErr := os.Stat("/proc/self/exe")
		return procErr != nil // where there is a /proc, a process that can't be read there isn't ours
	}
	return strings.HasPrefix(filepath.Base(exe), "kgo") || filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == filepath.Base(own)
}

func killProcess(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// suspendProcess stops a process in its tracks, or lets it go on.
func suspendProcess(pid int, stop bool) error {
	if stop {
		return syscall.Kill(pid, syscall.SIGSTOP)
	}
	return syscall.Kill(pid, syscall.SIGCONT)
}

// processState is the system's letter for what a process does: T stopped, Z dead but not forgotten; 0 where the system doesn't tell.
func processState(pid int) byte {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, after, ok := strings.Cut(string(raw), ") ")
	if !ok || after == "" {
		return 0
	}
	return after[0]
}
