package commands

import "time"

// poll asks until the answer is yes or the time is over, and tells which. What tests wait for happens in other processes, on their disks or in a
// cluster, and none of them tells when: there is nothing to wait on, so the sleep between two questions is here, and only here.
func poll(limit, pause time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(pause) {
		switch {
		case done():
			return true
		case time.Now().After(deadline):
			return false
		}
	}
}
