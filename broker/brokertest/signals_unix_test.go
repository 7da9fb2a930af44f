//go:build unix

package brokertest_test

import "syscall"

// pause is SIGSTOP.
func (m *member) pause() { m.signal(syscall.SIGSTOP); m.paused = true }

// resume is SIGCONT.
func (m *member) resume() { m.signal(syscall.SIGCONT); m.paused = false }

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}
