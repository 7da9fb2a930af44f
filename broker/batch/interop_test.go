//go:build interop

package batch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Apache Kafka's classes read every kind of batch that kgo writes: each codec at each of its levels, and the legacy formats.
func TestKafkaReadsOurBatches(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names no command that prints Apache Kafka's class path")
	}
	classpath, err := exec.CommandContext(t.Context(), lab, "classpath").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want := make(map[string]string)
	add := func(name string, data []byte) {
		want[name] = describe(data)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	levels := map[Codec][]int{None: {0}, Gzip: {0, 1, 5, 9}, Snappy: {0}, LZ4: {0, 1, 5, 9, 12, 17}, Zstd: {-131072, -1, 0, 1, 3, 9, 19, 22}}
	for codec, levels := range levels {
		for _, level := range levels {
			for _, like := range []string{"v2-gzip.bin", "v2-gzip-logappendtime.bin", "v2-transactional.bin"} {
				add(codec.String()+strconv.Itoa(level)+"-"+like, rebuild(t, fixture(t, like), Compression{codec, level}))
			}
		}
		for _, magic := range []int8{MagicV0, MagicV1} {
			if codec != Zstd {
				set, err := DownConvert(nil, rebuild(t, fixture(t, "v2-gzip.bin"), Compression{Codec: codec}), magic, 0, testLimit)
				if err != nil {
					t.Fatal(err)
				}
				add(codec.String()+"-v"+strconv.Itoa(int(magic)), set)
			}
		}
	}
	add("empty", AppendEmpty(nil, fixture(t, "v2-transactional.bin")))
	args := []string{"-cp", strings.TrimSpace(string(classpath)), filepath.Join("testdata", "Fixtures.java"), "read"}
	for name := range want {
		args = append(args, filepath.Join(dir, name))
	}
	out, err := exec.CommandContext(t.Context(), "java", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for part := range strings.SplitSeq(string(out), "file ") {
		name, got, ok := strings.Cut(part, "\n")
		if !ok {
			continue
		}
		read++
		if got != want[name] {
			t.Errorf("%s: Apache Kafka reads\n%s\nkgo reads\n%s", name, got, want[name])
		}
	}
	if read != len(want) {
		t.Errorf("Apache Kafka read %d files of %d", read, len(want))
	}
}
