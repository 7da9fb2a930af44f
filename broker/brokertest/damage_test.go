package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// damage is something that happens to a file while the node is dead.
type damage struct {
	name  string
	files string // a pattern below the log directory
	do    func(rnd *rand.Rand, content []byte) []byte
	left  expectation
	clean bool // the file is there after a clean stop only
}

// expectation is what may be left of a partition after damage.
type expectation int

const (
	// someRecords: the first ones, up to the damage, or an error.
	someRecords expectation = iota
	// allOrError: every record, or an error.
	allOrError
	// allRecords: every record. The file can be made anew from others.
	allRecords
)

func flipBit(rnd *rand.Rand, content []byte) []byte {
	if len(content) > 0 {
		content[rnd.IntN(len(content))] ^= 1 << rnd.IntN(8)
	}
	return content
}

func cutTail(rnd *rand.Rand, content []byte) []byte {
	return content[:len(content)-rnd.IntN(min(len(content), 300)+1)]
}

func addGarbage(rnd *rand.Rand, content []byte) []byte {
	for range 1 + rnd.IntN(500) {
		content = append(content, byte(rnd.Uint32()))
	}
	return content
}

func addZeros(rnd *rand.Rand, content []byte) []byte {
	return append(content, make([]byte, 1+rnd.IntN(5000))...)
}

func empty(*rand.Rand, []byte) []byte { return nil }

var damages = []damage{
	{"torn tail", "hurt-0/*.log", cutTail, someRecords, false},
	{"bit flip in a segment", "hurt-0/*.log", flipBit, someRecords, false},
	{"garbage after a segment", "hurt-0/*.log", addGarbage, allRecords, false},
	{"zeros after a segment", "hurt-0/*.log", addZeros, allRecords, false},
	{"bit flip in an offset index", "hurt-0/*.index", flipBit, allRecords, false},
	{"bit flip in an offset index", "hurt-0/*.index", flipBit, allRecords, true},
	{"bit flip in a time index", "hurt-0/*.timeindex", flipBit, allRecords, true},
	{"garbage in an offset index", "hurt-0/*.index", addGarbage, allRecords, false},
	{"garbage in a time index", "hurt-0/*.timeindex", addGarbage, allRecords, false},
	{"an empty offset index", "hurt-0/*.index", empty, allRecords, true},
	{"bit flip in the leader epochs", "hurt-0/leader-epoch-checkpoint", flipBit, allRecords, true},
	{"bit flip in a producer snapshot", "hurt-0/*.snapshot", flipBit, allRecords, true},
	{"bit flip in the recovery points", "recovery-point-offset-checkpoint", flipBit, allRecords, false},
	{"no recovery points", "recovery-point-offset-checkpoint", empty, allRecords, false},
	{"bit flip in the high watermarks", "replication-offset-checkpoint", flipBit, allRecords, false},
	{"empty high watermarks", "replication-offset-checkpoint", empty, allRecords, false},
	{"bit flip in the topic's id", "hurt-0/partition.metadata", flipBit, allOrError, false},
}

// TestDamagedFiles damages the files of one partition, or a checkpoint, while the node is dead. The node comes back; other partitions are
// whole; of the damaged one, every record that is answered is the one that was written, from the beginning on without a gap, or the partition is
// refused with an error.
func TestDamagedFiles(t *testing.T) { damageRounds(t, 1) }

