package wire

import (
	"bytes"
	"io"
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
