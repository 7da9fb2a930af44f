package file

import (
	"context"
	"io"
	"os"

	"github.com/kgo-project/kgo/connect"
)

// sink writes each value as a line at the end of a file, or to standard output.
type sink struct {
	out  io.Writer
	file *os.File
	buf  []byte
}

func (s *sink) Start(_ connect.SinkContext, config connect.Config) error {
	path := config["file"]
	if path == "" {
		s.out = os.Stdout
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return &connect.DataError{
			Class: "org.apache.kafka.connect.errors.ConnectException",
			Text:  "Couldn't find or create file '" + path + "' for FileStreamSinkTask", Cause: err,
		}
	}
	s.file, s.out = f, f
	return nil
}

func (s *sink) Put(_ context.Context, records []*connect.Record) error {
	s.buf = s.buf[:0]
	for _, r := range records {
		s.buf = append(connect.AppendText(s.buf, r.Value.Data), '\n')
	}
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.out.Write(s.buf)
	return err
}

// Flush has nothing to do: Put leaves nothing behind.
func (s *sink) Flush(context.Context, map[connect.TopicPartition]int64) error { return nil }

func (s *sink) Stop() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
