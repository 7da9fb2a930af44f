package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// copyLog copies a log of testdata, or any, into a log directory of its own.
func copyLog(t *testing.T, from string) (logDir, dir string) {
	t.Helper()
	logDir = t.TempDir()
	dir = filepath.Join(logDir, filepath.Base(from))
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return logDir, dir
}

func TestLogsThatKafkaWroteAreSound(t *testing.T) {
	problems, err := Check(vfs.OS(), filepath.Join("testdata", "logs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// One is cut off after 12,000 bytes, the other put together from several.
		if !strings.Contains(p.Path, "metadata-0") && !strings.Contains(p.Path, "legacy-0") {
			t.Error(p)
		}
	}
}

func TestCheckFindsDamage(t *testing.T) {
	const first = "00000000000000000000"
	change := func(name string, at int, b byte) func(dir string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[at] = b
			return os.WriteFile(path, data, 0o600)
		}
	}
	write := func(name, content string) func(dir string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) }
	}
	for name, c := range map[string]struct {
		log    string
		damage func(dir string) error
		want   string
	}{
		"flipped bit":        {"txn-0", change(first+".log", 100, 0xee), "CRC"},
		"garbage at the end": {"txn-0", func(d string) error { return appendTo(filepath.Join(d, first+".log"), strings.Repeat("x", 16)) }, "are no batch"},
		"offsets going back": {"txn-0", func(d string) error {
			return os.Rename(filepath.Join(d, first+".log"), filepath.Join(d, "00000000000000000005.log"))
		}, "don't fit a segment"},
		"overlapping segment": {"txn-0", write("00000000000000000003.log", ""), "reaches into the next segment"},
		"index to nowhere":    {"compacted-0", change(first+".index", 7, 3), "no batch begins"},
		"torn index":          {"compacted-0", write(first+".index", "abc"), "multiple of 8"},
		"torn time index":     {"compacted-0", write(first+".timeindex", "abc"), "multiple of 12"},
		"early time entry":    {"compacted-0", write(first+".timeindex", "\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x80"), "but one before it is"},
		"unknown txn version": {"txn-0", write(first+".txnindex", "\x01"+strings.Repeat("\x00", 33)), "unknown entry version"},
		"snapshot":            {"txn-0", change("00000000000000000018.snapshot", 20, 0xee), "CRC"},
		"snapshot of the future": {"txn-0", func(d string) error {
			return os.Rename(filepath.Join(d, "00000000000000000018.snapshot"), filepath.Join(d, "00000000000000000099.snapshot"))
		}, "beyond the log's end"},
		"epochs beyond the end": {"txn-0", write("leader-epoch-checkpoint", "0\n1\n0 500\n"), "beyond the log's end"},
		"another epoch":         {"txn-0", write("leader-epoch-checkpoint", "0\n1\n7 0\n"), "leader-epoch-checkpoint has 7"},
		"epochs miscounted":     {"txn-0", write("leader-epoch-checkpoint", "0\n2\n0 0\n"), "entries announced"},
		"no topic id":           {"txn-0", write("partition.metadata", "version: 0\n"), "no topic id"},
		"half a compaction":     {"txn-0", write(first+".log.cleaned", ""), "interrupted compaction"},
		"checkpoint beyond":     {"txn-0", write("../recovery-point-offset-checkpoint", "0\n1\ntxn 0 19\n"), "beyond the log's end"},
		"checkpoint garbled":    {"txn-0", write("../replication-offset-checkpoint", "0\n1\ntxn\n"), "is not topic, partition, offset"},
		"checkpoint twice":      {"txn-0", write("../replication-offset-checkpoint", "0\n2\ntxn 0 1\ntxn 0 1\n"), "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			logDir, dir := copyLog(t, filepath.Join("testdata", "logs", c.log))
			if problems, err := Check(vfs.OS(), logDir); err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			problems, err := Check(vfs.OS(), logDir)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if strings.Contains(p.String(), c.want) {
					return
				}
			}
			t.Errorf("found %v, not %q", problems, c.want)
		})
	}
}

func appendTo(name, content string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(content); err != nil {
		return err
	}
	return f.Close()
}
