package file

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/offsets"
)

// parts writes part files, one after the other for each partition. A part is written beside its place under a name that ends with
// .part, synced, and moved into place whole; its name says which offsets it has:
//
//	out.txt -> out-<topic>-<partition>-<first offset>-<last offset>.txt
//
// A file out.txt.<topic>-<partition>.offsets has the next offset, for when parts are taken away. After a crash what was in unfinished
// parts is read again, so that no record is in two parts and none is missing.
type parts struct {
	base, ext string
	gzip      bool
	maxSize   int64
	maxAge    time.Duration

	writing map[connect.TopicPartition]*part // being written
	next    map[connect.TopicPartition]int64 // after the last complete part; absent if there is none
}

// part is a file being written.
type part struct {
	path        string
	file        *os.File
	buf         *bufio.Writer
	gzip        *gzip.Writer // nil unless compressed
	size        int64        // before compression
	began       time.Time
	first, last int64
}

func newParts(config connect.Config, path string, zipped bool) *parts {
	p := &parts{
		gzip: zipped, maxSize: config.Int("part.size.bytes", 0), maxAge: config.Duration("part.interval.ms", 0),
		writing: make(map[connect.TopicPartition]*part), next: make(map[connect.TopicPartition]int64),
	}
	p.base, p.ext = splitExt(path)
	if zipped {
		p.ext += ".gz"
	}
	return p
}

func (p *parts) beside(tp connect.TopicPartition) string {
	return p.base + p.ext + "." + key(tp) + ".offsets"
}

func (p *parts) unfinished(tp connect.TopicPartition) string {
	return p.base + "-" + key(tp) + p.ext + ".part"
}

// open finds out where partitions were left.
func (p *parts) open(list []connect.TopicPartition) (map[connect.TopicPartition]int64, error) {
	out := make(map[connect.TopicPartition]int64)
	for _, tp := range list {
		if err := os.Remove(p.unfinished(tp)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		next, err := p.left(tp)
		if err != nil {
			return nil, err
		}
		if next >= 0 {
			out[tp], p.next[tp] = next, next
		}
	}
	return out, nil
}

// left is the offset after the last complete part, -1 if there is none.
func (p *parts) left(tp connect.TopicPartition) (int64, error) {
	next := int64(-1)
	b, err := os.ReadFile(p.beside(tp))
	if err == nil {
		if next, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err != nil {
			return 0, fmt.Errorf("%s: %w", p.beside(tp), err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	name := regexp.MustCompile("^" + regexp.QuoteMeta(filepath.Base(p.base)+"-"+key(tp)+"-") + `(\d+)-(\d+)` + regexp.QuoteMeta(p.ext) + "$")
	entries, err := os.ReadDir(filepath.Dir(p.base))
	if err != nil {
		return 0, connectError("Couldn't find the folder of '"+p.base+"' for FileStreamSinkTask", err)
	}
	for _, e := range entries { // a part may have been moved into place just before a crash
		if m := name.FindStringSubmatch(e.Name()); m != nil {
			if last, err := strconv.ParseInt(m[2], 10, 64); err == nil {
				next = max(next, last+1)
			}
		}
	}
	return next, nil
}

func (p *parts) put(records []*connect.Record, enc encoder, sc connect.SinkContext) error {
	var line []byte
	for _, r := range records {
		tp := r.Origin
		one := p.writing[tp]
		if one == nil {
			var err error
			if one, err = p.begin(tp, r.KafkaOffset, enc); err != nil {
				return err
			}
		}
		var err error
		if line, err = enc.append(line[:0], r.Value); err != nil {
			if err := sc.Report(r, err); err != nil {
				return err
			}
			line = line[:0]
		}
		if err := one.write(line); err != nil {
			return err
		}
		one.last = r.KafkaOffset
		if p.maxSize > 0 && one.size >= p.maxSize {
			if err := p.finish(tp); err != nil {
				return err
			}
		}
	}
	for tp, one := range p.writing {
		if p.maxAge > 0 && time.Since(one.began) >= p.maxAge {
			if err := p.finish(tp); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parts) begin(tp connect.TopicPartition, first int64, enc encoder) (*part, error) {
	path := p.unfinished(tp)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, connectError("Couldn't find or create file '"+path+"' for FileStreamSinkTask", err)
	}
	one := &part{path: path, file: f, buf: bufio.NewWriterSize(f, readSize), began: time.Now(), first: first, last: first}
	if p.gzip {
		one.gzip = gzip.NewWriter(one.buf)
	}
	p.writing[tp] = one
	var head []byte
	if err := enc.begin(&head, true); err != nil {
		return nil, err
	}
	return one, one.write(head)
}

func (o *part) write(b []byte) error {
	var w io.Writer = o.buf
	if o.gzip != nil {
		w = o.gzip
	}
	o.size += int64(len(b))
	_, err := w.Write(b)
	return err
}

// finish moves a part into its place.
func (p *parts) finish(tp connect.TopicPartition) error {
	one := p.writing[tp]
	if one == nil {
		return nil
	}
	delete(p.writing, tp)
	var err error
	if one.gzip != nil {
		err = one.gzip.Close()
	}
	if err = errors.Join(err, one.buf.Flush()); err == nil {
		err = one.file.Sync()
	}
	if err = errors.Join(err, one.file.Close()); err != nil {
		return err
	}
	place := fmt.Sprintf("%s-%s-%d-%d%s", p.base, key(tp), one.first, one.last, p.ext)
	if err := os.Rename(one.path, place); err != nil {
		return err
	}
	p.next[tp] = one.last + 1
	return offsets.WriteFile(p.beside(tp), fmt.Appendln(nil, one.last+1))
}

// committable takes away from offsets what is not in complete parts yet.
func (p *parts) committable(next map[connect.TopicPartition]int64) map[connect.TopicPartition]int64 {
	out := make(map[connect.TopicPartition]int64, len(next))
	for tp, at := range next {
		if one := p.writing[tp]; one != nil {
			at = one.first
		}
		out[tp] = at
	}
	return out
}

// leave ends the parts of partitions that others have from now on.
func (p *parts) leave(list []connect.TopicPartition) error {
	var errs []error
	for _, tp := range list {
		one := p.writing[tp]
		if one == nil {
			continue
		}
		delete(p.writing, tp)
		errs = append(errs, one.file.Close(), os.Remove(one.path))
	}
	return errors.Join(errs...)
}

// stop leaves nothing unfinished: what is in unfinished parts has not been committed and is read again.
func (p *parts) stop() error {
	var list []connect.TopicPartition
	for tp := range p.writing {
		list = append(list, tp)
	}
	return p.leave(list)
}
