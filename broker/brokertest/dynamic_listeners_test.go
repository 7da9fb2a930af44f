package brokertest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// setBroker changes one dynamic key of a broker; an empty value takes it away.
func setBroker(ctx context.Context, admin *kadm.Client, key, value string) error {
	op := kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value}
	if value == "" {
		op = kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key}
	}
	resp, err := admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{op}, 1)
	if err == nil {
		err = resp[0].Err
	}
	return err
}

const withExtra = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"

// A listener that is added serves clients, who are told of the broker at that listener; it is there again after a restart.
func TestListenerAddedWhileTheBrokerRuns(t *testing.T) {
	n := brokertest.Start(t, withExtra)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(n.Client())
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	if err := setBroker(ctx, admin, "listeners", "PLAINTEXT://127.0.0.1:0,EXTRA://"+addr); err != nil {
		t.Fatal(err)
	}
	produce := func() {
		t.Helper()
		awaitTrue(t, "the listener is open, and its clients know the broker", func() bool {
			cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("t"))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			brokers, err := kadm.NewClient(cl).ListBrokers(ctx)
			if err != nil || len(brokers) == 0 {
				return false
			}
			if at := net.JoinHostPort(brokers[0].Host, strconv.Itoa(int(brokers[0].Port))); at != addr {
				t.Fatalf("clients of the listener at %s are sent to %s", addr, at)
			}
			return cl.ProduceSync(ctx, kgo.StringRecord("v")).FirstErr() == nil
		})
	}
	produce()
	if err := setBroker(ctx, admin, "listeners", ""); !errors.Is(err, kerr.InvalidRequest) {
		t.Errorf("a listener that clients are told of is taken away: %v", err)
	}
	n.Restart()
	produce()
}

// A listener that isn't advertised can be taken away again: its clients are cut off, and nobody else. One that can't be opened harms nothing.
func TestListenerTakenAwayWhileTheBrokerRuns(t *testing.T) {
	own := freeAddr(t)
	n := brokertest.Start(t, withExtra, "listeners=PLAINTEXT://"+own, "advertised.listeners=PLAINTEXT://"+own)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := n.Client()
	admin := kadm.NewClient(cl)
	set := func(listeners string) {
		t.Helper()
		if err := setBroker(ctx, admin, "listeners", listeners); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	set("PLAINTEXT://" + own + ",EXTRA://" + taken.Addr().String())

	addr := freeAddr(t)
	set("PLAINTEXT://" + own + ",EXTRA://" + addr)
	var conn net.Conn
	awaitTrue(t, "the listener is open", func() bool {
		conn, err = net.Dial("tcp", addr)
		return err == nil
	})
	defer conn.Close()
	set("")
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("a connection of a listener that is gone: %v", err)
	}
	awaitTrue(t, "the listener is gone", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if err := cl.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// A listener that stays is bound where it was until the broker starts anew.
func TestListenersPortChangesAtTheNextStart(t *testing.T) {
	before, after := freeAddr(t), freeAddr(t)
	n := brokertest.Start(t, "listeners=PLAINTEXT://"+before)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(n.Client())
	if err := setBroker(ctx, admin, "listeners", "PLAINTEXT://"+after); err != nil {
		t.Fatal(err)
	}
	at := func(addr string) []string {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		brokers, err := kadm.NewClient(cl).ListBrokers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, b := range brokers {
			out = append(out, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
		}
		return out
	}
	if got := at(before); !slices.Equal(got, []string{before}) {
		t.Errorf("before the restart clients are sent to %v", got)
	}
	n.Restart()
	if got := at(after); !slices.Equal(got, []string{after}) {
		t.Errorf("after the restart, at %s, clients are sent to %v; it was at %s", after, got, before)
	}
}

// A listener that can't be bound where it was to move is where the file says: the broker is not to be out of reach.
func TestListenerThatCannotMoveStaysInReach(t *testing.T) {
	before := freeAddr(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n := brokertest.Start(t, "listeners=PLAINTEXT://"+before)
	if err := setBroker(t.Context(), kadm.NewClient(n.Client()), "listeners", "PLAINTEXT://"+taken.Addr().String()); err != nil {
		t.Fatal(err)
	}
	n.Restart()
	if n.Addr != before {
		t.Errorf("it listens at %s", n.Addr)
	}
	if err := n.Client().Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
