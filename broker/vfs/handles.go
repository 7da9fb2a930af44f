package vfs

import "errors"

// ErrOutOfHandles is what OutOfHandles finds besides the system's own errors: for file systems of tests.
var ErrOutOfHandles = errors.New("too many open files")

// OutOfHandles tells whether err says that no more files can be opened, by this process or by the whole system. The files are well, and so is the disk:
// what could not be opened can be when others were closed.
func OutOfHandles(err error) bool { return errors.Is(err, ErrOutOfHandles) || outOfHandles(err) }

// HandleLimit is how many files this process may have open (ulimit -n); 0 where that is unknown or without a limit. Go raises the soft limit to the hard one
// when a process starts.
func HandleLimit() uint64 { return handleLimit() }
