package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after 10 s", what)
		}
		pause := time.NewTimer(time.Millisecond)
		<-pause.C
	}
}

// alive checks that the server answers somebody else.
func alive(t *testing.T, addr string) {
	t.Helper()
	nc := dial(t, addr)
	defer nc.Close()
	nc.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	readFrame(t, nc)
}

// closed checks that the server has ended the connection.
func closed(t *testing.T, what string, nc net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(nc); err != nil && !isReset(err) || len(rest) > 0 {
		t.Errorf("%s: got %d bytes, error %v; want the end of the connection", what, len(rest), err)
	}
}

func TestGarbageEndsOnlyItsConnection(t *testing.T) {
	_, addr := testServer(t, Config{MaxRequestBytes: 1 << 20}, Listener{}, API{Key: 3, Min: 1, Max: 12, Handle: func(r *Request) { r.Respond(kmsg.NewPtrMetadataResponse()) }})
	good := encode(kmsg.NewPtrMetadataRequest(), 9, 1)
	change := func(at int, b ...byte) []byte {
		return append(append(bytes.Clone(good[:at]), b...), good[at+len(b):]...)
	}
	for what, b := range map[string][]byte{
		"HTTP":                  []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":                   {0x16, 3, 1, 2, 0, 1, 0, 1},
		"negative size":         {0xff, 0xff, 0xff, 0xfe, 0, 0},
		"too large":             {0, 0x10, 0, 1, 0, 0},
		"empty frame":           {0, 0, 0, 0},
		"short header":          {0, 0, 0, 5, 0, 3, 0, 9, 0},
		"unknown api key":       change(4, 0x7f, 0xff),
		"negative api key":      change(4, 0x80, 0),
		"key that isn't served": change(4, 0, 19),
		"version too new":       change(6, 0, 13),
		"version too old":       change(6, 0, 0),
		"negative version":      change(6, 0xff, 0xff),
		"client id too long":    change(12, 0x7f, 0xff),
		"client id negative":    change(12, 0xff, 0xf0),
		"array too long":        append([]byte{0, 0, 0, 19, 0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 0}, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1),
	} {
		nc := dial(t, addr)
		nc.Write(b)
		closed(t, what, nc)
	}
	alive(t, addr)
}

func TestRandomBytes(t *testing.T) {
	_, addr := testServer(t, Config{}, Listener{}, everyAPI()...)
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		b := make([]byte, 8+random.IntN(300))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		b[4], b[5] = 0, byte(random.IntN(90))
		b[6], b[7] = 0, byte(random.IntN(13))
		nc := dial(t, addr)
		nc.Write(b)
		nc.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, nc)
		nc.Close()
	}
	alive(t, addr)
}

// everyAPI serves all that kmsg can decode.
func everyAPI() []API {
	var rows []API
	for key := range int16(93) {
		if req := kmsg.RequestForKey(key); req != nil && key != apiVersionsKey {
			rows = append(rows, API{Key: key, Max: req.MaxVersion(), Borrow: key%2 == 0, Handle: func(r *Request) { r.Respond(r.Body.ResponseKind()) }})
		}
	}
	return rows
}

// Clients that claim large requests and send nothing more get no memory worth mentioning, and others are served.
func TestClaimsTakeNoMemory(t *testing.T) {
	s, addr := testServer(t, Config{RequestMemory: 64 << 20}, Listener{})
	const clients = 300
	for range clients {
		nc := dial(t, addr)
		nc.Write([]byte{6, 0, 0, 0, 0, 0, 0, 9})
	}
	eventually(t, "all are read", func() bool {
		n := 0
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			if c.frameBytes.Load() > 0 {
				n++
			}
		}
		return n == clients
	})
	if used := s.MemoryInUse(); used > 64<<20 {
		t.Errorf("%d bytes in use", used)
	}
	alive(t, addr)
}

