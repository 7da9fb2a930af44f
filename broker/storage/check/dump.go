package check

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/vfs"
)

// DumpOptions are the options of kafka-dump-log.sh. Start from DefaultDumpOptions.
type DumpOptions struct {
	Files              []string
	PrintDataLog       bool // --print-data-log, and implied by every decoder
	DeepIteration      bool // --deep-iteration, and implied by PrintDataLog
	VerifyIndexOnly    bool
	IndexSanityCheck   bool
	SkipRecordMetadata bool
	MaxMessageSize     int
	MaxBytes           int
	Decoder            Decoder // of what the records hold; nil: StringDecoder
	Limit              int     // the most that one batch may decompress to
}

// DefaultDumpOptions are the original's defaults.
func DefaultDumpOptions() DumpOptions {
	return DumpOptions{MaxMessageSize: 5 << 20, MaxBytes: math.MaxInt32, Limit: 1 << 30}
}

// Dump prints the files to out and what it finds wrong in them to errOut. An error is a file that can't be read further.
func Dump(fsys vfs.FS, out, errOut io.Writer, o DumpOptions) error {
	w := bufio.NewWriterSize(out, 64<<10)
	d := &dumper{fsys: fsys, o: o, out: w, errOut: errOut}
	if d.o.Decoder == nil {
		d.o.Decoder = StringDecoder
	}
	var err error
	for _, name := range o.Files {
		if err = d.file(name); err != nil {
			break
		}
	}
	if flushErr := w.Flush(); flushErr != nil {
		return flushErr
	}
	if err == nil {
		d.report()
	}
	return err
}

type dumper struct {
	fsys   vfs.FS
	o      DumpOptions
	out    *bufio.Writer
	errOut io.Writer
	line   []byte // reused

	indexMismatches   findings // index offset -> log offset
	timeMismatches    findings // index timestamp -> log timestamp
	timeOutOfOrder    findings // index timestamp -> the one before
	timeOffsetMissing findings // index offset -> log offset
	nonConsecutive    findings // offset -> the one that follows
}

// findings are pairs of numbers by file.
type findings struct {
	files []string
	pairs map[string][][2]int64
}

func (f *findings) add(file string, a, b int64) {
	if f.pairs == nil {
		f.pairs = make(map[string][][2]int64)
	}
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	if _, ok := f.pairs[file]; !ok {
		f.files = append(f.files, file)
	}
	f.pairs[file] = append(f.pairs[file], [2]int64{a, b})
}

// unique sorts the pairs by their first number, of which the last one counts, as Kafka's maps do.
func unique(pairs [][2]int64, descending bool) [][2]int64 {
	last := make(map[int64]int64)
	var keys []int64
	for _, p := range pairs {
		if _, ok := last[p[0]]; !ok {
			keys = append(keys, p[0])
		}
		last[p[0]] = p[1]
	}
	slices.Sort(keys)
	if descending {
		slices.Reverse(keys)
	}
	out := make([][2]int64, len(keys))
	for i, k := range keys {
		out[i] = [2]int64{k, last[k]}
	}
	return out
}

func (d *dumper) report() {
	print := func(f *findings, title, row string, order func([][2]int64) [][2]int64) {
		for _, file := range javaMapOrder(f.files) {
			fmt.Fprintf(d.errOut, "%s%s\n", title, file)
			for _, p := range order(f.pairs[file]) {
				fmt.Fprintf(d.errOut, row+"\n", p[0], p[1])
			}
		}
	}
	asFound := func(p [][2]int64) [][2]int64 { return p }
	print(&d.indexMismatches, "Mismatches in :", "  Index offset: %d, log offset: %d", func(p [][2]int64) [][2]int64 { return unique(p, true) })
	print(&d.timeMismatches, "Found timestamp mismatch in :", "  Index timestamp: %d, log timestamp: %d", asFound)
	print(&d.timeOutOfOrder, "Found out of order timestamp in :", "  Index timestamp: %d, Previously indexed timestamp: %d", asFound)
	print(&d.timeOffsetMissing, "The following indexed offsets are not found in :", "Indexed offset: %d, found log offset: %d", asFound)
	print(&d.nonConsecutive, "Non-consecutive offsets in ", "  %d is followed by %d", func(p [][2]int64) [][2]int64 { return unique(p, false) })
}

func (d *dumper) file(name string) error {
	d.printf("Dumping %s\n", name)
	base := filepath.Base(name)
	dot := strings.LastIndexByte(base, '.')
	suffix := ""
	if dot >= 0 {
		suffix = base[dot:]
	}
	switch suffix {
	case ".log", ".checkpoint":
		return d.log(name, base, suffix)
	case ".index":
		return d.index(name, base)
	case ".timeindex":
		return d.timeIndex(name, base)
	case ".snapshot":
		return d.producerSnapshot(name)
	case ".txnindex":
		return d.txnIndex(name)
	default:
		return d.complain("Ignoring unknown file %s\n", name)
	}
}

// complain writes to errOut, after what was printed so far.
func (d *dumper) complain(format string, args ...any) error {
	if err := d.out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.errOut, format, args...)
	return err
}

func (d *dumper) printf(format string, args ...any) {
	fmt.Fprintf(d.out, format, args...) // the buffered writer keeps its first error for Flush
}

// baseOffset is the offset that a file's name begins with.
func baseOffset(base string) (int64, error) {
	digits, _, _ := strings.Cut(base, ".")
	offset, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: the name of a segment's file begins with its base offset", base)
	}
	return offset, nil
}

// sibling is the file of another kind of the same segment.
func sibling(name, base, suffix string) string {
	digits, _, _ := strings.Cut(base, ".")
	return filepath.Join(filepath.Dir(name), digits+suffix)
}

// open opens a file and measures it.
func (d *dumper) open(name string) (vfs.File, int64, error) {
	f, err := d.fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// maxSmallFile bounds what is read into memory at once: an index, a snapshot.
const maxSmallFile = 1 << 30

func (d *dumper) small(name string) ([]byte, error) { return vfs.ReadFile(d.fsys, name, maxSmallFile) }
