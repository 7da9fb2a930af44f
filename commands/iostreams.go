package commands

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// IOStreams are a command's input and output. Data goes to Out, which is buffered; everything else to ErrOut.
type IOStreams struct {
	In     io.Reader
	Out    io.Writer
	ErrOut io.Writer

	// InTTY and OutTTY tell whether the streams are terminals: a person is asked only if both are.
	InTTY, OutTTY bool

	// hints tells whether standard error is a terminal on which a line can be taken back.
	hints bool

	buffered *lockedBuffer
}

// SystemIO returns the streams of the process.
func SystemIO() *IOStreams {
	out := &lockedBuffer{w: bufio.NewWriterSize(os.Stdout, 64<<10), color: wantsColor(os.Stdout)}
	return &IOStreams{
		In:       os.Stdin,
		Out:      out,
		ErrOut:   &flushFirst{w: os.Stderr, first: out, color: wantsColor(os.Stderr)},
		InTTY:    term.IsTerminal(int(os.Stdin.Fd())),
		OutTTY:   term.IsTerminal(int(os.Stdout.Fd())),
		hints:    term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb",
		buffered: out,
	}
}

// TestIO returns streams that read the given input and collect the output.
func TestIO(input string) (streams *IOStreams, out, errOut *bytes.Buffer) {
	out, errOut = new(bytes.Buffer), new(bytes.Buffer)
	return &IOStreams{In: bytes.NewBufferString(input), Out: out, ErrOut: errOut}, out, errOut
}

// Interactive reports whether a person sits at both ends.
func (s *IOStreams) Interactive() bool { return s.InTTY && s.OutTTY }

// hint shows a person a line that the next hint, an empty one too, takes back. Nobody else sees any.
func (s *IOStreams) hint(text string) {
	if s.hints {
		fmt.Fprint(s.ErrOut, "\r\x1b[K"+paint(s.ErrOut, caution, text))
	}
}

// Flush writes out what is buffered.
func (s *IOStreams) Flush() error {
	if s.buffered == nil {
		return nil
	}
	return s.buffered.Flush()
}

// lockedBuffer is a buffered writer for several goroutines.
type lockedBuffer struct {
	color bool // a person looks at it: see paint
	mu    sync.Mutex
	w     *bufio.Writer
}

func (b *lockedBuffer) colored() bool { return b.color }

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(p)
}

func (b *lockedBuffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Flush()
}

// flushFirst keeps the two streams in order where a terminal shows both.
type flushFirst struct {
	w     io.Writer
	first *lockedBuffer
	color bool // a person looks at it: see paint
}

func (f *flushFirst) colored() bool { return f.color }

func (f *flushFirst) Write(p []byte) (int, error) {
	if err := f.first.Flush(); err != nil && !isBrokenPipe(err) {
		return 0, err
	}
	return f.w.Write(p)
}

func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
