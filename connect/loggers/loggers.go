// Package loggers has the worker's loggers, whose levels can be changed while it runs (the REST API's /admin/loggers).
//
// [New] makes the tree over one slog.Handler; [Levels.Logger] is a logger with a name. Names are Java's, with dots between
// the parts, and a logger without a level of its own has its parent's, up to "root".
package loggers

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Root is the name of the logger that all others inherit from.
const Root = "root"

// The names of the worker's loggers.
const (
	Connect = "org.apache.kafka.connect"
	Rest    = "org.apache.kafka.connect.runtime.rest"
	Herder  = "org.apache.kafka.connect.runtime.standalone.StandaloneHerder"
	Source  = "org.apache.kafka.connect.runtime.WorkerSourceTask"
	Sink    = "org.apache.kafka.connect.runtime.WorkerSinkTask"
)

// LogLevel is a logger's level as the REST API shows it.
type LogLevel struct {
	Level        string `json:"level"`
	LastModified *int64 `json:"last_modified"` // milliseconds since 1970; nil: never
}

// Levels are the levels of a worker's loggers.
type Levels struct {
	out slog.Handler

	mu      sync.RWMutex // guards entries and names
	entries map[string]entry
	names   map[string]bool
}

type entry struct {
	level    slog.Level
	modified *int64
}

// New makes the loggers of a worker; what they let through goes to out, whatever level that has itself.
func New(out slog.Handler, root slog.Level) *Levels {
	return &Levels{out: out, entries: map[string]entry{Root: {level: root}}, names: map[string]bool{Root: true}}
}

// Logger returns a logger by its name.
func (l *Levels) Logger(name string) *slog.Logger {
	l.mu.Lock()
	l.names[name] = true
	l.mu.Unlock()
	return slog.New(&handler{levels: l, name: name, out: l.out})
}

// effective finds the entry that a logger's level comes from. REQUIRES: l.mu.
func (l *Levels) effective(name string) entry {
	for {
		if e, ok := l.entries[name]; ok {
			return e
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return l.entries[Root]
		}
		name = name[:i]
	}
}

// fatal and trace are levels that slog has no name for; off is above all.
const (
	trace = slog.LevelDebug - 4
	fatal = slog.LevelError + 4
	off   = slog.LevelError + 100
)

type namedLevel struct {
	name  string
	level slog.Level
}

var levelNames = []namedLevel{{"TRACE", trace}, {"DEBUG", slog.LevelDebug}, {"INFO", slog.LevelInfo}, {"WARN", slog.LevelWarn}, {"ERROR", slog.LevelError}, {"FATAL", fatal}, {"OFF", off}}

func levelName(level slog.Level) string {
	for _, n := range slices.Backward(levelNames) {
		if level >= n.level {
			return n.name
		}
	}
	return "TRACE"
}

// All returns the level of each logger.
func (l *Levels) All() map[string]LogLevel {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make(map[string]LogLevel, len(l.names))
	for name := range l.names {
		e := l.effective(name)
		out[name] = LogLevel{levelName(e.level), e.modified}
	}
	return out
}

// Get returns the level of a logger; ok is false if there is none of that name.
func (l *Levels) Get(name string) (level LogLevel, ok bool) {
	level, ok = l.All()[name]
	return level, ok
}

// Set changes the level of a logger and of those below it, and returns their names; ok is false if there is no such level.
func (l *Levels) Set(name, level string, now time.Time) (changed []string, ok bool) {
	at := slices.IndexFunc(levelNames, func(n namedLevel) bool { return strings.EqualFold(n.name, level) })
	if at < 0 {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = true
	for _, one := range slices.Sorted(maps.Keys(l.names)) {
		if name == Root || one == name || strings.HasPrefix(one, name+".") {
			l.entries[one] = entry{levelNames[at].level, new(now.UnixMilli())}
			changed = append(changed, one)
		}
	}
	return changed, true
}

// handler asks for its logger's level each time.
type handler struct {
	levels *Levels
	name   string
	out    slog.Handler
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	h.levels.mu.RLock()
	defer h.levels.mu.RUnlock()
	return level >= h.levels.effective(h.name).level
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error { return h.out.Handle(ctx, r) }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.levels, h.name, h.out.WithAttrs(attrs)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.levels, h.name, h.out.WithGroup(name)}
}
