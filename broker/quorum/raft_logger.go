package quorum

import (
	"fmt"
	"log/slog"

	"go.etcd.io/raft/v3"
)

// raftLogger sends the raft core's own lines, which are about its inner life, to the debug level; warnings and errors keep theirs.
type raftLogger struct{ to *slog.Logger }

var _ raft.Logger = raftLogger{}

func (l raftLogger) line(level slog.Level, text string) {
	if l.to.Enabled(nil, level) { //nolint:staticcheck // slog accepts a nil context
		l.to.Log(nil, level, "raft", "event", text) //nolint:staticcheck // likewise
	}
}

func (l raftLogger) Debug(...any)          {}
func (l raftLogger) Debugf(string, ...any) {}
func (l raftLogger) Info(v ...any)         { l.line(slog.LevelDebug, fmt.Sprint(v...)) }
func (l raftLogger) Infof(format string, v ...any) {
	l.line(slog.LevelDebug, fmt.Sprintf(format, v...))
}
func (l raftLogger) Warning(v ...any) { l.line(slog.LevelWarn, fmt.Sprint(v...)) }
func (l raftLogger) Warningf(format string, v ...any) {
	l.line(slog.LevelWarn, fmt.Sprintf(format, v...))
}
func (l raftLogger) Error(v ...any) { l.line(slog.LevelError, fmt.Sprint(v...)) }
func (l raftLogger) Errorf(format string, v ...any) {
	l.line(slog.LevelError, fmt.Sprintf(format, v...))
}

// The raft core panics, and asks to be ended, where its own invariants are broken: a voter that forgot what it acknowledged, for example.
// Replica turns the panic into its failure.
func (l raftLogger) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l raftLogger) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (l raftLogger) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l raftLogger) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
