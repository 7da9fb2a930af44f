package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer may be read while timers write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// A client's nonsense is in the log some times in full, and then as a count; other clients, other messages and all lines of nobody's are not touched.
func TestClientsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		loggers := NewLoggers(slog.NewTextHandler(&out, nil), slog.LevelInfo)
		log := loggers.Logger("kafka.network")
		for i := range 100 {
			log.Warn("nonsense", "client", fmt.Sprintf("10.0.0.1:%d", 1000+i))
			log.Info("state changed", "partition", i)
		}
		log.Warn("nonsense", "client", "10.0.0.2:1")
		loggers.Logger("kafka.request").Warn("other nonsense", "client", "10.0.0.1:7")
		count := func(what string) int { return strings.Count(out.String(), what) }
		if n := count("msg=nonsense"); n != clientLinesInFull+1 {
			t.Errorf("%d lines of two clients' nonsense", n)
		}
		if count("state changed") != 100 || count("other nonsense") != 1 {
			t.Errorf("lines are missing:\n%s", out.String())
		}
		out.Reset()
		time.Sleep(clientLinesInterval + time.Second)
		synctest.Wait()
		if got := out.String(); count("more_lines_left_out=95") != 1 || count("client=10.0.0.1") != 1 || count("\n") != 1 || !strings.Contains(got, "logger=kafka.network") {
			t.Errorf("the sum:\n%s", got)
		}
		out.Reset()
		log.Warn("nonsense", "client", "10.0.0.1:1")
		if count("nonsense") != 1 {
			t.Error("a new interval begins with nothing")
		}
		for i := range 3 * maxClientLines {
			log.Warn("nonsense", "client", fmt.Sprintf("10.1.%d.%d:1", i/250, i%250))
		}
		if n := count("nonsense"); n > maxClientLines+clientLinesInFull+1 {
			t.Errorf("%d lines of many clients", n)
		}
		time.Sleep(clientLinesInterval + time.Second)
		synctest.Wait()
	})
}
