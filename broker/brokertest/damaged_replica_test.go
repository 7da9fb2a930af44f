package brokertest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/batch"
)

// TestDamagedReplica flips a bit in the log of one of three replicas while its broker is down, the leader's and the followers' in turn. It is noticed:
// the broker is in sync again soon, all replicas have the same bytes, and a reader gets every record.
func TestDamagedReplica(t *testing.T) { damagedReplicas(t, 4) }

func damagedReplicas(t *testing.T, rounds int) {
	rnd := seeded(t)
	c := startCluster(t, clusterSpec{brokers: 3})
	adm := kadm.NewClient(c.client())
	minISR := "2"
	if _, err := adm.CreateTopic(t.Context(), 1, 3, map[string]*string{"min.insync.replicas": &minISR}, workTopic); err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(count int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProducerBatchMaxBytes(1000), kgo.ProducerLinger(0))
		defer cl.Close()
		for i := range count {
			cl.Produce(ctx, kgo.StringRecord(number(written+i)), func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("record: %v", err)
				}
			})
		}
		if err := cl.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		written += count
	}
	for round := range rounds {
		write(200)
		leader := c.awaitInSync(adm)
		hurt := c.brokers[(int(leader)-1+round)%3]
		clean := rnd.IntN(2) == 0
		if clean {
			hurt.terminate()
		} else {
			hurt.kill()
		}
		what := flipBitOfReplica(t, rnd, hurt, clean)
		if rnd.IntN(2) == 0 {
			write(100)
		}
		hurt.launch()
		if err := hurt.awaitServing(); err != nil {
			t.Fatal(err)
		}
		c.awaitInSync(adm)
		c.until(fmt.Sprintf("equal replicas after %s of %s, clean stop: %v", what, hurt.name, clean), func(context.Context) bool {
			first := replicaBytes(t, c.brokers[0], 0)
			return bytes.Equal(first, replicaBytes(t, c.brokers[1], 0)) && bytes.Equal(first, replicaBytes(t, c.brokers[2], 0))
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if read, err := readNumbersOnce(ctx, t, &hurt.process, workTopic); err != nil || read != written {
			t.Errorf("after %s of %s: %d of %d records, error %v", what, hurt.name, read, written, err)
		}
		cancel()
		t.Logf("%s of %s (leader: %d), clean stop: %v", what, hurt.name, leader, clean)
	}
}

// flipBitOfReplica flips a bit anywhere in the newest segment or, after a clean stop, in its last batch: the rest is looked at when someone reads it.
func flipBitOfReplica(t *testing.T, rnd *rand.Rand, m *member, clean bool) string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(m.dirs[0], workTopic+"-0", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments in %s: %v", m.dirs[0], err)
	}
	path := slices.Max(segments)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var starts []int
	for at := 0; at < len(raw); {
		size, _, err := batch.Peek(raw[at:])
		if err != nil {
			break
		}
		starts = append(starts, at)
		at += size
	}
	if len(starts) == 0 {
		t.Fatalf("no batches in %s", path)
	}
	start := starts[rnd.IntN(len(starts))]
	if clean {
		start = starts[len(starts)-1]
	}
	size, _, _ := batch.Peek(raw[start:])
	at := rnd.IntN(min(size, len(raw)-start))
	if rnd.IntN(2) == 0 {
		at = rnd.IntN(21) // up to the checksum: where the checksum itself does not reach
	}
	raw[start+at] ^= 1 << rnd.IntN(8)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("a flip in byte %d of the batch at %d in %s", at, start, filepath.Base(path))
}

// replicaBytes is the whole log of a broker's replica of the work topic: how it is cut into segments is each one's own.
func replicaBytes(t testing.TB, m *member, partition int) []byte {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(m.dirs[0], fmt.Sprintf("%s-%d", workTopic, partition), "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(segments)
	var all []byte
	for _, s := range segments {
		raw, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	return all
}
