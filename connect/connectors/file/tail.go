package file

import (
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

const (
	// readSize is how much is read at once.
	readSize = 64 << 10
	// maxLine bounds the memory that one line takes.
	maxLine = 64 << 20
	// fingerprintSize is how much of a file's beginning identifies it.
	fingerprintSize = 1024
)

// tail reads one file as it grows.
type tail struct {
	path     string
	gzip     bool
	in       io.Reader // nil: not open
	file     *os.File  // nil for standard input
	position int64     // of buf[0]; of a compressed file, in what it unpacks to
	buf      []byte    // read, not yet returned
	missing  bool      // the file's absence has been reported
	ended    bool      // a compressed file has been read to its end
	head     []byte    // the first bytes of the file, for its fingerprint
	columns  []string  // of CSV, from the file's header
	// partition is the same map for all records of the file.
	partition map[string]any
}

// open opens the file at the position; false if it is not there.
func (t *tail) open() (bool, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := t.use(f); err != nil {
		return false, errors.Join(err, f.Close())
	}
	return true, nil
}

func (t *tail) use(f *os.File) error {
	t.buf = t.buf[:0]
	if t.gzip {
		z, err := gzip.NewReader(f)
		if err == nil {
			_, err = io.CopyN(io.Discard, z, t.position)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // it is still being written
			return errIncomplete
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
		t.file, t.in = f, z
		return nil
	}
	if _, err := f.Seek(t.position, io.SeekStart); err != nil {
		return err
	}
	t.file, t.in = f, f
	return nil
}

var errIncomplete = errors.New("a compressed file is not complete yet")

// read adds to the buffer; n is 0 at the end of the file.
func (t *tail) read() (int, error) {
	if t.ended {
		return 0, nil
	}
	if len(t.buf) > maxLine {
		return 0, fmt.Errorf("%s: a line of more than %d bytes at %d", t.path, maxLine, t.position)
	}
	if free := cap(t.buf) - len(t.buf); free < readSize {
		grown := make([]byte, len(t.buf), 2*len(t.buf)+2*readSize)
		copy(grown, t.buf)
		t.buf = grown
	}
	n, err := t.in.Read(t.buf[len(t.buf) : len(t.buf)+readSize])
	t.buf = t.buf[:len(t.buf)+n]
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		t.ended = t.gzip
		err = nil
	case t.gzip && errors.Is(err, io.ErrUnexpectedEOF): // go on when there is more
		err = t.close()
	}
	return n, err
}

// take removes n bytes that have been returned.
func (t *tail) take(n int) {
	t.buf = t.buf[n:]
	t.position += int64(n)
}

func (t *tail) close() error {
	f := t.file
	t.file, t.in, t.buf = nil, nil, t.buf[:0]
	if f == nil {
		return nil
	}
	return f.Close()
}

// restart makes the tail begin at the beginning of whatever has the path now.
func (t *tail) restart() error {
	err := t.close()
	t.position, t.ended, t.head, t.columns = 0, false, nil, nil
	return err
}

// moved tells what has happened to the file since it was opened.
func (t *tail) moved() (replaced, truncated bool, err error) {
	own, err := t.file.Stat()
	if err != nil {
		return false, false, err
	}
	now, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // between a rename and the new file
		return false, false, nil
	case err != nil:
		return false, false, err
	}
	if !os.SameFile(own, now) {
		return true, false, nil
	}
	return false, !t.gzip && now.Size() < t.position+int64(len(t.buf)), nil
}

// fingerprint identifies the file by its first bytes up to the position.
func (t *tail) fingerprint() string {
	if want := min(t.position, fingerprintSize); int64(len(t.head)) < want && t.file != nil {
		head := make([]byte, want)
		if n, err := t.file.ReadAt(head, 0); err == nil || int64(n) == want {
			t.head = head
		}
	}
	return fmt.Sprintf("%d-%08x", len(t.head), crc32.ChecksumIEEE(t.head))
}

// matches tells whether a file begins with what the fingerprint was made of.
func matches(path, fingerprint string) bool {
	var size int
	var sum uint32
	if n, err := fmt.Sscanf(fingerprint, "%d-%x", &size, &sum); n != 2 || err != nil || size < 0 || size > fingerprintSize {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, size)
	if _, err := io.ReadFull(f, head); err != nil {
		return false
	}
	return crc32.ChecksumIEEE(head) == sum
}
