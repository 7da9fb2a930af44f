package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Log levels that slog has no name for.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
	levelUnset = slog.Level(-1 << 16)
)

var levelNames = map[string]slog.Level{
	"TRACE": levelTrace, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": levelFatal,
}

// RootLogger is the logger whose level the others have unless they were given their own.
const RootLogger = "root"

// Loggers makes the broker's named loggers and lets their levels be changed while it runs (KIP-412). The names are the parts of Apache
// Kafka they correspond to.
type Loggers struct {
	base    slog.Handler
	clients clientLines

	mu     sync.Mutex
	levels map[string]*atomic.Int64 // levelUnset: the root logger's
}

// NewLoggers makes the registry; base is asked for nothing below the levels set here.
func NewLoggers(base slog.Handler, level slog.Level) *Loggers {
	l := &Loggers{base: base, levels: make(map[string]*atomic.Int64)}
	l.level(RootLogger).Store(int64(level))
	return l
}

// level returns the cell of a logger's level, made on first use.
func (l *Loggers) level(name string) *atomic.Int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	cell := l.levels[name]
	if cell == nil {
		cell = new(atomic.Int64)
		cell.Store(int64(levelUnset))
		l.levels[name] = cell
	}
	return cell
}

// Logger returns the logger of that name.
func (l *Loggers) Logger(name string) *slog.Logger {
	h := &leveledHandler{own: l.level(name), root: l.level(RootLogger), next: l.base, clients: &l.clients}
	if name == RootLogger {
		return slog.New(h)
	}
	return slog.New(h).With("logger", name)
}

// Levels are the loggers by name and the levels in force.
func (l *Loggers) Levels() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]string, len(l.levels))
	for name, cell := range l.levels {
		level := slog.Level(cell.Load())
		if level == levelUnset {
			level = slog.Level(l.levels[RootLogger].Load())
		}
		for text, v := range levelNames {
			if v == level {
				out[name] = text
			}
		}
	}
	return out
}

// Set changes a logger's level; "" takes its own away.
func (l *Loggers) Set(name, level string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cell := l.levels[name]
	if cell == nil {
		return fmt.Errorf("no logger %q; there are %v", name, slices.Sorted(maps.Keys(l.levels)))
	}
	v, ok := levelNames[level]
	switch {
	case level == "" && name != RootLogger:
		v = levelUnset
	case !ok:
		return fmt.Errorf("no log level %q; there are %v", level, slices.Sorted(maps.Keys(levelNames)))
	}
	cell.Store(int64(v))
	return nil
}

// leveledHandler drops what is below a level that may change at any time.
type leveledHandler struct {
	own, root *atomic.Int64
	next      slog.Handler
	clients   *clientLines
}

func (h *leveledHandler) Enabled(_ context.Context, level slog.Level) bool {
	limit := slog.Level(h.own.Load())
	if limit == levelUnset {
		limit = slog.Level(h.root.Load())
	}
	return level >= limit
}

func (h *leveledHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.clients.handle(ctx, h.next, r)
}

func (h *leveledHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &leveledHandler{h.own, h.root, h.next.WithAttrs(attrs), h.clients}
}

func (h *leveledHandler) WithGroup(name string) slog.Handler {
	return &leveledHandler{h.own, h.root, h.next.WithGroup(name), h.clients}
}

// ParseLevel reads a level's name, as Apache Kafka's log configuration has it.
func ParseLevel(name string) (slog.Level, bool) {
	level, ok := levelNames[name]
	return level, ok
}
