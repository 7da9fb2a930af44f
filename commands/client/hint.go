package client

import (
	"sync"
	"time"
)

// hintAfter is how long a step towards the cluster may take before a person is told what the command waits for.
const hintAfter = 400 * time.Millisecond

// hint tells a person what the client waits for, where that takes longer than a moment, and takes it back before anything else is printed.
type hint struct {
	mu    sync.Mutex
	tell  func(text string) // empty: nothing is waited for any more; nil: nobody wants to know
	timer *time.Timer
	shown bool
}

// OnWait has tell called with what the client waits for when a step towards the cluster takes long, and with an empty text when it does not
// wait any more. Calls come one at a time.
func (c *Client) OnWait(tell func(text string)) {
	h := &c.dialer.hint
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell = tell
}

// update follows what is waited for; the latest is the one to name.
func (h *hint) update(list []waiting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	if h.shown && h.tell != nil {
		h.tell("")
	}
	h.shown = false
	if h.tell == nil || len(list) == 0 {
		return
	}
	text := list[len(list)-1].text()
	var own *time.Timer
	own = time.AfterFunc(hintAfter, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer == own { // or it has just been stopped
			h.shown = true
			h.tell(text)
		}
	})
	h.timer = own
}

// text says what is waited for.
func (w waiting) text() string {
	switch w.step {
	case stepTLS:
		return "waiting for the TLS handshake with " + w.address
	case stepSASL:
		return "waiting for " + w.address + " to authenticate this client"
	case stepAnswer:
		return "waiting for an answer of " + w.address
	}
	return "waiting for a connection to " + w.address + " (a broker that starts needs a moment)"
}
