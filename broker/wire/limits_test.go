package wire

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func TestConnectionLimits(t *testing.T) {
	s, addr := testServer(t, Config{Limits: Limits{MaxConnections: 3, MaxConnectionsPerIP: 5, PerIPOverrides: map[netip.Addr]int{loopback: 4}}}, Listener{})
	var conns []net.Conn
	for range 3 {
		conns = append(conns, dial(t, addr))
	}
	eventually(t, "three connections", func() bool { return s.Connections() == 3 })
	fourth := dial(t, addr)
	fourth.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	if n := s.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
	conns[0].Close()
	readFrame(t, fourth) // it waited for a place
	fifth := dial(t, addr)
	fifth.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	s.SetLimits(Limits{MaxConnections: 4, MaxConnectionsPerIP: 10})
	readFrame(t, fifth)

	s2, addr2 := testServer(t, Config{Limits: Limits{MaxConnectionsPerIP: 5, PerIPOverrides: map[netip.Addr]int{loopback: 2}}}, Listener{})
	dial(t, addr2)
	dial(t, addr2)
	eventually(t, "two connections", func() bool { return s2.Connections() == 2 })
	closed(t, "the third from an address that may have two", dial(t, addr2))
}

// secondListener serves one more listener of s.
func secondListener(t *testing.T, s *Server, name string) (ln net.Listener, served chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served = make(chan error, 1)
	go func() { served <- s.Serve(ln, Listener{Name: name, Protocol: "PLAINTEXT"}) }()
	eventually(t, "the listener is served", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.listeners[ln] != nil
	})
	return ln, served
}

func TestCloseListenerEndsItsConnectionsOnly(t *testing.T) {
	parked := make(chan *Request, 1)
	s, addr := testServer(t, Config{}, Listener{}, API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) { parked <- r }})
	ln, served := secondListener(t, s, "EXTRA")
	stays, idle, busy := dial(t, addr), dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	busy.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 5))
	r := <-parked
	eventually(t, "three connections", func() bool { return s.Connections() == 3 })
	s.CloseListener(ln)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	closed(t, "idle", idle)
	r.Respond(kmsg.NewPtrMetadataResponse())
	if id := correlationID(readFrame(t, busy)); id != 5 {
		t.Errorf("response %d", id)
	}
	closed(t, "busy", busy)
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
	stays.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, stays)
}

func TestListenersOwnLimit(t *testing.T) {
	s, addr := testServer(t, Config{Limits: Limits{PerListener: map[string]int{"EXTRA": 1}}}, Listener{})
	ln, _ := secondListener(t, s, "EXTRA")
	first, second := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	dial(t, addr)
	eventually(t, "two connections", func() bool { return s.Connections() == 2 })
	first.Close()
	second.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, second)
}

// Controllers' connections count by themselves, and their listener makes no other one a protected one.
func TestControllersCountByThemselves(t *testing.T) {
	s, addr := testServer(t, Config{Limits: Limits{MaxConnections: 1, Protected: "PLAINTEXT", Apart: []string{"CONTROLLER"}}}, Listener{})
	ln, _ := secondListener(t, s, "CONTROLLER")
	first := dial(t, addr)
	eventually(t, "one connection", func() bool { return s.Connections() == 1 })
	second := dial(t, addr)
	second.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	controller := dial(t, ln.Addr().String())
	controller.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, controller)
	if n := s.Connections(); n != 2 {
		t.Errorf("%d connections: the second client is to wait", n)
	}
	first.Close()
	readFrame(t, second)
}

func TestBrokersFindAPlace(t *testing.T) {
	s, addr := testServer(t, Config{Limits: Limits{MaxConnections: 2, Protected: "BROKERS"}}, Listener{})
	ln, _ := secondListener(t, s, "BROKERS")
	silent := dial(t, addr)
	eventually(t, "one connection", func() bool { return s.Connections() == 1 })
	lively := dial(t, addr)
	eventually(t, "two connections", func() bool { return s.Connections() == 2 })
	lively.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, lively)
	peer := dial(t, ln.Addr().String())
	peer.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, peer)
	closed(t, "the most silent", silent)
	lively.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, lively)
}

// fixedRates hold back as they are told to.
type fixedRates struct {
	listener, address time.Duration
	asked             atomic.Int32
}

func (r *fixedRates) Listener(string, bool, time.Time) time.Duration {
	r.asked.Add(1)
	return r.listener
}
func (r *fixedRates) Address(netip.Addr, time.Time) time.Duration { return r.address }

func TestConnectionsThatComeTooFast(t *testing.T) {
	rates := &fixedRates{address: 50 * time.Millisecond}
	s, addr := testServer(t, Config{Limits: Limits{Rates: rates}}, Listener{})
	began := time.Now()
	nc := dial(t, addr)
	nc.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	closed(t, "a connection too many", nc)
	if d := time.Since(began); d < rates.address {
		t.Errorf("closed after %v", d)
	}
	s.SetLimits(Limits{Rates: &fixedRates{listener: 50 * time.Millisecond}})
	began = time.Now()
	nc = dial(t, addr)
	nc.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, nc)
	if d := time.Since(began); d < rates.address {
		t.Errorf("served after %v", d)
	}
}

// Memory that a response holds is counted until it is sent, also for a client that has gone; who wants more than there is waits.
func TestReservedMemoryOfResponses(t *testing.T) {
	parked := make(chan *Request, 2)
	s, addr := testServer(t, Config{RequestMemory: 1 << 20}, Listener{}, API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) { parked <- r }})
	first, second := dial(t, addr), dial(t, addr)
	first.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 1))
	a := <-parked
	if err := a.Reserve(2 << 20); err != nil { // one that is larger than the limit passes
		t.Fatal(err)
	}
	second.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 2))
	b := <-parked
	waited := make(chan error, 1)
	go func() { waited <- b.Reserve(1000) }()
	eventually(t, "the second waits", func() bool { return s.budget.waiting.Load() == 1 })
	a.Reserved(1 << 19) // it came to less than that
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	if n := s.MemoryInUse(); n < 1<<19+1000 {
		t.Errorf("%d bytes are counted", n)
	}
	a.Respond(kmsg.NewPtrMetadataResponse())
	readFrame(t, first)
	second.Close()
	b.Respond(kmsg.NewPtrMetadataResponse())
	eventually(t, "the memory is back", func() bool { return s.MemoryInUse() < 1<<19 })

	third := dial(t, addr)
	third.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 3))
	c := <-parked
	if err := c.Reserve(2 << 20); err != nil {
		t.Fatal(err)
	}
	fourth := dial(t, addr)
	fourth.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 4))
	d := <-parked
	go func() { waited <- d.Reserve(1000) }()
	eventually(t, "the fourth waits", func() bool { return s.budget.waiting.Load() == 1 })
	fourth.Close()
	if err := <-waited; err == nil {
		t.Error("memory for a client that has gone")
	}
	d.Close(errIdle)
	c.Respond(kmsg.NewPtrMetadataResponse())
	readFrame(t, third)
}
