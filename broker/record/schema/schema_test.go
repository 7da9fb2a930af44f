package schema

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const anyCount = 1 << 30

// fill gives every field of a kmsg request a random value, and reports the number of array elements it made.
func fill(rnd *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).CanSet() && name != "Version" && name != "UnknownTags" {
				fill(rnd, v.Field(i))
			}
		}
	case reflect.Pointer:
		if rnd.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rnd, v.Elem())
		}
	case reflect.Slice:
		n := rnd.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(rnd, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.String:
		v.SetString("abcdefgh"[:rnd.IntN(9)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rnd.IntN(100)))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(rnd.IntN(100)))
	case reflect.Float64:
		v.SetFloat(rnd.Float64())
	default:
		panic(v.Kind())
	}
}

// eachVersion calls fn for each version of each request that both kmsg and the table know.
func eachVersion(fn func(key, version int16, fresh func() kmsg.Request)) {
	for key := range int16(len(requests)) {
		for _, r := range requests[key] {
			for version := r.lowest; version <= r.highest; version++ {
				req := kmsg.RequestForKey(key)
				if req == nil || version > req.MaxVersion() {
					continue
				}
				fn(key, version, func() kmsg.Request {
					req := kmsg.RequestForKey(key)
					req.SetVersion(version)
					return req
				})
			}
		}
	}
}

func TestAcceptsWhatKmsgEncodes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	checked := 0
	eachVersion(func(key, version int16, fresh func() kmsg.Request) {
		for range 20 {
			req := fresh()
			fill(rnd, reflect.ValueOf(req).Elem())
			body := req.AppendTo(nil)
			elements, _, err := CheckRequest(key, version, body, anyCount)
			if err != nil {
				t.Errorf("%s v%d: %v\n%+v\n%x", kmsg.NameForKey(key), version, err, req, body)
				return
			}
			if elements > 0 {
				if _, _, err := CheckRequest(key, version, body, elements-1); !errors.Is(err, ErrTooManyElements) {
					t.Errorf("%s v%d: %d elements, %d allowed: error %v", kmsg.NameForKey(key), version, elements, elements-1, err)
				}
			}
			checked++
		}
	})
	if checked < 4000 {
		t.Errorf("only %d requests checked", checked)
	}
}

// TestRefusesWhatKmsgWouldAllocate changes each byte of valid requests, so that counts and lengths lie. What CheckRequest then accepts,
// kmsg has to decode within a small multiple of the estimate.
// slackBytes is what the runtime and other goroutines may allocate meanwhile, more of it under the race detector. A count that slipped through
// would cost megabytes.
const slackBytes = 64 << 10

func TestRefusesWhatKmsgWouldAllocate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	eachVersion(func(key, version int16, fresh func() kmsg.Request) {
		req := fresh()
		fill(rnd, reflect.ValueOf(req).Elem())
		body := req.AppendTo(nil)
		for i := 0; i < len(body); i += 1 + len(body)/40 {
			mutated := append([]byte{}, body...)
			mutated[i] ^= byte(1 + rnd.IntN(255))
			if i+4 < len(body) && rnd.IntN(2) == 0 {
				binary.BigEndian.PutUint32(mutated[i:], rnd.Uint32()>>rnd.IntN(24))
			}
			_, size, err := CheckRequest(key, version, mutated, anyCount)
			if err != nil {
				continue
			}
			if got := allocatedBy(func() { _ = fresh().ReadFrom(mutated) }); got > 2*uint64(size)+slackBytes {
				t.Errorf("%s v%d: estimated %d bytes, decoding took %d: %x", kmsg.NameForKey(key), version, size, got, mutated)
				return
			}
		}
	})
}

func allocatedBy(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestUnknownRequests(t *testing.T) {
	for _, c := range []struct{ key, version int16 }{{-1, 0}, {30000, 0}, {0, 99}, {0, -1}} {
		if _, _, err := CheckRequest(c.key, c.version, nil, anyCount); !errors.Is(err, ErrUnknownVersion) {
			t.Errorf("key %d version %d: error %v", c.key, c.version, err)
		}
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(16)
	fill(rnd, reflect.ValueOf(req).Elem())
	body := req.AppendTo(nil)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = CheckRequest(1, 16, body, anyCount) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCheckRequest(f *testing.F) {
	rnd := rand.New(rand.NewPCG(7, 8))
	eachVersion(func(key, version int16, fresh func() kmsg.Request) {
		req := fresh()
		fill(rnd, reflect.ValueOf(req).Elem())
		f.Add(key, version, req.AppendTo(nil))
	})
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		_, size, err := CheckRequest(key, version, body, anyCount)
		if err != nil {
			return
		}
		if size > 1<<10*(len(body)+8) {
			t.Errorf("%d bytes decode to %d", len(body), size)
		}
		if req := kmsg.RequestForKey(key); req != nil {
			req.SetVersion(version)
			_ = req.ReadFrom(body)
		}
	})
}

func BenchmarkCheckFetch(b *testing.B) {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	for range 100 {
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = "a-topic-of-some-length"
		topic.Partitions = make([]kmsg.FetchRequestTopicPartition, 10)
		req.Topics = append(req.Topics, topic)
	}
	body := req.AppendTo(nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := CheckRequest(1, 12, body, anyCount); err != nil {
			b.Fatal(err)
		}
	}
}
