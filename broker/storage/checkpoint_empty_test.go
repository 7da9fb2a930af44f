package storage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// Apache Kafka leaves checkpoint files of no bytes behind in directories that kgo then opens: they say nothing, and nothing is wrong.
func TestAnEmptyCheckpointHasNoEntries(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cleaner-offset-checkpoint"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	offsets, err := OffsetCheckpoint{FS: vfs.OS(), Dir: dir, Name: "cleaner-offset-checkpoint"}.Read()
	if err != nil || len(offsets) != 0 {
		t.Errorf("got %v, %v", offsets, err)
	}
}
