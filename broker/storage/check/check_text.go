package check

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// small checks the files of a log that are read whole.
func (c *checker) small(dir, name string, segments []segment, logEndOffset int64) error {
	path := vfs.Join(dir, name)
	var check func(raw []byte)
	switch {
	case name == "leader-epoch-checkpoint":
		check = func(raw []byte) { c.leaderEpochs(path, string(raw), segments, logEndOffset) }
	case name == "partition.metadata":
		check = func(raw []byte) { c.partitionMetadata(path, string(raw)) }
	case strings.HasSuffix(name, ".snapshot"):
		check = func(raw []byte) { c.producers(path, name, raw, logEndOffset) }
	default:
		return nil
	}
	raw, err := vfs.ReadFile(c.fsys, path, maxSmallFile)
	if err != nil {
		return err
	}
	check(raw)
	return nil
}

// checkpointLines splits a checkpoint file (version, number of entries, one entry a line) into its entries.
func checkpointLines(text string) ([]string, error) {
	if text == "" {
		return nil, nil // as Kafka makes it at first
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) < 2 {
		return nil, errors.New("a checkpoint begins with its version and the number of its entries")
	}
	if lines[0] != "0" {
		return nil, fmt.Errorf("unknown version %q", lines[0])
	}
	if n, err := strconv.Atoi(lines[1]); err != nil || n != len(lines)-2 {
		return nil, fmt.Errorf("%q entries announced, %d there", lines[1], len(lines)-2)
	}
	return lines[2:], nil
}

// offsetCheckpoint checks a log dir's checkpoint: topic, partition and offset in each line.
func (c *checker) offsetCheckpoint(path string, ends map[string]int64) error {
	raw, err := vfs.ReadFile(c.fsys, path, maxSmallFile)
	if err != nil {
		return err
	}
	lines, err := checkpointLines(string(raw))
	if err != nil {
		c.report(path, -1, "%v", err)
		return nil
	}
	seen := make(map[string]bool)
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) != 3 {
			c.report(path, -1, "line %q is not topic, partition, offset", line)
			continue
		}
		offset, err := strconv.ParseInt(words[2], 10, 64)
		log := words[0] + "-" + words[1]
		end, known := ends[log]
		switch {
		case err != nil || offset < 0:
			c.report(path, -1, "line %q has no offset", line)
		case seen[log]:
			c.report(path, -1, "%s is there twice", log)
		case known && offset > end:
			c.report(path, -1, "%s: offset %d is beyond the log's end, %d", log, offset, end)
		}
		seen[log] = true
	}
	return nil
}

func (c *checker) leaderEpochs(path, text string, segments []segment, logEndOffset int64) {
	lines, err := checkpointLines(text)
	if err != nil {
		c.report(path, -1, "%v", err)
		return
	}
	type start struct {
		epoch  int64
		offset int64
	}
	var starts []start
	for _, line := range lines {
		var s start
		if n, err := fmt.Sscanf(line, "%d %d", &s.epoch, &s.offset); n != 2 || err != nil {
			c.report(path, -1, "line %q is not epoch and offset", line)
			return
		}
		if n := len(starts); n > 0 && (s.epoch <= starts[n-1].epoch || s.offset < starts[n-1].offset) {
			c.report(path, -1, "epoch %d from %d follows epoch %d from %d", s.epoch, s.offset, starts[n-1].epoch, starts[n-1].offset)
		}
		if s.offset > logEndOffset {
			c.report(path, -1, "epoch %d begins at %d, beyond the log's end, %d", s.epoch, s.offset, logEndOffset)
		}
		starts = append(starts, s)
	}
	i := -1
	for _, seg := range segments {
		for _, b := range seg.batches {
			for i+1 < len(starts) && starts[i+1].offset <= b.first {
				i++
			}
			// The file is behind the batches until the next flush, but never ahead of them.
			behind := i == len(starts)-1 && i >= 0 && int64(b.leaderEpoch) > starts[i].epoch
			if i >= 0 && b.leaderEpoch >= 0 && int64(b.leaderEpoch) != starts[i].epoch && !behind {
				c.report(segmentFile(pathDir(path), seg.base, ".log"), b.position, "leader epoch %d at offset %d, where leader-epoch-checkpoint has %d",
					b.leaderEpoch, b.first, starts[i].epoch)
			}
		}
	}
}

// pathDir is the directory of a path that vfs.Join made.
func pathDir(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		return path[:i]
	}
	return "."
}

func (c *checker) partitionMetadata(path, text string) {
	version, id := "", ""
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "version":
			version = strings.TrimSpace(value)
		case "topic_id":
			id = strings.TrimSpace(value)
		}
	}
	if version != "0" {
		c.report(path, -1, "unknown version %q", version)
	}
	if u, err := ident.ParseUUID(id); err != nil || u.IsZero() {
		c.report(path, -1, "no topic id: %q", id)
	}
}

func (c *checker) producers(path, name string, raw []byte, logEndOffset int64) {
	digits, _, _ := strings.Cut(name, ".")
	offset, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		c.report(path, -1, "the name is no offset")
		return
	}
	if offset > logEndOffset {
		c.report(path, -1, "a snapshot at %d is beyond the log's end, %d", offset, logEndOffset)
	}
	all, err := parseProducers(raw)
	if err != nil {
		c.report(path, -1, "%v", err)
	}
	seen := make(map[int64]bool)
	for _, p := range all {
		if p.id < 0 || seen[p.id] {
			c.report(path, -1, "producer %d is there twice, or no producer", p.id)
		}
		seen[p.id] = true
		if p.lastOffset >= offset || p.txnFirstOffset >= offset {
			c.report(path, -1, "producer %d: offset %d or %d is not before the snapshot's", p.id, p.lastOffset, p.txnFirstOffset)
		}
	}
}
