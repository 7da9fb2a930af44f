package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/vfs"
)

// Problem is one thing found wrong.
type Problem struct {
	Path     string
	Position int64 // in the file; -1 where it concerns the whole
	Text     string
}

func (p Problem) String() string {
	if p.Position < 0 {
		return p.Path + ": " + p.Text
	}
	return p.Path + " at " + strconv.FormatInt(p.Position, 10) + ": " + p.Text
}

// Check looks for contradictions in a log directory: in every log (see Log), in the checkpoint files, and between the two.
// The error is of the file system; what the files hold is never an error but a Problem.
func Check(fsys vfs.FS, dir string) ([]Problem, error) {
	c := &checker{fsys: fsys}
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	ends := make(map[string]int64) // by directory name
	for _, name := range names {
		info, err := fsys.Stat(vfs.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if !info.IsDir || !isLogDir(name) {
			continue
		}
		if ends[name], err = c.log(vfs.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint", "cleaner-offset-checkpoint"} {
		if slices.Contains(names, name) {
			if err := c.offsetCheckpoint(vfs.Join(dir, name), ends); err != nil {
				return nil, err
			}
		}
	}
	return c.problems, nil
}

// Log looks for contradictions in the directory of one log:
//
//	segments    every batch whole, with a right checksum and sound records; offsets rise, stay within their segment, leader epochs don't fall
//	indexes     in order; an entry points to a batch that begins at or before its offset, and no earlier batch is younger than a time entry
//	the rest    transaction indexes, producer snapshots, leader-epoch-checkpoint and partition.metadata parse and agree with the segments;
//	            nothing is left of an interrupted compaction
func Log(fsys vfs.FS, dir string) ([]Problem, error) {
	c := &checker{fsys: fsys}
	_, err := c.log(dir)
	return c.problems, err
}

// isLogDir tells a partition's directory, <topic>-<partition>, from others and from those that wait for their deletion.
func isLogDir(name string) bool {
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return false
	}
	if before, ok := strings.CutSuffix(name, "-future"); ok {
		dot := strings.LastIndexByte(before, '.')
		return dot > 0 && isLogDir(before[:dot])
	}
	_, err := strconv.ParseUint(name[dash+1:], 10, 31)
	return err == nil
}

type checker struct {
	fsys     vfs.FS
	problems []Problem
}

func (c *checker) report(path string, position int64, format string, args ...any) {
	c.problems = append(c.problems, Problem{path, position, fmt.Sprintf(format, args...)})
}

// segment is what the scan of a .log file found, for its indexes to be compared with.
type segment struct {
	base      int64
	batches   []batchAt
	last      bool
	nextStart int64 // the next segment's base offset
}

type batchAt struct {
	position, first, lastOffset, maxTimestamp int64
	leaderEpoch                               int32
}

// log checks one log and returns its end offset.
func (c *checker) log(dir string) (logEndOffset int64, err error) {
	names, err := c.fsys.List(dir)
	if err != nil {
		return 0, err
	}
	var bases []int64
	for _, name := range names {
		digits, suffix, _ := strings.Cut(name, ".")
		base, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case strings.HasSuffix(name, ".cleaned") || strings.HasSuffix(name, ".swap"):
			c.report(vfs.Join(dir, name), -1, "left over from an interrupted compaction")
		case err == nil && suffix == "log" && len(digits) == 20:
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	segments := make([]segment, len(bases))
	previous := batchAt{lastOffset: -1, leaderEpoch: -1}
	for i, base := range bases {
		segments[i] = segment{base: base, last: i == len(bases)-1}
		if !segments[i].last {
			segments[i].nextStart = bases[i+1]
		}
		if err := c.segment(dir, &segments[i], &previous); err != nil {
			return 0, err
		}
		logEndOffset = max(base, previous.lastOffset+1)
	}
	for i := range segments {
		if err := c.indexes(dir, &segments[i], names); err != nil {
			return 0, err
		}
	}
	for _, name := range names {
		if err := c.small(dir, name, segments, logEndOffset); err != nil {
			return 0, err
		}
	}
	return logEndOffset, nil
}

func segmentFile(dir string, base int64, suffix string) string {
	return vfs.Join(dir, fmt.Sprintf("%020d%s", base, suffix))
}

// checkLimit is the most that a batch may decompress to; previous is the last batch before.
const checkLimit = 1 << 30

func (c *checker) segment(dir string, s *segment, previous *batchAt) error {
	name := segmentFile(dir, s.base, ".log")
	f, err := c.fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	r := &entryReader{f: f, name: name, end: size}
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.report(name, r.position, "%v", err)
			return nil
		}
		b, err := c.entry(e)
		if err != nil {
			c.report(name, e.position, "%v", err)
			continue
		}
		if b.first <= previous.lastOffset {
			c.report(name, e.position, "offset %d follows offset %d", b.first, previous.lastOffset)
		}
		if b.first < s.base || b.lastOffset-s.base > 1<<31-1 {
			c.report(name, e.position, "offsets %d to %d don't fit a segment that begins at %d", b.first, b.lastOffset, s.base)
		}
		if !s.last && b.lastOffset >= s.nextStart {
			c.report(name, e.position, "offset %d reaches into the next segment, which begins at %d", b.lastOffset, s.nextStart)
		}
		if b.leaderEpoch >= 0 && b.leaderEpoch < previous.leaderEpoch {
			c.report(name, e.position, "leader epoch %d follows leader epoch %d", b.leaderEpoch, previous.leaderEpoch)
		}
		b.leaderEpoch = max(b.leaderEpoch, -1)
		s.batches = append(s.batches, b)
		*previous = b
	}
	if r.position < size {
		c.report(name, r.position, "%d bytes at the end are no batch", size-r.position)
	}
	return nil
}

