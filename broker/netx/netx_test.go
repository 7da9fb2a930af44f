package netx

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// echo accepts connections and sends back what comes, until the listener closes.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

func roundTrip(c net.Conn) error {
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return err
}

func TestBothNetworksCarryBytes(t *testing.T) {
	for name, network := range map[string]Network{"tcp": TCP(), "mem": NewMem().Host("127.0.0.1")} {
		t.Run(name, func(t *testing.T) {
			l, err := network.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go echo(l)
			c, err := network.DialContext(t.Context(), l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := roundTrip(c); err != nil {
				t.Fatal(err)
			}
			if _, err := network.Listen(t.Context(), l.Addr().String()); err == nil {
				t.Error("two listeners on one address")
			}
			l.Close()
			if _, err := network.DialContext(t.Context(), l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dialing a closed listener: %v", err)
			}
		})
	}
}

func TestCutBreaksAndHealAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMem()
		l, err := m.Host("b").Listen(t.Context(), "b:9092")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go echo(l)
		c, err := m.Host("a").DialContext(t.Context(), "b:9092")
		if err != nil {
			t.Fatal(err)
		}
		m.Cut("b", "a")
		if err := roundTrip(c); err == nil {
			t.Error("bytes passed a cut link")
		}
		if _, err := m.Host("a").DialContext(t.Context(), "b:9092"); !errors.Is(err, ErrCut) {
			t.Errorf("dialing over a cut link: %v", err)
		}
		m.Heal("a", "b")
		m.SetDelay("a", "b", time.Second)
		c, err = m.Host("a").DialContext(t.Context(), "b:9092")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		if err := roundTrip(c); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("round trip: %v after %v", err, time.Since(start))
		}
	})
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMem()
		l, err := m.Host("b").Listen(t.Context(), "b:1") // nobody accepts
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Host("a").DialContext(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
