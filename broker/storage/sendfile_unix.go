//go:build linux || darwin

package storage

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// sendFileMax is how much one call sends at most: less than what the system takes, so that a big fetch does not hold a thread for long.
const sendFileMax = 4 << 20

// sendFile sends size bytes of f from position on to conn, without moving f's own position, so that many may send from one file at
// a time. It waits for the socket through the runtime's poller and honours the connection's write deadline.
// handled is false if the system can't do it for these files and nothing was sent.
func sendFile(conn *net.TCPConn, f *os.File, position, size int64) (sent int64, handled bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	src := int(f.Fd())
	var sendErr error
	err = raw.Write(func(dst uintptr) bool {
		for sent < size {
			offset := position + sent
			n, err := unix.Sendfile(int(dst), src, &offset, int(min(size-sent, sendFileMax)))
			if n > 0 {
				sent += int64(n)
			}
			switch {
			case err == nil && n > 0:
			case err == nil:
				sendErr = io.ErrUnexpectedEOF // the file was cut under us: a follower truncated it
				return true
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				return false
			default:
				sendErr = err
				return true
			}
		}
		return true
	})
	if err == nil {
		err = sendErr
	}
	if sent == 0 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)) {
		return 0, false, nil
	}
	if err != nil {
		err = os.NewSyscallError("sendfile", err)
	}
	return sent, true, err
}
