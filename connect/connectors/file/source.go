package file

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
)

// idle is how long a source waits for more at the end of its files. Apache's waits a second.
const idle = 50 * time.Millisecond

// source reads the records of files, or of standard input.
//
// DEVIATION(kafka): the position is counted in bytes. Apache's counts characters but skips bytes, and so goes on at the wrong
// place in a file that is not ASCII.
type source struct {
	sc       connect.SourceContext
	log      *slog.Logger
	config   connect.Config
	topic    string
	limit    int
	follow   bool // renames and truncation
	tolerant bool // of records that are not in the format
	parser   parser

	patterns []string
	scanned  time.Time
	interval time.Duration

	tails   []*tail
	turn    int // the tail to look at first
	records []*connect.Record
}

func (s *source) Start(sc connect.SourceContext, config connect.Config) error {
	s.sc, s.log, s.config, s.topic, s.limit = sc, sc.Logger(), config, config["topic"], max(1, int(config.Int("batch.size", 2000)))
	s.follow, s.tolerant = config.Bool("file.follow", false), config.Or("errors.tolerance", "none") == "all"
	s.patterns, s.interval = config.List("file.pattern"), config.Duration("file.scan.interval.ms", time.Second)
	switch config.Or("format", "line") {
	case "json":
		s.parser = jsonParser{}
	case "csv":
		s.parser = &csvParser{csvOptions: newCSV(config)}
	default:
		s.parser = lineParser{}
	}
	path := config["file"]
	switch {
	case len(s.patterns) > 0:
		return s.scan()
	case path == "":
		s.tails = []*tail{{in: os.Stdin}}
		return nil
	}
	return s.add(path)
}

// add begins with a file, or goes on where its offset says.
func (s *source) add(path string) error {
	t := &tail{path: path, gzip: compressed(s.config, path), partition: map[string]any{"filename": path}}
	offset, err := s.sc.Offset(t.partition)
	if err != nil {
		return err
	}
	position, ok := toInt(offset["position"])
	if !ok && offset["position"] != nil {
		return errors.New("Offset position is the incorrect type")
	}
	t.position = position
	print, _ := offset["fingerprint"].(string)
	if s.follow && position > 0 && print != "" && !matches(path, print) {
		s.finishRenamed(t, print)
	}
	s.tails = append(s.tails, t)
	return nil
}

// finishRenamed deals with a file that has taken the place of the one that the offset is of: that one, if it is still there under
// another name, is read to its end first.
func (s *source) finishRenamed(t *tail, print string) {
	siblings, _ := filepath.Glob(escapeGlob(t.path) + "*")
	for _, other := range siblings {
		if other == t.path || !matches(other, print) {
			continue
		}
		f, err := os.Open(other)
		if err != nil {
			continue
		}
		if err := t.use(f); err != nil {
			_ = f.Close()
			continue
		}
		s.log.Info("the file was renamed; the rest of it is read first", "file", t.path, "now", other)
		return
	}
	s.log.Warn("the file is another one than it was; it is read from its beginning", "file", t.path)
	t.position = 0
}

func escapeGlob(path string) string {
	var b []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			if os.PathSeparator != '\\' {
				b = append(b, '\\')
			}
		}
		b = append(b, path[i])
	}
	return string(b)
}

