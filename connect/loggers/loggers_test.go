package loggers

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLevelsAreInheritedAndChanged(t *testing.T) {
	var out bytes.Buffer
	l := New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.Level(-100)}), slog.LevelInfo)
	rest, source := l.Logger(Rest), l.Logger(Source).With("task", 0)
	l.Logger(Connect)
	source.Debug("one")
	if changed, ok := l.Set(Source, "debug", time.UnixMilli(7)); !ok || !slices.Equal(changed, []string{Source}) {
		t.Fatalf("changed %v, %t", changed, ok)
	}
	source.Debug("two")
	rest.Debug("three")
	if got, ok := l.Get(Source); !ok || got.Level != "DEBUG" || *got.LastModified != 7 {
		t.Errorf("level %v, %t", got, ok)
	}
	if got, _ := l.Get(Rest); got.Level != "INFO" || got.LastModified != nil {
		t.Errorf("level of another logger %v", got)
	}
	if changed, _ := l.Set(Connect, "ERROR", time.UnixMilli(8)); !slices.Equal(changed, []string{Connect, Source, Rest}) {
		t.Errorf("changed %v", changed)
	}
	source.Warn("four")
	if _, ok := l.Set(Root, "LOUD", time.UnixMilli(9)); ok {
		t.Error("a level that there is not was set")
	}
	if got := out.String(); !strings.Contains(got, "two") || strings.Contains(got, "one") || strings.Contains(got, "three") || strings.Contains(got, "four") {
		t.Errorf("logged:\n%s", got)
	}
	if _, ok := l.Get("nobody"); ok {
		t.Error("a logger that there is not has a level")
	}
}
