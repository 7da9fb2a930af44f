package wire

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkProduceRoundTrip is what the wire costs for one small produce request at a time, both ends included.
func BenchmarkProduceRoundTrip(b *testing.B) { benchmarkProduce(b, 1, 150) }

// BenchmarkProducePipelined sends 64 requests before it reads their responses.
func BenchmarkProducePipelined(b *testing.B) { benchmarkProduce(b, 64, 150) }

// BenchmarkProduceLarge carries 1 MiB in each request.
func BenchmarkProduceLarge(b *testing.B) { benchmarkProduce(b, 1, 1<<20) }

func benchmarkProduce(b *testing.B, pipeline, size int) {
	mangleBuffers = false
	defer func() { mangleBuffers = true }()
	_, addr := testServer(b, Config{}, Listener{}, API{Key: 0, Min: 3, Max: 11, Borrow: true, Handle: func(r *Request) {
		req := r.Body.(*kmsg.ProduceRequest)
		resp := kmsg.ProduceResponse{Topics: make([]kmsg.ProduceResponseTopic, 1)}
		resp.Topics[0].Topic = req.Topics[0].Topic
		resp.Topics[0].Partitions = make([]kmsg.ProduceResponseTopicPartition, 1)
		r.Respond(&resp)
	}})
	nc := dial(b, addr)
	frame := encode(produceRequest(bytes.Repeat([]byte("x"), size)), 9, 1)
	batch := bytes.Repeat(frame, pipeline)
	nc.Write(frame)
	responseBytes := 4 + len(readFrame(b, nc))
	in := make([]byte, responseBytes*pipeline)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += pipeline {
		if _, err := nc.Write(batch); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch sends responses of four partitions, each a small piece of memory and a file range.
func BenchmarkFetch16K(b *testing.B)  { benchmarkFetch(b, smallFile+1) }
func BenchmarkFetch256K(b *testing.B) { benchmarkFetch(b, 256<<10) }

// diskRange is a FileRange over a file, sent as package storage does.
type diskRange struct {
	f *os.File
	n int64
}

func (d diskRange) Size() int                               { return int(d.n) }
func (d diskRange) Release()                                {}
func (d diskRange) ReadAt(p []byte, off int64) (int, error) { return d.f.ReadAt(p, off) }
func (d diskRange) WriteTo(w io.Writer) (int64, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return io.CopyN(w, d.f, d.n)
}

func benchmarkFetch(b *testing.B, size int) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, size)); err != nil {
		b.Fatal(err)
	}
	head := make([]byte, 60)
	_, addr := testServer(b, Config{}, Listener{}, API{Key: 1, Min: 4, Max: 12, Borrow: true, Handle: func(r *Request) {
		var p Payload
		for range 4 {
			p.Bytes(head)
			p.File(diskRange{f, int64(size)})
		}
		r.RespondPayload(p)
	}})
	nc := dial(b, addr)
	frame := encode(kmsg.NewPtrFetchRequest(), 11, 1)
	in := make([]byte, 8+4*(60+size))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, in); err != nil {
			b.Fatal(err)
		}
	}
}
