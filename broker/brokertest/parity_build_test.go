package brokertest_test

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.yaml.in/yaml/v4"

	"github.com/kgo-project/kgo/broker/batch"
)

// build makes a request of a script's fields. In strings, $NAME is what a name of an earlier answer stands for.
// A topic id is a topic's name, bytes are a string, records are what parityRecords reads.
func (p *peer) build(name, fields string) kmsg.Request {
	p.t.Helper()
	req := kmsg.RequestForKey(requestKey(p.t, name))
	if d, ok := req.(interface{ Default() }); ok {
		d.Default()
	}
	var in map[string]any
	if err := yaml.Unmarshal([]byte(fields), &in); err != nil {
		p.t.Fatal(err)
	}
	p.assign(reflect.ValueOf(req).Elem(), in)
	return req
}

func (p *peer) assign(to reflect.Value, from any) {
	p.t.Helper()
	switch to.Kind() {
	case reflect.Struct:
		if d, ok := reflect.TypeAssert[interface{ Default() }](to.Addr()); ok {
			d.Default()
		}
		fields, ok := from.(map[string]any)
		if !ok {
			p.t.Fatalf("%v is no %s", from, to.Type())
		}
		for name, value := range fields {
			f := to.FieldByName(name)
			if !f.IsValid() {
				p.t.Fatalf("%s has no field %s", to.Type(), name)
			}
			if name == "Records" || name == "RecordBatches" {
				value = p.records(value)
			}
			p.assign(f, value)
		}
	case reflect.Pointer:
		if from == nil {
			to.SetZero()
			return
		}
		v := reflect.New(to.Type().Elem())
		p.assign(v.Elem(), from)
		to.Set(v)
	case reflect.Array: // a topic id
		id := p.resolveID(fmt.Sprint(from))
		reflect.Copy(to, reflect.ValueOf(id[:]))
	case reflect.Slice:
		p.assignSlice(to, from)
	default:
		p.assignScalar(to, from)
	}
}

func (p *peer) assignSlice(to reflect.Value, from any) {
	switch from := from.(type) {
	case nil:
		to.SetZero()
	case []byte:
		to.SetBytes(from)
	case string:
		to.SetBytes([]byte(p.expand(from)))
	case []any:
		s := reflect.MakeSlice(to.Type(), len(from), len(from))
		for i := range from {
			p.assign(s.Index(i), from[i])
		}
		to.Set(s)
	default:
		p.t.Fatalf("%v is no list", from)
	}
}

func (p *peer) assignScalar(to reflect.Value, from any) {
	switch to.Kind() {
	case reflect.String:
		to.SetString(p.expand(fmt.Sprint(from)))
	case reflect.Bool:
		b, ok := from.(bool)
		if !ok {
			p.t.Fatalf("%v is no boolean", from)
		}
		to.SetBool(b)
	case reflect.Float64:
		f, err := strconv.ParseFloat(fmt.Sprint(from), 64)
		if err != nil {
			p.t.Fatal(err)
		}
		to.SetFloat(f)
	default:
		text := p.expand(fmt.Sprint(from))
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		if to.CanUint() {
			to.SetUint(uint64(n))
			return
		}
		to.SetInt(n)
	}
}

// resolveID takes "" for no id, "?" for one that no topic has, or a topic's name.
func (p *peer) resolveID(name string) [16]byte {
	switch name {
	case "":
		return [16]byte{}
	case "?":
		return [16]byte{0: 0xee, 15: 0xee}
	}
	id, _ := p.topicID(name)
	return id
}

// expand replaces $NAME by the value that an earlier answer had.
func (p *peer) expand(text string) string {
	if name, ok := strings.CutPrefix(text, "$"); ok {
		value, ok := p.names.values[name]
		if !ok {
			p.t.Fatalf("%s has not come up yet", text)
		}
		return value
	}
	return text
}

// records makes record sets: null, "", "hex:..." or batches, each of them a map with
// n (records), size (bytes of a value), codec, ts (milliseconds from now, or absolute with at), pid, epoch, seq, txn, control, key, magic, crc (false: wrong),
// count (what the header claims), delta (of the first offset), leader (epoch).
func (p *peer) records(from any) any {
	switch from := from.(type) {
	case nil:
		return nil
	case string:
		raw, err := hex.DecodeString(strings.TrimPrefix(from, "hex:"))
		if err != nil {
			p.t.Fatal(err)
		}
		return raw
	case []any:
		var out []byte
		for _, b := range from {
			out = p.appendBatch(out, b.(map[string]any))
		}
		return out
	}
	p.t.Fatalf("%v are no records", from)
	return nil
}

func (p *peer) appendBatch(out []byte, spec map[string]any) []byte {
	number := func(name string, missing int) int {
		if v, ok := spec[name]; ok {
			n, err := strconv.Atoi(p.expand(fmt.Sprint(v)))
			if err != nil {
				p.t.Fatal(err)
			}
			return n
		}
		return missing
	}
	codec, err := batch.ParseCodec(fmt.Sprint(orElse(spec["codec"], "none")))
	if err != nil {
		p.t.Fatal(err)
	}
	ts := int64(number("at", 0))
	if ts == 0 {
		ts = time.Now().UnixMilli() + int64(number("ts", 0))
	}
	var b batch.Builder
	b.Reset(int64(number("delta", 0)), batch.Compression{Codec: codec})
	b.SetProducer(int64(number("pid", -1)), int16(number("epoch", -1)), int32(number("seq", -1)))
	b.SetPartitionLeaderEpoch(int32(number("leader", -1)))
	if spec["txn"] == true {
		b.SetTransactional()
	}
	if spec["control"] == true {
		b.SetControl()
	}
	var key []byte
	if k, ok := spec["key"].(string); ok {
		key = []byte(k)
	}
	for i := range number("n", 1) {
		value := []byte(strconv.Itoa(i))
		if size := number("size", 0); size > 0 {
			value = []byte(strings.Repeat("x", size))
		}
		b.Append(ts+int64(i*number("step", 0)), key, value)
	}
	at := len(out)
	out, err = b.AppendTo(out)
	if err != nil {
		p.t.Fatal(err)
	}
	spoil(out[at:], spec, number)
	return out
}

// spoil makes a batch wrong where the script wants it so.
func spoil(raw []byte, spec map[string]any, number func(string, int) int) {
	b := batch.Batch(raw)
	put := func(at int, value uint64, bytes int) {
		for i := range bytes {
			raw[at+i] = byte(value >> (8 * (bytes - 1 - i)))
		}
	}
	if _, ok := spec["count"]; ok {
		put(57, uint64(number("count", 0)), 4)
	}
	if _, ok := spec["last"]; ok {
		put(23, uint64(number("last", 0)), 4)
	}
	if _, ok := spec["magic"]; ok {
		raw[16] = byte(number("magic", 2))
	}
	if _, ok := spec["attributes"]; ok {
		put(21, uint64(number("attributes", 0)), 2)
	}
	if _, ok := spec["length"]; ok {
		put(8, uint64(number("length", 0)), 4)
	}
	crc := b.ComputeCRC()
	if spec["crc"] == false {
		crc++
	}
	if _, ok := spec["length"]; !ok {
		put(17, uint64(crc), 4)
	}
}

func orElse(v, missing any) any {
	if v == nil {
		return missing
	}
	return v
}
