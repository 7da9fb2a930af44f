package brokertest_test

// pause has nothing to be done with here: Windows has no SIGSTOP.
func (m *member) pause() { m.t.Skip("a process can't be stopped and continued on Windows") }

func (m *member) resume() { m.pause() }
