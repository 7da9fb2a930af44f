package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func init() { mangleBuffers = true } // in all tests, not only in invariants builds

// testServer serves a table on a free port until the test ends, and checks then that no memory is left behind.
func testServer(t testing.TB, cfg Config, l Listener, rows ...API) (*Server, string) {
	t.Helper()
	rows = append(rows, API{Key: apiVersionsKey, Min: 0, Max: 4, Handle: answerVersions})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if l.Name == "" {
		l.Name, l.Protocol = "PLAINTEXT", "PLAINTEXT"
	}
	s := NewServer(cfg, NewTable(rows))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := s.MemoryInUse(); n != 0 {
			t.Errorf("%d bytes of request memory are still counted after the shutdown", n)
		}
	})
	return s, ln.Addr().String()
}

func answerVersions(r *Request) {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ApiKeys = r.Conn.table.Versions()
	r.Respond(resp)
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return nc
}

func testClient(t testing.TB, addr string) *Client {
	c := NewClient(ClientConfig{ClientID: "test", Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}})
	t.Cleanup(func() { c.Close() })
	return c
}

func encode(req kmsg.Request, version int16, id int32) []byte {
	req.SetVersion(version)
	return appendRequest(nil, req, id, "test")
}

func readFrame(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		t.Fatalf("reading a response: %v", err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("reading a response: %v", err)
	}
	return b
}

func correlationID(frame []byte) int32 { return int32(binary.BigEndian.Uint32(frame)) }

func TestClientAndServer(t *testing.T) {
	_, addr := testServer(t, Config{}, Listener{}, API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) {
		req := r.Body.(*kmsg.MetadataRequest)
		if r.Version != 12 || *r.ClientID != "test" {
			t.Errorf("version %d, client id %q", r.Version, *r.ClientID)
		}
		resp := kmsg.NewPtrMetadataResponse()
		for _, topic := range req.Topics {
			row := kmsg.NewMetadataResponseTopic()
			row.Topic = topic.Topic
			resp.Topics = append(resp.Topics, row)
		}
		r.Respond(resp)
	}})
	c := testClient(t, addr)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				name := string(rune('a' + i))
				req := kmsg.NewPtrMetadataRequest()
				topic := kmsg.NewMetadataRequestTopic()
				topic.Topic = &name
				req.Topics = append(req.Topics, topic)
				resp, err := c.Request(t.Context(), req)
				if err != nil {
					t.Error(err)
					return
				}
				if got := *resp.(*kmsg.MetadataResponse).Topics[0].Topic; got != name {
					t.Errorf("asked for %q, got %q", name, got)
				}
			}
		})
	}
	wg.Wait()
}

func TestApiVersionsOfANewerClient(t *testing.T) {
	_, addr := testServer(t, Config{}, Listener{})
	nc := dial(t, addr)
	frame := encode(kmsg.NewPtrApiVersionsRequest(), 3, 7)
	binary.BigEndian.PutUint16(frame[6:], 99)
	nc.Write(frame)
	b := readFrame(t, nc)
	want := []byte{0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4}
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
	// The connection goes on.
	nc.Write(encode(kmsg.NewPtrApiVersionsRequest(), 3, 8))
	if id := correlationID(readFrame(t, nc)); id != 8 {
		t.Errorf("response %d, want 8", id)
	}
}

// Responses leave in the order of the requests, however late each is answered and by whom.
func TestResponsesKeepTheOrder(t *testing.T) {
	const n = 100
	parked := make(chan *Request, n)
	_, addr := testServer(t, Config{}, Listener{}, API{Key: 3, Min: 0, Max: 12, Handle: func(r *Request) {
		if r.CorrelationID%3 == 0 {
			r.Respond(kmsg.NewPtrMetadataResponse())
			return
		}
		parked <- r
	}})
	nc := dial(t, addr)
	var all []byte
	late := 0
	for i := range int32(n) {
		all = append(all, encode(kmsg.NewPtrMetadataRequest(), 9, i)...)
		if i%3 != 0 {
			late++
		}
	}
	nc.Write(all)
	held := make([]*Request, 0, late)
	for range late {
		held = append(held, <-parked)
	}
	var wg sync.WaitGroup
	for _, h := range slices.Backward(held) {
		wg.Go(func() { h.Respond(kmsg.NewPtrMetadataResponse()) })
	}
	for i := range int32(n) {
		if id := correlationID(readFrame(t, nc)); id != i {
			t.Fatalf("response %d came where %d was due", id, i)
		}
	}
	wg.Wait()
}

// memoryRange is a FileRange over memory.
type memoryRange struct {
	*bytes.Reader
	n        int
	released *sync.WaitGroup
}

func (m memoryRange) Size() int { return m.n }
func (m memoryRange) Release()  { m.released.Done() }

func TestPayloadsOfMemoryAndFiles(t *testing.T) {
	var released sync.WaitGroup
	small, large := bytes.Repeat([]byte("s"), smallFile), bytes.Repeat([]byte("L"), 300<<10)
	_, addr := testServer(t, Config{}, Listener{}, API{Key: 1, Min: 4, Max: 12, Borrow: true, Handle: func(r *Request) {
		var p Payload
		for _, part := range [][]byte{small, large, small, large} {
			p.Bytes([]byte("head"))
			released.Add(1)
			p.File(memoryRange{bytes.NewReader(part), len(part), &released})
		}
		p.Bytes(large)
		if r.CorrelationID%2 == 0 {
			r.RespondPayload(p)
		} else {
			go r.RespondPayload(p)
		}
	}})
	nc := dial(t, addr)
	for i := range int32(4) {
		nc.Write(encode(kmsg.NewPtrFetchRequest(), 11, i))
	}
	var want []byte
	for _, part := range [][]byte{small, large, small, large} {
		want = append(append(want, "head"...), part...)
	}
	want = append(want, large...)
	for i := range int32(4) {
		b := readFrame(t, nc)
		if correlationID(b) != i || !bytes.Equal(b[4:], want) {
			t.Fatalf("response %d: correlation id %d, %d bytes, want %d", i, correlationID(b), len(b)-4, len(want))
		}
	}
	released.Wait()
}