func damageRounds(t *testing.T, rounds int) {
	rnd := seeded(t)
	dir := t.TempDir()
	p := startProcess(t, []string{dir}, "log.flush.offset.checkpoint.interval.ms=20", "replica.high.watermark.checkpoint.interval.ms=20")
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rounds)*time.Minute)
	defer cancel()
	adm := kadm.NewClient(p.client())
	small := map[string]*string{"segment.bytes": new("1048576"), "index.interval.bytes": new("100")}
	for range rounds {
		for _, d := range damages {
			for _, topic := range []string{"hurt", "other"} {
				if _, err := adm.CreateTopic(ctx, 1, 1, small, topic); err != nil {
					t.Fatal(err)
				}
			}
			written := 200 + rnd.IntN(200)
			writeNumbers(ctx, t, p, "hurt", written)
			writeNumbers(ctx, t, p, "other", written)
			if d.clean || rnd.IntN(3) == 0 {
				p.terminate() // indexes and snapshots are believed after a clean stop
			} else {
				p.kill()
			}
			if !inflict(t, rnd, dir, d) {
				t.Logf("%s: no such file", d.name)
			}
			p.start()
			if read, err := readNumbers(ctx, t, p, "other"); err != nil || read != written {
				t.Errorf("%s: %d of %d records of another partition are left, error %v", d.name, read, written, err)
			}
			read, err := readNumbers(ctx, t, p, "hurt")
			if d.left == allRecords && (err != nil || read != written) || d.left == allOrError && err == nil && read != written {
				t.Errorf("%s: %d of %d records are left, error %v\n%s", d.name, read, written, err, p.output)
			}
			t.Logf("%s: %d of %d records left, error %v", d.name, read, written, err)
			if deleted, err := adm.DeleteTopics(ctx, "hurt", "other"); err != nil || deleted.Error() != nil {
				t.Fatalf("%s: deleting the topics: %v, %v", d.name, err, deleted.Error())
			}
		}
	}
}

// inflict damages a file, if there is one.
func inflict(t *testing.T, rnd *rand.Rand, dir string, d damage) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, d.files))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		return false
	}
	file := files[rnd.IntN(len(files))]
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, d.do(rnd, content), 0o644); err != nil {
		t.Fatal(err)
	}
	return true
}

func number(i int) string { return fmt.Sprintf("number %d %s", i, strings.Repeat("y", i%50)) }

// writeNumbers writes the records number(0) to number(count-1), several to a batch.
func writeNumbers(ctx context.Context, t *testing.T, p *process, topic string, count int) {
	t.Helper()
	cl := p.client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchMaxBytes(1000), kgo.ProducerLinger(0))
	defer cl.Close()
	for i := range count {
		cl.Produce(ctx, kgo.StringRecord(number(i)), func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("record %d of %s: %v", i, topic, err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// readNumbers reads until the end, or until there is nothing but errors for a while, and returns how many records are there. A record that
// was not written so is a lie.
func readNumbers(ctx context.Context, t *testing.T, p *process, topic string) (read int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		last := err
		read, err = readNumbersOnce(ctx, t, p, topic)
		if ctx.Err() != nil && last != nil {
			return read, last // it says more than that the time is up
		}
		if err == nil || ctx.Err() != nil || !kerr.IsRetriable(errors.Unwrap(err)) && !kerr.IsRetriable(err) {
			return read, err
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func readNumbersOnce(ctx context.Context, t *testing.T, p *process, topic string) (int, error) {
	t.Helper()
	cl := p.client(kgo.KeepRetryableFetchErrors(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	end, _ := ends.Lookup(topic, 0)
	read := 0
	for read < int(end.Offset) {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return read, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != int64(read) || string(r.Value) != number(read) {
				t.Errorf("%s: offset %d holds %q, want offset %d, %q", topic, r.Offset, r.Value, read, number(read))
			}
			read++
		})
	}
	return read, nil
}

// TestLostMetaProperties: a node with data does not begin anew as another cluster's because meta.properties is gone or empty. With the file it is what it was.
func TestLostMetaProperties(t *testing.T) {
	p := startProcess(t, []string{t.TempDir()})
	adm := kadm.NewClient(p.client())
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.dirs[0], "meta.properties")
	saved, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func() error{func() error { return os.Remove(path) }, func() error { return os.WriteFile(path, nil, 0o600) }} {
		p.kill()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		p.launch()
		p.awaitEnd()
		if !strings.Contains(p.output.String(), "has a metadata log, and no meta.properties") {
			t.Errorf("the node said\n%s", p.output)
		}
		if err := os.WriteFile(path, saved, 0o600); err != nil {
			t.Fatal(err)
		}
		p.start()
		if known, err := adm.ListTopics(t.Context(), "kept"); err != nil || known["kept"].Err != nil {
			t.Errorf("with its meta.properties back: %v, %v", known, err)
		}
	}
}
