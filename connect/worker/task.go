package worker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/kgo-project/kgo/connect"
)

// Task is a running task.
type Task struct {
	ID     ID
	Config connect.Config // as it was given, with references to config providers

	settings connect.Config // with what those give; set before the task runs
	log      *slog.Logger
	cancel   context.CancelFunc
	done     chan struct{}
	wake     chan struct{} // tells that paused has changed

	// mu guards what follows. Never held while anything is waited for.
	mu struct {
		sync.Mutex
		state  State
		trace  string
		paused bool
	}
	topicsMu sync.Mutex
	topics   map[string]bool // guarded by topicsMu
}

// Status returns the state and, of a failed task, what happened.
func (t *Task) Status() (state State, trace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.state, t.mu.trace
}

// SetPaused pauses or resumes the task.
func (t *Task) SetPaused(paused bool) {
	t.mu.Lock()
	t.mu.paused = paused
	if t.mu.state != Failed {
		t.mu.state = Running
		if paused {
			t.mu.state = Paused
		}
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Stop ends the task and waits until it has ended.
func (t *Task) Stop() {
	t.cancel()
	<-t.done
}

// Topics returns the topics the task has used.
func (t *Task) Topics() []string {
	t.topicsMu.Lock()
	defer t.topicsMu.Unlock()
	var out []string
	for name := range t.topics {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// ResetTopics forgets which topics the task has used.
func (t *Task) ResetTopics() {
	t.topicsMu.Lock()
	defer t.topicsMu.Unlock()
	clear(t.topics)
}

func (t *Task) used(topic string) {
	t.topicsMu.Lock()
	defer t.topicsMu.Unlock()
	t.topics[topic] = true
}

// whilePaused returns when the task is to run; false means that ctx has ended.
func (t *Task) whilePaused(ctx context.Context) bool {
	for ctx.Err() == nil {
		t.mu.Lock()
		paused := t.mu.paused
		t.mu.Unlock()
		if !paused {
			return true
		}
		select {
		case <-ctx.Done():
		case <-t.wake:
		}
	}
	return false
}

func (t *Task) isPaused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.paused
}

func (t *Task) fail(err error) {
	t.mu.Lock()
	t.mu.state, t.mu.trace = Failed, Trace(err)
	t.mu.Unlock()
	t.log.Error("Task threw an uncaught and unrecoverable exception. Task is being killed and will not recover until manually restarted", "error", err)
}

// Trace writes an error and its causes as the REST API's trace: one line each, with the Java class that stands for it.
func Trace(err error) string {
	var b strings.Builder
	for err != nil {
		if b.Len() > 0 {
			b.WriteString("Caused by: ")
		}
		if data, ok := err.(*connect.DataError); ok { //nolint:errorlint // this link of the chain alone
			b.WriteString(data.Class + ": " + data.Text + "\n")
			err = data.Cause
			continue
		}
		b.WriteString(connect.ErrorClass(err) + ": " + err.Error() + "\n")
		break
	}
	return b.String()
}
