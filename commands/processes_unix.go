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
		return true
	}
	return strings.HasPrefix(filepath.Base(exe), "kgo") || filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == filepath.Base(own)
}
