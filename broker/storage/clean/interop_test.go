//go:build interop

package clean

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// Apache Kafka's dump tool reads a compacted log and its indexes without complaint.
func TestKafkaReadsCompactedLog(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names no command that runs Apache Kafka's tools")
	}
	b := newBench(t, vfs.OS(), t.TempDir(), testLogConfig(), nil)
	m := newModel()
	rng := rand.New(rand.NewPCG(9, 9))
	sequence := make(map[int64]int32)
	for i := range 300 {
		b.nowMs++
		m.append(b, rng, sequence)
		if i%100 == 99 {
			for producerID := range int64(3) {
				if len(m.open[producerID]) > 0 {
					m.end(b, producerID, producerID > 0)
				}
			}
			b.roll()
			b.clean()
		}
	}
	dir := b.log.Dir()
	records := 0
	for _, batch := range readBatches(t, b.log) {
		records += int(batch.RecordCount())
	}
	b.close()
	names, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, name := range names {
		if regexp.MustCompile(`\.(log|index|timeindex|txnindex|snapshot)$`).MatchString(name) {
			files = append(files, name)
		}
	}
	cmd := exec.CommandContext(t.Context(), lab, "dump-log", "--deep-iteration", "--files", strings.Join(files, ","))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	if n := strings.Count(string(out), "\n| offset:"); n != records {
		t.Errorf("Apache Kafka reads %d records, kgo %d", n, records)
	}
	if strings.Contains(string(out), "isvalid: false") || strings.Contains(string(out), "invalid bytes") {
		t.Error("Apache Kafka finds an invalid batch")
	}
	for line := range strings.Lines(complaints.String()) {
		// Gaps are what compaction is for.
		if !strings.HasPrefix(line, "Non-consecutive offsets") && !strings.Contains(line, " is followed by ") {
			t.Error(line)
		}
	}
}
