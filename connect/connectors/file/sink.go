package file

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/offsets"
)

// sink writes each value as a line at the end of a file, or to standard output; or hands it to part files.
type sink struct {
	sc    connect.SinkContext
	enc   encoder
	out   io.Writer
	file  *os.File
	gzip  *gzip.Writer // nil unless compressed; a member is ended by each Flush
	buf   []byte
	parts *parts

	// beside is the file with the offsets, "" for none. state is what is in it, next what has been written since.
	beside string
	state  written
	next   map[string]int64
}

// written is the contents of the file beside the data: how much of that is accounted for, and the next offset of each partition.
type written struct {
	Size    int64            `json:"size"`
	Offsets map[string]int64 `json:"offsets"`
}

func connectError(text string, cause error) error {
	return &connect.DataError{Class: "org.apache.kafka.connect.errors.ConnectException", Text: text, Cause: cause}
}

func (s *sink) Start(sc connect.SinkContext, config connect.Config) error {
	s.sc = sc
	var err error
	if s.enc, err = newEncoder(config); err != nil {
		return err
	}
	path := config["file"]
	if path == "" {
		s.out = os.Stdout
		return s.enc.begin(&s.buf, true)
	}
	zipped := config.Or("compression", "none") == "gzip"
	if p := newParts(config, path, zipped); p.maxSize > 0 || p.maxAge > 0 {
		s.parts = p
		return nil
	}
	if config.Bool("file.offsets", false) {
		s.beside, s.next = path+".offsets", make(map[string]int64)
		if err := s.readState(path); err != nil {
			return connectError("Couldn't go on with '"+path+"' and the offsets beside it", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return connectError("Couldn't find or create file '"+path+"' for FileStreamSinkTask", err)
	}
	s.file, s.out = f, f
	if zipped {
		s.gzip = gzip.NewWriter(f)
		s.out = s.gzip
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return s.enc.begin(&s.buf, info.Size() == 0)
}

// readState reads the offsets beside the file and cuts off what they do not account for: it will come again.
func (s *sink) readState(path string) error {
	b, err := os.ReadFile(s.beside)
	if errors.Is(err, fs.ErrNotExist) {
		info, err := os.Stat(path)
		if err == nil && info.Size() > 0 {
			// What is there was not written with offsets, and is kept.
			s.state = written{Size: info.Size()}
			return s.writeState()
		}
		return s.writeState()
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s.state); err != nil {
		return fmt.Errorf("%s: %w", s.beside, err)
	}
	maps.Copy(s.next, s.state.Offsets)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.state.Size > 0:
		return fmt.Errorf("the file is gone; remove %s too, or bring the file back", s.beside)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() < s.state.Size:
		return fmt.Errorf("the file has %d bytes, less than the %d that %s accounts for", info.Size(), s.state.Size, s.beside)
	}
	return os.Truncate(path, s.state.Size)
}

func (s *sink) writeState() error {
	b, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	return offsets.WriteFile(s.beside, append(b, '\n'))
}

// key names a partition in the file beside the data: topic-0, as in Kafka's logs.
func key(tp connect.TopicPartition) string {
	return tp.Topic + "-" + strconv.Itoa(int(tp.Partition))
}

// Open implements connect.SinkOpener: where offsets are kept beside the data, reading goes on from them.
func (s *sink) Open(list []connect.TopicPartition) (map[connect.TopicPartition]int64, error) {
	if s.parts != nil {
		return s.parts.open(list)
	}
	out := make(map[connect.TopicPartition]int64)
	for _, tp := range list {
		if at, ok := s.next[key(tp)]; ok && s.beside != "" {
			out[tp] = at
		}
	}
	return out, nil
}

// Close implements connect.SinkOpener.
func (s *sink) Close(list []connect.TopicPartition) error {
	if s.parts != nil {
		return s.parts.leave(list)
	}
	return nil
}

func (s *sink) Put(_ context.Context, records []*connect.Record) error {
	if s.parts != nil {
		return s.parts.put(records, s.enc, s.sc)
	}
	if len(records) == 0 {
		return nil
	}
	for _, r := range records {
		start := len(s.buf)
		var err error
		if s.buf, err = s.enc.append(s.buf, r.Value); err != nil {
			s.buf = s.buf[:start]
			if err := s.sc.Report(r, err); err != nil {
				return err
			}
		}
		if s.beside != "" && r.FromKafka() {
			s.next[key(r.Origin)] = max(s.next[key(r.Origin)], r.KafkaOffset+1)
		}
	}
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// Flush makes what was put durable where that was asked for. Without options there is nothing to do: Put leaves nothing behind.
func (s *sink) Flush(_ context.Context, next map[connect.TopicPartition]int64) error {
	if s.gzip != nil {
		if err := s.gzip.Close(); err != nil {
			return err
		}
		s.gzip.Reset(s.file)
	}
	if s.beside == "" {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if s.state.Offsets == nil {
		s.state.Offsets = make(map[string]int64)
	}
	s.state.Size = info.Size()
	for tp, at := range next { // what was passed over counts as well
		s.next[key(tp)] = max(s.next[key(tp)], at)
	}
	maps.Copy(s.state.Offsets, s.next)
	return s.writeState()
}

// PreCommit implements connect.SinkPreCommitter: what is in part files that are not complete is read again after a crash.
func (s *sink) PreCommit(ctx context.Context, next map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	if s.parts == nil {
		return next, s.Flush(ctx, next)
	}
	return s.parts.committable(next), nil
}

func (s *sink) Stop() error {
	if s.parts != nil {
		return s.parts.stop()
	}
	if s.file == nil {
		return nil
	}
	var err error
	if s.gzip != nil && s.beside == "" {
		err = s.gzip.Close()
	}
	return errors.Join(err, s.file.Close())
}

// splitExt splits a path into what comes before its extension and the extension.
func splitExt(path string) (base, ext string) {
	slash := strings.LastIndexAny(path, `/\`)
	if dot := strings.LastIndexByte(path, '.'); dot > slash+1 {
		return path[:dot], path[dot:]
	}
	return path, ""
}