// When all memory is taken by requests that don't arrive, their senders go, and a large honest request gets through.
func TestHoardersGo(t *testing.T) {
	got := make(chan int, 1)
	s, addr := testServer(t, Config{RequestMemory: 4 << 20}, Listener{}, API{Key: 0, Min: 3, Max: 9, Borrow: true, Handle: func(r *Request) {
		got <- len(r.Body.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		r.NoResponse()
	}})
	for range 4 {
		nc := dial(t, addr)
		frame := make([]byte, 900<<10)
		binary.BigEndian.PutUint32(frame, 90<<20)
		go nc.Write(frame)
	}
	eventually(t, "the memory is taken", func() bool { return s.MemoryInUse() >= 4<<20 })
	honest := dial(t, addr)
	go honest.Write(encode(produceRequest(make([]byte, 2<<20)), 8, 1))
	eventually(t, "the honest client waits", func() bool { return s.budget.waiting.Load() > 0 })
	alive(t, addr)
	for done := false; !done; {
		s.sweepOnce(time.Now().Add(time.Minute))
		select {
		case n := <-got:
			if n != 2<<20 {
				t.Errorf("%d bytes", n)
			}
			done = true
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Honest requests that together need more than the limit don't wait for each other for ever.
func TestRequestsThatTogetherNeedTooMuch(t *testing.T) {
	const clients, size = 6, 3 << 20
	got := make(chan int, clients)
	s, addr := testServer(t, Config{RequestMemory: 4 << 20}, Listener{}, API{Key: 0, Min: 3, Max: 9, Borrow: true, Handle: func(r *Request) {
		got <- len(r.Body.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		r.NoResponse()
	}})
	for range clients {
		nc := dial(t, addr)
		go nc.Write(encode(produceRequest(make([]byte, size)), 8, 1))
	}
	for n := 0; n < clients; {
		s.sweepOnce(time.Now())
		select {
		case <-got:
			n++
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A client that sends requests and never reads responses is no longer read, and holds nobody up.
func TestSlowReaderIsIsolated(t *testing.T) {
	large := make([]byte, 1<<20)
	var mu sync.Mutex
	parked := map[*Conn][]*Request{}
	s, addr := testServer(t, Config{}, Listener{}, API{Key: 1, Min: 4, Max: 12, Borrow: true, Handle: func(r *Request) {
		mu.Lock()
		defer mu.Unlock()
		parked[r.Conn] = append(parked[r.Conn], r)
	}})
	slow := dial(t, addr)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		frame := encode(kmsg.NewPtrFetchRequest(), 11, 1)
		for range 10000 {
			slow.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := slow.Write(frame); err != nil {
				return
			}
		}
	}()
	eventually(t, "the slow reader fills its queue", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, rs := range parked {
			return len(rs) >= maxPending
		}
		return false
	})
	// Whoever answers the slow reader is not held up.
	answered := make(chan struct{})
	go func() {
		mu.Lock()
		defer mu.Unlock()
		for _, rs := range parked {
			for _, r := range rs {
				var p Payload
				p.Bytes(large)
				r.RespondPayload(p)
			}
		}
		close(answered)
	}()
	<-answered
	alive(t, addr)
	<-stopped
	mu.Lock()
	n := 0
	for _, rs := range parked {
		n += len(rs)
	}
	mu.Unlock()
	if n > 2*maxPending {
		t.Errorf("%d requests of the slow reader were read", n)
	}
	slow.Close()
	eventually(t, "the slow reader's connection ends", func() bool { return s.Connections() == 0 })
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s, addr := testServer(t, Config{IdleTimeout: 400 * time.Millisecond}, Listener{}, API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) {
		go func() {
			// The handler takes longer than the idle time: no reason to close.
			<-time.After(time.Second)
			r.Respond(kmsg.NewPtrMetadataResponse())
		}()
	}})
	silent, half, busy := dial(t, addr), dial(t, addr), dial(t, addr)
	half.Write([]byte{0, 0, 1})
	busy.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 1))
	readFrame(t, busy)
	closed(t, "silent", silent)
	closed(t, "half a frame", half)
	eventually(t, "all are gone", func() bool { return s.Connections() == 0 })
}

func TestShutdownFinishesWhatIsInProgress(t *testing.T) {
	parked := make(chan *Request, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Config{}, NewTable([]API{{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) { parked <- r }}}))
	go s.Serve(ln, Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"})
	busy, idle := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	busy.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 5))
	r := <-parked
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	closed(t, "idle", idle)
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
	r.Respond(kmsg.NewPtrMetadataResponse())
	if id := correlationID(readFrame(t, busy)); id != 5 {
		t.Errorf("response %d", id)
	}
	closed(t, "busy", busy)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsWhatTakesTooLong(t *testing.T) {
	parked := make(chan *Request, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Config{}, NewTable([]API{{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) { parked <- r }}}))
	go s.Serve(ln, Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"})
	nc := dial(t, ln.Addr().String())
	nc.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 5))
	r := <-parked
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-r.Context().Done()
	r.Respond(kmsg.NewPtrMetadataResponse()) // too late, and harmless
	closed(t, "cut", nc)
}