// entry checks a batch or legacy entry by itself.
func (c *checker) entry(e entry) (batchAt, error) {
	if e.isLegacy() {
		l := e.legacy()
		b := batchAt{position: e.position, first: l.Offset(), lastOffset: l.Offset(), maxTimestamp: l.Timestamp(), leaderEpoch: -1}
		if err := l.Validate(); err != nil {
			return b, err
		}
		first := true
		for r, err := range l.Records(checkLimit) {
			if err != nil {
				return b, err
			}
			if first {
				b.first, first = r.Offset, false
			}
		}
		return b, nil
	}
	v := e.batch()
	b := batchAt{position: e.position, first: v.BaseOffset(), lastOffset: v.LastOffset(), maxTimestamp: v.MaxTimestamp(), leaderEpoch: v.PartitionLeaderEpoch()}
	if err := v.Validate(); err != nil {
		return b, err
	}
	summary, err := v.ValidateRecords(checkLimit)
	if err == nil && summary.Count > 0 && summary.MaxTimestamp != b.maxTimestamp {
		err = fmt.Errorf("batch at offset %d has largest timestamp %d, its header says %d", b.first, summary.MaxTimestamp, b.maxTimestamp)
	}
	return b, err
}

func (c *checker) indexes(dir string, s *segment, names []string) error {
	for _, x := range []struct {
		suffix string
		check  func(name string, raw []byte, s *segment)
	}{{".index", c.offsetIndex}, {".timeindex", c.timeIndex}, {".txnindex", c.txnIndex}} {
		name := segmentFile(dir, s.base, x.suffix)
		if !slices.Contains(names, fmt.Sprintf("%020d%s", s.base, x.suffix)) {
			continue // rebuilt when the log is opened
		}
		raw, err := vfs.ReadFile(c.fsys, name, maxSmallFile)
		if err != nil {
			return err
		}
		x.check(name, raw, s)
	}
	return nil
}

func (c *checker) offsetIndex(name string, raw []byte, s *segment) {
	x := offsetIndex{base: s.base, raw: raw}
	if len(raw)%offsetEntrySize != 0 {
		c.report(name, -1, "%d bytes are no multiple of %d", len(raw), offsetEntrySize)
	}
	lastOffset, lastPosition := int64(-1), int32(-1)
	for i := range x.entries() {
		offset, position := x.entry(i)
		at := int64(i * offsetEntrySize)
		if s.last && (i > 0 || len(s.batches) == 0) && offset == s.base && position == 0 {
			return // made large beforehand, as an active segment's is
		}
		if offset <= lastOffset || position <= lastPosition {
			c.report(name, at, "entry (%d, %d) follows (%d, %d)", offset, position, lastOffset, lastPosition)
		}
		lastOffset, lastPosition = offset, position
		n, found := slices.BinarySearchFunc(s.batches, int64(position), func(b batchAt, p int64) int { return int(b.position - p) })
		switch {
		case !found:
			c.report(name, at, "no batch begins at position %d", position)
		case s.batches[n].first > offset:
			c.report(name, at, "offset %d is said to be at position %d, where offset %d begins", offset, position, s.batches[n].first)
		}
	}
}

func (c *checker) timeIndex(name string, raw []byte, s *segment) {
	if len(raw)%timeEntrySize != 0 {
		c.report(name, -1, "%d bytes are no multiple of %d", len(raw), timeEntrySize)
	}
	lastTimestamp, lastOffset := int64(-1), int64(-1)
	next, largest := 0, int64(-1) // of the batches before an entry's offset
	for i := range len(raw) / timeEntrySize {
		e := raw[i*timeEntrySize:]
		timestamp, offset := int64(binary.BigEndian.Uint64(e)), s.base+int64(int32(binary.BigEndian.Uint32(e[8:])))
		at := int64(i * timeEntrySize)
		if s.last && (i > 0 || len(s.batches) == 0) && timestamp == 0 && offset == s.base {
			return // made large beforehand, as an active segment's is
		}
		if i > 0 && (timestamp <= lastTimestamp || offset < lastOffset) {
			c.report(name, at, "entry (%d, %d) follows (%d, %d)", timestamp, offset, lastTimestamp, lastOffset)
		}
		lastTimestamp, lastOffset = timestamp, offset
		if offset < s.base || (!s.last && offset >= s.nextStart) {
			c.report(name, at, "offset %d lies outside the segment", offset)
		}
		for next < len(s.batches) && s.batches[next].lastOffset < offset {
			largest = max(largest, s.batches[next].maxTimestamp)
			next++
		}
		if largest > timestamp {
			c.report(name, at, "timestamp %d at offset %d, but one before it is %d", timestamp, offset, largest)
		}
	}
}

func (c *checker) txnIndex(name string, raw []byte, s *segment) {
	if len(raw)%txnEntrySize != 0 {
		c.report(name, -1, "%d bytes are no multiple of %d", len(raw), txnEntrySize)
	}
	last := int64(-1)
	for at := 0; at+txnEntrySize <= len(raw); at += txnEntrySize {
		e := raw[at:]
		first, lastOffset := int64(binary.BigEndian.Uint64(e[10:])), int64(binary.BigEndian.Uint64(e[18:]))
		switch {
		case binary.BigEndian.Uint16(e) != 0:
			c.report(name, int64(at), "unknown entry version %d", binary.BigEndian.Uint16(e))
		case first > lastOffset || lastOffset < last:
			c.report(name, int64(at), "transaction from %d to %d follows one to %d", first, lastOffset, last)
		case lastOffset < s.base || (!s.last && lastOffset >= s.nextStart):
			c.report(name, int64(at), "a transaction that ends at %d lies outside the segment", lastOffset)
		}
		last = lastOffset
	}
}
