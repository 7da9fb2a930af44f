package batch

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testLimit = 4 << 20

// fixture returns a file of testdata, which Apache Kafka's classes wrote (testdata/Fixtures.java).
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// describe prints batches and message sets as Fixtures.java does.
func describe(buf []byte) string {
	var out strings.Builder
	for len(buf) > 0 {
		b, rest, err := Next(buf)
		switch {
		case errors.Is(err, ErrLegacy):
			rest, err = describeLegacy(&out, buf)
		case err == nil:
			err = describeBatch(&out, b)
		}
		if err != nil {
			fmt.Fprintln(&out, "error", err)
			return out.String()
		}
		buf = rest
	}
	return out.String()
}

func describeBatch(out *strings.Builder, b Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	horizon, _ := b.DeleteHorizon()
	fmt.Fprintln(out, "batch", b.Magic(), b.BaseOffset(), b.LastOffset(), b.Codec(), b.TimestampType(), b.MaxTimestamp(), b.ProducerID(), b.ProducerEpoch(),
		b.BaseSequence(), b.LastSequence(), b.PartitionLeaderEpoch(), b.IsTransactional(), b.IsControl(), horizon)
	for r, err := range b.Records(testLimit) {
		if err != nil {
			return err
		}
		describeRecord(out, r)
	}
	return nil
}

func describeLegacy(out *strings.Builder, buf []byte) ([]byte, error) {
	e, rest, err := NextLegacy(buf)
	if err != nil {
		return nil, err
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	fmt.Fprintln(out, "batch", e.Magic(), 0, e.Offset(), e.Codec(), e.TimestampType(), e.Timestamp(), -1, -1, -1, -1, -1, false, false, -1)
	for r, err := range e.Records(testLimit) {
		if err != nil {
			return nil, err
		}
		describeRecord(out, r)
	}
	return rest, nil
}

func describeRecord(out *strings.Builder, r Record) {
	fmt.Fprint(out, "record ", r.Offset, " ", r.Timestamp, " ", describeBytes(r.Key), " ", describeBytes(r.Value))
	for _, h := range r.Headers {
		fmt.Fprint(out, " ", describeBytes([]byte(h.Key)), "=", describeBytes(h.Value))
	}
	fmt.Fprintln(out)
}

func describeBytes(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) > 1000:
		return fmt.Sprintf("crc%d/%d", crc32.ChecksumIEEE(b), len(b))
	default:
		return "x" + hex.EncodeToString(b)
	}
}

// What kgo reads in every fixture equals what Apache Kafka reads in it (fixtures.golden, written by Fixtures.java).
func TestFixturesReadAsInKafka(t *testing.T) {
	for part := range strings.SplitSeq(string(fixture(t, "fixtures.golden")), "file ") {
		name, want, ok := strings.Cut(part, "\n")
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if got := describe(fixture(t, name)); got != want {
				t.Errorf("kgo reads\n%s\nApache Kafka reads\n%s", got, want)
			}
		})
	}
}
