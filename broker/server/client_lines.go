package server

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// clientAttr is the attribute of log lines that a client brings about: its address.
const clientAttr = "client"

// Of what one host causes under one message, the log has so many lines in full in an interval, and then how many more there were: nobody is to fill
// the disk by sending nonsense. Debugging shows them all.
const (
	clientLinesInFull   = 5
	clientLinesInterval = time.Minute
	// maxClientLines bounds how many hosts and messages are counted at a time. What is beyond shares one count.
	maxClientLines = 1000
)

// clientLines counts the lines that clients bring about.
type clientLines struct {
	mu     sync.Mutex
	counts map[clientLine]*clientCount
}

type clientLine struct{ message, host string }

type clientCount struct {
	lines   int
	dropped int
}

// handle passes a line on unless its client has caused enough of its kind.
func (c *clientLines) handle(ctx context.Context, next slog.Handler, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return next.Handle(ctx, r)
	}
	host, ok := hostIn(r)
	if !ok {
		return next.Handle(ctx, r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := clientLine{r.Message, host}
	count := c.counts[key]
	if count == nil && len(c.counts) >= maxClientLines {
		key.host = "others"
		count = c.counts[key]
	}
	if count == nil {
		if c.counts == nil {
			c.counts = make(map[clientLine]*clientCount)
		}
		count = new(clientCount)
		c.counts[key] = count
		time.AfterFunc(clientLinesInterval, func() { c.sumUp(next, r.Level, key) }) //nolint:contextcheck // it comes long after the line
	}
	count.lines++
	if count.lines > clientLinesInFull {
		count.dropped++
		return nil
	}
	return next.Handle(ctx, r) //nolint:wrapcheck // it is a handler itself
}

// sumUp ends an interval: what was left out is a line.
func (c *clientLines) sumUp(next slog.Handler, level slog.Level, key clientLine) {
	c.mu.Lock()
	dropped := c.counts[key].dropped
	delete(c.counts, key)
	c.mu.Unlock()
	if dropped == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), level, key.message, 0)
	r.AddAttrs(slog.String(clientAttr, key.host), slog.Int("more_lines_left_out", dropped), slog.Duration("within", clientLinesInterval))
	_ = next.Handle(context.Background(), r)
}

// hostIn is the host in a line's address of a client.
func hostIn(r slog.Record) (host string, ok bool) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != clientAttr {
			return true
		}
		host, ok = a.Value.String(), true
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		return false
	})
	return host, ok
}
