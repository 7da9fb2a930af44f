package commands

import (
	"errors"
	"os"
	"syscall"
)

// detached starts a process without this console, so that it outlives it.
func detached() *syscall.SysProcAttr {
	const createNewProcessGroup, detachedProcess = 0x200, 0x8
	return &syscall.SysProcAttr{CreationFlags: createNewProcessGroup | detachedProcess}
}

// terminate ends a process; Windows has no polite way to ask one that has no console.
func terminate(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func isKgo(pid int) bool {
	_, err := os.FindProcess(pid) // opens the process: fails where there is none
	return err == nil
}

func killProcess(pid int) error { return terminate(pid) }

func suspendProcess(int, bool) error { return errors.New("Windows can't pause a process") }

func processState(int) byte { return 0 }
