package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/kgo-project/kgo/connect"
)

const (
	// idle is how long a source waits for more at the end of its file. Apache's waits a second.
	idle = 50 * time.Millisecond
	// readSize is how much is read at once.
	readSize = 64 << 10
	// maxLine bounds the memory that one line takes.
	maxLine = 64 << 20
)

// source reads the lines of one file, or of standard input.
//
// DEVIATION(kafka): the position is counted in bytes. Apache's counts characters but skips bytes, and so goes on at the wrong
// place in a file that is not ASCII.
type source struct {
	log   *slog.Logger
	path  string
	topic string
	limit int

	in        io.Reader
	file      *os.File
	partition map[string]any
	position  int64  // of buf[0] in the file
	buf       []byte // read, not yet returned
	missing   bool   // the file's absence has been reported
	records   []*connect.Record
}

func (s *source) Start(sc connect.SourceContext, config connect.Config) error {
	s.log, s.path, s.topic, s.limit = sc.Logger(), config["file"], config["topic"], int(config.Int("batch.size", 2000))
	if s.limit <= 0 {
		s.limit = 1
	}
	if s.path == "" {
		s.in = os.Stdin
		return nil
	}
	s.partition = map[string]any{"filename": s.path}
	offset, err := sc.Offset(s.partition)
	if err != nil || offset == nil {
		return err
	}
	position, ok := toInt(offset["position"])
	if !ok && offset["position"] != nil {
		return errors.New("Offset position is the incorrect type")
	}
	s.position = position
	return nil
}

func (s *source) Poll(ctx context.Context) ([]*connect.Record, error) {
	if s.in == nil {
		if ok, err := s.open(); !ok {
			return nil, errors.Join(err, wait(ctx))
		}
	}
	s.records = s.records[:0]
	for s.lines(); len(s.records) == 0; s.lines() {
		n, err := s.read()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, wait(ctx)
		}
	}
	return s.records, nil
}

// wait lets a little time pass. That ctx ends meanwhile is no error.
func wait(ctx context.Context) error {
	t := time.NewTimer(idle)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return nil
}

func (s *source) open() (bool, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !s.missing {
			s.log.Warn("Couldn't find file " + s.path + ", waiting for it to be created")
		}
		s.missing = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := f.Seek(s.position, io.SeekStart); err != nil {
		return false, errors.Join(err, f.Close())
	}
	s.file, s.in = f, f
	return true, nil
}

// read adds to the buffer; n is 0 at the end of the file.
func (s *source) read() (int, error) {
	if len(s.buf) > maxLine {
		return 0, fmt.Errorf("%s: a line of more than %d bytes at %d", s.path, maxLine, s.position)
	}
	if free := cap(s.buf) - len(s.buf); free < readSize {
		grown := make([]byte, len(s.buf), 2*len(s.buf)+2*readSize)
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.in.Read(s.buf[len(s.buf) : len(s.buf)+readSize])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// lines takes the whole lines from the buffer. They end with \n, \r\n or \r; a \r at the end of the buffer may be half of one
// and waits for what follows.
func (s *source) lines() {
	now := time.Now().UnixMilli()
	for len(s.records) < s.limit {
		end := bytes.IndexByte(s.buf, '\n')
		next := end + 1
		part := s.buf
		if end >= 0 {
			part = s.buf[:end]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			if cr+1 == len(s.buf) {
				return
			}
			end, next = cr, cr+1
			if s.buf[next] == '\n' {
				next++
			}
		}
		if end < 0 {
			return
		}
		line := string(s.buf[:end])
		s.buf = s.buf[next:]
		s.position += int64(next)
		r := &connect.Record{
			Topic: s.topic, Partition: -1, TimestampMs: now, SourcePartition: s.partition,
			Value: connect.Value{Schema: connect.StringSchema, Data: line},
		}
		if s.partition != nil {
			r.SourceOffset = map[string]any{"position": s.position}
		}
		s.records = append(s.records, r)
	}
}

func (s *source) Stop() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
