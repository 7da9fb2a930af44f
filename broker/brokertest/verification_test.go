package brokertest_test

import (
	"bufio"
	"bytes"
	"context"
	bin "encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/batch"
)

// TestReplicaVerification compares replicas with replica-verification: whole ones, with a broker gone, and two logs of the same length whose records differ.
func TestReplicaVerification(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 2, 3, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for range 20 {
		if err := cl.ProduceSync(ctx, &kgo.Record{Partition: 1, Value: []byte("value")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	const stamp = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: `
	c.verifyUntil(t, stamp+`max lag is 0 for partition work-[01] at offset (0|20) among 2 partitions`)
	c.brokers[2].kill()
	c.until("the others to know", func(ctx context.Context) bool {
		return knownBy(ctx, c.brokers[0]) == 2 && len(partitionAt(ctx, t, c.brokers[0]).ISR) == 2
	})
	c.verifyUntil(t, `WARN broker 3 can't be read from: `)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, path, "replica-verification", "--broker-list", c.brokers[0].addr, "--topics-include", "nothing").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic.") {
		t.Errorf("without topics: %v, %q", err, out)
	}
	c.brokers[2].launch()
	c.awaitInSync(adm)

	// A replica whose batch has another checksum than the leader's has it: what no recovery can see, the other log being sound.
	for _, b := range c.brokers {
		b.terminate()
	}
	segment := filepath.Join(c.brokers[1].dirs[0], workTopic+"-1", "00000000000000000000.log")
	raw, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	rewriteFirstBatch(t, raw)
	if err := os.WriteFile(segment, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.brokers {
		b.launch()
	}
	for _, b := range c.brokers {
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitInSync(adm)
	c.verifyUntil(t, stamp+`partition work-1 has unmatched checksum at offset 0; replica \d's checksum \d+; replica \d's checksum \d+`)
}

// verifyUntil runs replica-verification from the beginning until it prints a line.
func (c *cluster) verifyUntil(t *testing.T, line string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "replica-verification", "--broker-list", c.brokers[0].addr, "--topics-include", workTopic, "--time", "-2", "--report-interval-ms", "1", "--max-wait-ms", "50")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	wanted, found := regexp.MustCompile(line), false
	for lines := bufio.NewScanner(out); !found && lines.Scan(); {
		printed.WriteString(lines.Text() + "\n")
		found = wanted.MatchString(lines.Text())
	}
	t.Logf("the line came after %v", time.Since(began).Round(time.Millisecond))
	cancel()
	_ = cmd.Wait() // it was killed
	if !found {
		t.Fatalf("no line like %s in\n%s", line, printed.String())
	}
}

// rewriteFirstBatch changes a byte of the first record, and the checksum to go with it.
func rewriteFirstBatch(t *testing.T, raw []byte) {
	t.Helper()
	b, _, err := batch.Next(raw)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("value"))
	if at < 0 {
		t.Fatal("no value in the first batch")
	}
	b[at] = 'V'
	bin.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}
