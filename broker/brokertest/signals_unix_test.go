//go:build unix

package brokertest_test

import (
	"errors"
	"syscall"
)

// pause is SIGSTOP, and returns when the last thread has stopped: until then they may still answer.
func (m *member) pause() {
	m.t.Helper()
	m.signal(syscall.SIGSTOP)
	m.paused = true
	for {
		switch _, err := syscall.Wait4(m.cmd.Process.Pid, nil, syscall.WUNTRACED, nil); {
		case err == nil:
			return
		case !errors.Is(err, syscall.EINTR):
			m.t.Fatalf("waiting for %s to stop: %v", m.name, err)
		}
	}
}

// resume is SIGCONT.
func (m *member) resume() { m.signal(syscall.SIGCONT); m.paused = false }

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}
