package netx

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Windows' numbers for what POSIX calls EADDRINUSE, EADDRNOTAVAIL and EACCES; no other system has errors of these numbers.
const (
	wsaeacces        syscall.Errno = 10013
	wsaeaddrinuse    syscall.Errno = 10048
	wsaeaddrnotavail syscall.Errno = 10049
)

// Explain says of an error of Listen what to do about it. The error stays in the chain.
func Explain(err error) error {
	var lookup *net.DNSError
	is := func(codes ...error) bool {
		for _, c := range codes {
			if errors.Is(err, c) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return nil
	case is(syscall.EADDRINUSE, wsaeaddrinuse):
		return fmt.Errorf("another process has this port: stop it, or choose another port (%w)", err)
	case is(syscall.EADDRNOTAVAIL, wsaeaddrnotavail):
		return fmt.Errorf("this machine does not have that address: listen on :PORT, and put the address that clients use into advertised.listeners (%w)", err)
	case errors.As(err, &lookup):
		return fmt.Errorf("the host name cannot be resolved: listen on :PORT, and put the name that clients use into advertised.listeners (%w)", err)
	case is(syscall.EACCES, wsaeacces):
		return fmt.Errorf("the system does not allow this port, choose one above 1023 (%w)", err)
	}
	return err
}