func TestAuthenticationComesFirst(t *testing.T) {
	handshake := API{Key: 17, Min: 0, Max: 1, BeforeAuth: true, Handle: func(r *Request) {
		c := r.Conn
		c.RawFrames(func(token []byte) ([]byte, bool, error) {
			if string(token) != "secret" {
				return nil, false, errors.New("wrong password")
			}
			c.SetPrincipal(ident.Principal{Type: "User", Name: "alice"})
			return []byte("welcome"), false, nil
		})
		r.Respond(kmsg.NewPtrSASLHandshakeResponse())
	}}
	who := make(chan string, 1)
	metadata := API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) {
		who <- r.Conn.Principal().String()
		r.Respond(kmsg.NewPtrMetadataResponse())
	}}
	_, addr := testServer(t, Config{}, Listener{Name: "CLIENT", Protocol: "SASL_PLAINTEXT"}, handshake, metadata)
	early := dial(t, addr)
	early.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 1))
	closed(t, "a request before authentication", early)

	nc := dial(t, addr)
	nc.Write(encode(kmsg.NewPtrSASLHandshakeRequest(), 0, 1))
	readFrame(t, nc)
	nc.Write([]byte("\x00\x00\x00\x06secret"))
	if b := readFrame(t, nc); string(b) != "welcome" {
		t.Errorf("got %q", b)
	}
	nc.Write(encode(kmsg.NewPtrMetadataRequest(), 9, 2))
	readFrame(t, nc)
	if p := <-who; p != "User:alice" {
		t.Errorf("principal %s", p)
	}
}

func TestFourLetterWords(t *testing.T) {
	_, addr := testServer(t, Config{}, Listener{Name: "CONTROLLER", Protocol: "PLAINTEXT", FourLetter: func(word string) (string, bool) {
		return "imok", word == "ruok"
	}})
	nc := dial(t, addr)
	nc.Write([]byte("ru"))
	nc.Write([]byte("ok\n"))
	if b, err := io.ReadAll(nc); string(b) != "imok" {
		t.Errorf("got %q, %v", b, err)
	}
	alive(t, addr)
}

// Over the memory network time is virtual: the throttle is exact.
func TestThrottleHoldsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		s := NewServer(Config{}, NewTable([]API{{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) {
			times = append(times, time.Now())
			if len(times) == 1 {
				r.Throttle(5 * time.Second)
			}
			r.Respond(kmsg.NewPtrMetadataResponse())
		}}}))
		client, server := net.Pipe()
		s.admit(server, &service{Listener: Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"}})
		start := time.Now()
		go client.Write(append(encode(kmsg.NewPtrMetadataRequest(), 9, 1), encode(kmsg.NewPtrMetadataRequest(), 9, 2)...))
		readFrame(t, client)
		if d := time.Since(start); d != 0 {
			t.Errorf("the throttled response came after %v", d)
		}
		readFrame(t, client)
		if d := times[1].Sub(start); d != 5*time.Second {
			t.Errorf("the next request was handled after %v", d)
		}
		client.Close()
		s.Shutdown(t.Context())
	})
}

func TestBudget(t *testing.T) {
	b := budget{limit: 100}
	take := func(n int64) chan error {
		done := make(chan error, 1)
		go func() { done <- b.take(t.Context(), n) }()
		return done
	}
	if err := <-take(90); err != nil {
		t.Fatal(err)
	}
	if err := <-take(500); err != nil { // larger than the limit, and still served: less than the limit was in use
		t.Fatal(err)
	}
	first := take(10)
	eventually(t, "one waits", func() bool { return b.waiting.Load() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- b.take(ctx, 10) }()
	eventually(t, "two wait", func() bool { return b.waiting.Load() == 2 })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.put(90)
	if b.waiting.Load() != 1 {
		t.Error("granted while more than the limit was in use")
	}
	b.put(500)
	if err := <-first; err != nil || b.used.Load() != 10 {
		t.Errorf("%v, %d in use", err, b.used.Load())
	}
}

func FuzzConnection(f *testing.F) {
	f.Add(encode(kmsg.NewPtrApiVersionsRequest(), 3, 1))
	f.Add(encode(produceRequest([]byte("records")), 9, 1))
	f.Add(append(encode(kmsg.NewPtrMetadataRequest(), 9, 1), encode(kmsg.NewPtrFetchRequest(), 11, 2)...))
	f.Add([]byte{0, 0, 0, 9, 0, 18, 0, 99, 0, 0, 0, 1, 255})
	table := NewTable(append(everyAPI(), API{Key: apiVersionsKey, Max: 4, Handle: answerVersions}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewServer(Config{MaxRequestBytes: 1 << 16}, table)
		client, server := net.Pipe()
		s.admit(server, &service{Listener: Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"}})
		go func() {
			client.Write(b)
			client.Close()
		}()
		io.Copy(io.Discard, client)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := s.MemoryInUse(); n != 0 {
			t.Fatalf("%d bytes still counted", n)
		}
	})
}
