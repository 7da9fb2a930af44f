package client

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestHintsComeLateAndAreTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		d := newDialer([]string{"a:1"}, nil, time.Minute)
		(&Client{dialer: d}).OnWait(func(text string) { told = append(told, text) })
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			d.hint.mu.Lock()
			defer d.hint.mu.Unlock()
			if !slices.Equal(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
			told = nil
		}
		d.awaits("a:1", stepConnect)
		time.Sleep(hintAfter - time.Millisecond)
		d.awaits("a:1", stepAnswer) // it went on in time
		time.Sleep(hintAfter - time.Millisecond)
		expect()
		time.Sleep(time.Second)
		expect("waiting for an answer of a:1")
		d.awaits("a:1", "")
		time.Sleep(time.Minute)
		expect("")
		d.awaits("b:2", stepTLS)
		time.Sleep(time.Second)
		d.missing(&UnreachableError{Address: "b:2", Step: stepTLS})
		expect("waiting for the TLS handshake with b:2", "")
		d.awaits("a:1", stepConnect)
		d.awaits("b:2", stepConnect)
		time.Sleep(time.Second)
		d.hint.update(nil)
		expect("waiting for a connection to b:2 (a broker that starts needs a moment)", "")
		(&Client{dialer: d}).OnWait(nil)
		d.awaits("a:1", stepSASL)
		time.Sleep(time.Second)
		expect()
	})
}