func TestNoResponseAndClose(t *testing.T) {
	_, addr := testServer(t, Config{}, Listener{}, API{Key: 0, Min: 3, Max: 9, Borrow: true, Handle: func(r *Request) {
		switch r.Body.(*kmsg.ProduceRequest).Acks {
		case 0:
			r.NoResponse()
		case 1:
			r.Close(io.EOF)
		default:
			r.Respond(kmsg.NewPtrProduceResponse())
		}
	}})
	nc := dial(t, addr)
	for i, acks := range []int16{0, -1, 0, 1} {
		req := kmsg.NewPtrProduceRequest()
		req.Acks = acks
		nc.Write(encode(req, 8, int32(i)))
	}
	if id := correlationID(readFrame(t, nc)); id != 1 {
		t.Errorf("response %d, want 1", id)
	}
	if rest, err := io.ReadAll(nc); len(rest) > 0 || err != nil {
		t.Errorf("after the close: %d bytes, error %v", len(rest), err)
	}
}

// A pipeline of requests of every size arrives whole, however the bytes are cut.
func TestFramesOfAllSizes(t *testing.T) {
	got := make(chan []byte, 1000)
	_, addr := testServer(t, Config{}, Listener{}, API{Key: 0, Min: 3, Max: 9, Borrow: true, Handle: func(r *Request) {
		got <- bytes.Clone(r.Body.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		r.NoResponse()
	}})
	sizes := []int{0, 1, 100, 4000, 4096, 5000, 16 << 10, 60 << 10, 64 << 10, 65 << 10, 300 << 10, 1 << 20, 10, 3 << 20, 7, 100 << 10}
	var all []byte
	for i, n := range sizes {
		all = append(all, encode(produceRequest(bytes.Repeat([]byte{byte(i)}, n)), 8, int32(i))...)
	}
	for _, chunk := range []int{777, 4096, 70000, len(all)} {
		nc := dial(t, addr)
		go func() {
			for b := all; len(b) > 0; {
				n := min(chunk, len(b))
				nc.Write(b[:n])
				b = b[n:]
			}
		}()
		for i, n := range sizes {
			b := <-got
			if len(b) != n || bytes.Count(b, []byte{byte(i)}) != n {
				t.Fatalf("chunk %d, request %d: %d bytes, want %d", chunk, i, len(b), n)
			}
		}
		nc.Close()
	}
}

func TestBufferSizes(t *testing.T) {
	b := budget{limit: 1 << 30}
	for size, want := range map[int]int{1: minBuffer, minBuffer: minBuffer, minBuffer + 1: 2 * minBuffer, 1 << 24: 1 << 24, 1<<24 + 1: 1<<24 + 1} {
		n := bufferBytes(size)
		b.force(int64(n))
		buf := newBuffer(size, &b)
		if n != want || len(buf.b) != want {
			t.Errorf("a buffer for %d bytes counts %d and has %d, want %d", size, n, len(buf.b), want)
		}
		buf.release()
	}
	if b.used.Load() != 0 {
		t.Errorf("%d bytes are still counted", b.used.Load())
	}
}

func produceRequest(records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "bench"
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	return req
}

// TestOnFollowed: a parked request is told of one of another kind that follows it, and not of one of its own.
func TestOnFollowed(t *testing.T) {
	parked, told := make(chan *Request, 2), make(chan int32, 2)
	_, addr := testServer(t, Config{}, Listener{}, API{Key: fetchKey, Max: 4, Handle: func(r *Request) {
		r.OnFollowed(func() {
			told <- r.CorrelationID
			r.Respond(kmsg.NewPtrFetchResponse())
		})
		parked <- r
	}})
	nc := dial(t, addr)
	for id := range int32(2) {
		if _, err := nc.Write(encode(kmsg.NewPtrFetchRequest(), 4, id)); err != nil {
			t.Fatal(err)
		}
		<-parked
	}
	select {
	case id := <-told:
		t.Fatalf("fetch %d was told of a fetch", id)
	default:
	}
	if _, err := nc.Write(encode(kmsg.NewPtrApiVersionsRequest(), 0, 2)); err != nil {
		t.Fatal(err)
	}
	for id := range uint32(3) {
		if got := binary.BigEndian.Uint32(readFrame(t, nc)); got != id {
			t.Fatalf("response %d came where %d was due", got, id)
		}
	}
}

// TestFrameBuffer: memory is reused, grows with the responses, and large memory goes back when only small ones come.
func TestFrameBuffer(t *testing.T) {
	var none *frameBuffer
	if a, b := none.take(10), none.take(10); &a[0] == &b[0] {
		t.Error("without a buffer two responses share their memory")
	}
	f := new(frameBuffer)
	large := f.take(1 << 20)
	if again := f.take(1 << 19); &again[0] != &large[0] || len(again) != 1<<19 {
		t.Error("a smaller response got new memory")
	}
	for range smallResponses - 1 {
		f.take(10)
	}
	if cap(f.buf) < 1<<20 {
		t.Error("large memory was given back too early")
	}
	if f.take(10); cap(f.buf) > 1<<10 {
		t.Errorf("%d bytes are kept for responses of 10", cap(f.buf))
	}
}