// scan looks for files of the patterns that are not known yet. With file.follow a name that is another's with something added,
// as app.log.1 is app.log's, is taken for an older part of that file, and is not read by itself.
func (s *source) scan() error {
	s.scanned = time.Now()
	for _, pattern := range s.patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return errors.New("file.pattern " + pattern + ": " + err.Error())
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil || info.IsDir() || slices.ContainsFunc(s.tails, func(t *tail) bool { return t.path == path }) || s.follow && s.isOlder(path, paths) {
				continue
			}
			if err := s.add(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *source) isOlder(path string, paths []string) bool {
	longer := func(other string) bool { return other != path && strings.HasPrefix(path, other) }
	return slices.ContainsFunc(paths, longer) || slices.ContainsFunc(s.tails, func(t *tail) bool { return longer(t.path) })
}

func (s *source) Poll(ctx context.Context) ([]*connect.Record, error) {
	if len(s.patterns) > 0 && time.Since(s.scanned) >= s.interval {
		if err := s.scan(); err != nil {
			return nil, err
		}
	}
	s.records = s.records[:0]
	for i := range s.tails {
		t := s.tails[(s.turn+i)%len(s.tails)]
		if err := s.readFrom(t); err != nil {
			return nil, err
		}
		if len(s.records) > 0 {
			s.turn = (s.turn + i + 1) % len(s.tails)
			return s.records, nil
		}
	}
	return nil, wait(ctx)
}

// readFrom takes the records that a file has now, up to the limit.
func (s *source) readFrom(t *tail) error {
	if t.in == nil {
		if ok, err := s.openTail(t); !ok {
			return err
		}
	}
	for {
		if err := s.parse(t); err != nil || len(s.records) > 0 {
			return err
		}
		n, err := t.read()
		if err != nil || t.in == nil { // a compressed file that is not complete yet is closed
			return err
		}
		if n > 0 {
			continue
		}
		if t.ended && len(t.buf) > 0 { // what is left has no end of its own
			return s.parse(t)
		}
		if again, err := s.follows(t); !again {
			return err
		}
	}
}

func (s *source) openTail(t *tail) (bool, error) {
	ok, err := t.open()
	if errors.Is(err, errIncomplete) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !ok {
		if !t.missing {
			s.log.Warn("Couldn't find file " + t.path + ", waiting for it to be created")
		}
		t.missing = true
		return false, nil
	}
	if p, isCSV := s.parser.(*csvParser); isCSV && p.header && t.position > 0 && t.columns == nil {
		if t.columns, err = p.readHeader(t.path, t.gzip); err != nil {
			return false, err
		}
	}
	return true, nil
}

// follows looks, at the end of a file, whether another one has its name now or whether it was truncated; true means that there is
// something to read at once.
func (s *source) follows(t *tail) (bool, error) {
	if !s.follow || t.file == nil {
		return false, nil
	}
	replaced, truncated, err := t.moved()
	switch {
	case err != nil:
		return false, err
	case replaced:
		// Whoever renamed the file may still have written to it since it was last read.
		if n, err := t.read(); n > 0 || err != nil {
			return true, err
		}
		if len(t.buf) > 0 {
			s.log.Warn("the file was replaced when its last line had no end; the line is left out", "file", t.path, "bytes", len(t.buf))
		}
		s.log.Info("another file has the name now", "file", t.path)
	case truncated:
		s.log.Warn("the file was truncated; it is read from its beginning", "file", t.path)
	default:
		return false, nil
	}
	if err := t.restart(); err != nil {
		return false, err
	}
	return s.openTail(t)
}

// parse makes records of what has been read.
func (s *source) parse(t *tail) error {
	now := time.Now().UnixMilli()
	defer func() { // the last record alone says where its batch ends
		if n := len(s.records); n > 0 && t.partition != nil {
			offset := map[string]any{"position": t.position}
			if s.follow {
				offset["fingerprint"] = t.fingerprint()
			}
			s.records[n-1].SourceOffset = offset
		}
	}()
	for len(s.records) < s.limit && t.in != nil {
		v, length, skip, err := s.parser.next(t)
		if length == 0 {
			return nil
		}
		if err != nil && !s.tolerant {
			return dataError(t.path, t.position, err)
		}
		at := t.position
		t.take(length)
		if err != nil {
			s.log.Warn("a record is passed over", "file", t.path, "position", at, "error", err)
			continue
		}
		if skip {
			continue
		}
		s.records = append(s.records, &connect.Record{Topic: s.topic, Partition: -1, TimestampMs: now, SourcePartition: t.partition, Value: v})
	}
	return nil
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

func (s *source) Stop() error {
	var errs []error
	for _, t := range s.tails {
		if t.file != nil {
			errs = append(errs, t.close())
		}
	}
	return errors.Join(errs...)
}
