package storage

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// The checkpoint files of a log directory.
const (
	RecoveryPointCheckpoint     = "recovery-point-offset-checkpoint"
	LogStartOffsetCheckpoint    = "log-start-offset-checkpoint"
	ReplicationOffsetCheckpoint = "replication-offset-checkpoint"
	CleanerOffsetCheckpoint     = "cleaner-offset-checkpoint"
)

// OffsetCheckpoint is a file with an offset for each of a log directory's partitions, in Kafka's text form:
//
//	0                         version
//	2                         number of entries
//	orders 0 1042             topic, partition, offset
//	orders 1 977
//
// It is replaced as a whole, so that a crash leaves the old one or the new.
type OffsetCheckpoint struct {
	FS   vfs.FS
	Dir  string // the log directory
	Name string // one of the constants above
}

// Read returns the offsets; a missing file has none. Damage is a *CorruptionError.
func (c OffsetCheckpoint) Read() (map[ident.TopicPartition]int64, error) {
	offsets := make(map[ident.TopicPartition]int64)
	err := readCheckpoint(c.FS, vfs.Join(c.Dir, c.Name), func(line string) error {
		// The topic's name can't hold a space, but be exact: the last two fields are the numbers.
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return fmt.Errorf("%q is not: topic partition offset", line)
		}
		partition, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return err
		}
		offsets[ident.TopicPartition{Topic: fields[0], Partition: int32(partition)}] = offset
		return nil
	})
	return offsets, err
}

// Write replaces the file.
func (c OffsetCheckpoint) Write(offsets map[ident.TopicPartition]int64) error {
	tps := make([]ident.TopicPartition, 0, len(offsets))
	for tp := range offsets {
		tps = append(tps, tp)
	}
	slices.SortFunc(tps, compareTopicPartitions)
	return writeCheckpoint(c.FS, c.Dir, c.Name, len(tps), func(b []byte, i int) []byte {
		b = append(append(b, tps[i].Topic...), ' ')
		b = append(strconv.AppendInt(b, int64(tps[i].Partition), 10), ' ')
		return strconv.AppendInt(b, offsets[tps[i]], 10)
	})
}

func compareTopicPartitions(a, b ident.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition) - int(b.Partition)
}

const (
	checkpointVersion  = "0"
	maxCheckpointBytes = 256 << 20
)

// readCheckpoint reads a checkpoint file: a version, a count, and a line for each entry.
func readCheckpoint(fsys vfs.FS, path string, entry func(line string) error) error {
	raw, err := vfs.ReadFile(fsys, path, maxCheckpointBytes)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return nil // Apache Kafka creates some of its checkpoint files empty, and fills them later or never
	}
	if err := parseCheckpoint(raw, entry); err != nil {
		return &CorruptionError{Path: path, BaseOffset: -1, Err: err}
	}
	return nil
}

func parseCheckpoint(raw []byte, entry func(line string) error) error {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	if !lines.Scan() {
		return errors.New("the file is empty")
	}
	if v := strings.TrimSpace(lines.Text()); v != checkpointVersion {
		return fmt.Errorf("unknown version %q", v)
	}
	if !lines.Scan() {
		return errors.New("the number of entries is missing")
	}
	expected, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
	if err != nil {
		return fmt.Errorf("the number of entries: %w", err)
	}
	found := 0
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			if err := entry(line); err != nil {
				return err
			}
			found++
		}
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	if found != expected {
		return fmt.Errorf("it has %d entries and says %d", found, expected)
	}
	return nil
}

func writeCheckpoint(fsys vfs.FS, dir, name string, count int, appendEntry func(b []byte, i int) []byte) error {
	if err := vfs.WriteFileAtomic(fsys, dir, name, encodeCheckpoint(count, appendEntry)); err != nil {
		return fmt.Errorf("write %s: %w", vfs.Join(dir, name), err)
	}
	return nil
}

func encodeCheckpoint(count int, appendEntry func(b []byte, i int) []byte) []byte {
	b := append([]byte(checkpointVersion), '\n')
	b = append(strconv.AppendInt(b, int64(count), 10), '\n')
	for i := range count {
		b = append(appendEntry(b, i), '\n')
	}
	return b
}
