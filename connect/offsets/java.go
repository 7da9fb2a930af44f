package offsets

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The part of Java's object serialization that a HashMap<byte[], byte[]> needs:
//
//	ACED 0005                                  stream header
//	73                                         object
//	  72 "java.util.HashMap" uid 03 fields...  class description   (handle 0)
//	  loadFactor threshold                     fields              (handle 1: the map)
//	  77 08 capacity size                      block data written by HashMap.writeObject
//	  size x (key, value), each                70 = null, 71 handle = as before, or
//	     75 72 "[B" uid 02 0000 78 70 length bytes   the first array (handle 2: its class; then one handle per array)
//	     75 71 007E0002 length bytes                 further arrays
//	  78                                       end of block data
const mapHeader = "\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02" +
	"F\x00\x0aloadFactorI\x00\x09thresholdxp"

const (
	arrayClass     = "r\x00\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\x00\x00xp"
	arrayReference = "q\x00\x7e\x00\x02"
	baseHandle     = 0x7e0000
	firstArray     = 3
)

// entry is a key with its value; nil is null.
type entry struct{ key, value []byte }

// encode writes the map as java.io.ObjectOutputStream does.
func encode(entries []entry) []byte {
	capacity := 16
	for len(entries) > capacity/4*3 {
		capacity *= 2
	}
	b := append([]byte(mapHeader), 0x3f, 0x40, 0, 0) // load factor 0.75f
	b = binary.BigEndian.AppendUint32(b, uint32(capacity/4*3))
	b = append(b, 'w', 8)
	b = binary.BigEndian.AppendUint32(b, uint32(capacity))
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries)))
	class := arrayClass
	array := func(v []byte) {
		if v == nil {
			b = append(b, 'p')
			return
		}
		b = append(append(b, 'u'), class...)
		class = arrayReference
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	for _, e := range entries {
		array(e.key)
		array(e.value)
	}
	return append(b, 'x')
}

var errTruncated = errors.New("the file ends early")

// decode reads what encode, or Apache's worker, has written.
func decode(b []byte) ([]entry, error) {
	if len(b) < len(mapHeader) || string(b[:len(mapHeader)]) != mapHeader {
		return nil, errors.New("not a serialized java.util.HashMap")
	}
	d := decoder{b: b[len(mapHeader):]}
	fields := d.take(8 + 2 + 8)
	if fields == nil || fields[8] != 'w' || fields[9] != 8 {
		return nil, errTruncated
	}
	size := binary.BigEndian.Uint32(fields[14:])
	if uint64(size) > uint64(len(d.b)) { // an entry takes two bytes at least
		return nil, fmt.Errorf("%d entries in %d bytes", size, len(d.b))
	}
	entries := make([]entry, 0, min(size, 1024))
	for range size {
		key, err := d.array()
		if err != nil {
			return nil, err
		}
		value, err := d.array()
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{key, value})
	}
	if end := d.take(1); end == nil || end[0] != 'x' {
		return nil, errTruncated
	}
	return entries, nil
}

type decoder struct {
	b      []byte
	arrays [][]byte
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) array() ([]byte, error) {
	tag := d.take(1)
	if tag == nil {
		return nil, errTruncated
	}
	switch tag[0] {
	case 'p':
		return nil, nil
	case 'q':
		ref := d.take(4)
		if ref == nil {
			return nil, errTruncated
		}
		i := int64(binary.BigEndian.Uint32(ref)) - baseHandle - firstArray
		if i < 0 || i >= int64(len(d.arrays)) {
			return nil, errors.New("a reference to nothing")
		}
		return d.arrays[i], nil
	case 'u':
	default:
		return nil, fmt.Errorf("unexpected object of type %#x", tag[0])
	}
	class := arrayReference
	if len(d.arrays) == 0 {
		class = arrayClass
	}
	if got := d.take(len(class)); string(got) != class {
		return nil, errors.New("not an array of bytes")
	}
	length := d.take(4)
	if length == nil {
		return nil, errTruncated
	}
	v := d.take(int(int32(binary.BigEndian.Uint32(length))))
	if v == nil {
		return nil, errTruncated
	}
	d.arrays = append(d.arrays, v)
	return v, nil
}
