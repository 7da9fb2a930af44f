package file

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/connect"
)

type testContext struct{ offset map[string]any }

func (c testContext) Offset(map[string]any) (map[string]any, error) { return c.offset, nil }
func (testContext) Logger() *slog.Logger                            { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, offset map[string]any, config connect.Config) *source {
	t.Helper()
	s := &source{}
	if err := s.Start(testContext{offset}, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func poll(t *testing.T, s *source) (lines []string, position any) {
	t.Helper()
	records, err := s.Poll(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		lines = append(lines, r.Value.Data.(string))
		position = r.SourceOffset["position"]
	}
	return lines, position
}

func TestLinesEndAsInJava(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err = f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, nil, connect.Config{"file": path, "topic": "t"})
	if lines, _ := poll(t, s); lines != nil {
		t.Fatalf("lines %q of a missing file", lines)
	}
	write("a\nb\r\nc\rd\n\nhalf")
	lines, position := poll(t, s)
	if want := []string{"a", "b", "c", "d", ""}; !slices.Equal(lines, want) || position != int64(10) {
		t.Fatalf("got %q to %v, want %q", lines, position, want)
	}
	write(" done\r")
	if lines, _ := poll(t, s); lines != nil {
		t.Fatalf("a \\r at the end may be half of \\r\\n, but got %q", lines)
	}
	write("\né\n")
	lines, position = poll(t, s)
	if want := []string{"half done", "é"}; !slices.Equal(lines, want) || position != int64(24) {
		t.Fatalf("got %q to %v, want %q", lines, position, want)
	}
	again := start(t, map[string]any{"position": int64(21)}, connect.Config{"file": path, "topic": "t"})
	if lines, _ := poll(t, again); !slices.Equal(lines, []string{"é"}) {
		t.Fatalf("went on with %q", lines)
	}
}

func TestBatchSizeLimitsAPoll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte("1\n2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, nil, connect.Config{"file": path, "topic": "t", "batch.size": "2"})
	if lines, _ := poll(t, s); !slices.Equal(lines, []string{"1", "2"}) {
		t.Fatalf("got %q", lines)
	}
	if lines, _ := poll(t, s); !slices.Equal(lines, []string{"3"}) {
		t.Fatalf("got %q", lines)
	}
}
