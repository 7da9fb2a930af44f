// Package schema checks a request's bytes against Kafka's schemas before anything is decoded.
//
// A decoder of Kafka's protocol allocates what an array's count says. The count is the client's word: four bytes can ask for gigabytes.
// [CheckRequest] walks the bytes without allocating, refuses every count and length that the bytes which follow can't hold, and adds up what
// decoding would take, so that the caller can refuse the request or account for its memory first.
//
// The schemas are in requests.txt: every version that Apache Kafka 4.3 serves, and the older ones that Apache Kafka 3.9 still had.
// requests_gen.go is generated from it by the generator of package record. What the package does not do: headers, which have their own
// versions, and the contents of record sets, which are package batch's.
package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// request is one schema of an api key, for the versions from lowest to highest.
type request struct {
	lowest, highest, flexibleFrom int16
	body                          *structure
}

type structure struct {
	size   int32 // an estimate of the decoded Go struct's size
	fields []field
}

type field struct {
	kind            kind
	array, nullable bool
	lowest, highest int16 // versions that have the field
	tag             int16 // -1 for a field that is not tagged
	of              *structure
}

type kind uint8

const (
	fixed1 kind = iota
	fixed2
	fixed4
	fixed8
	fixed16
	str
	blob // bytes and record sets: decoded as a slice of the request's own buffer
	nested
)

// fixedSize holds the sizes of the first kinds on the wire, memorySize what an array's element of each kind takes once decoded.
var (
	fixedSize  = [...]int{fixed1: 1, fixed2: 2, fixed4: 4, fixed8: 8, fixed16: 16}
	memorySize = [...]int{fixed1: 1, fixed2: 2, fixed4: 4, fixed8: 8, fixed16: 16, str: 16, blob: 24}
)

// ErrMalformed is wrapped by the error about a request whose bytes don't fit its schema.
var ErrMalformed = errors.New("malformed request")

// ErrTooManyElements is wrapped by the error about a request with more array elements than the caller allows.
var ErrTooManyElements = errors.New("too many array elements in a request")

// ErrUnknownVersion is wrapped by the error about an api key or a version that has no schema here.
var ErrUnknownVersion = errors.New("no schema for this request version")

// maxUnknownTags bounds the tagged fields in one struct that the schema does not name: a decoder keeps each in a map.
const maxUnknownTags = 1024

// CheckRequest walks body, a request without its header. It returns the number of array elements in the request and an estimate of the
// memory that decoding it takes. Bytes after the request's end are left alone, as Kafka leaves them. maxElements bounds the elements of all arrays together.
func CheckRequest(key, version int16, body []byte, maxElements int) (elements, decodedBytes int, err error) {
	if key < 0 || int(key) >= len(requests) {
		return 0, 0, fmt.Errorf("api key %d: %w", key, ErrUnknownVersion)
	}
	for i := range requests[key] {
		r := &requests[key][i]
		if version < r.lowest || version > r.highest {
			continue
		}
		w := walker{src: body, version: version, flexible: version >= r.flexibleFrom, elementsLeft: maxElements}
		w.structure(r.body)
		if w.err != nil {
			return 0, 0, fmt.Errorf("api key %d version %d: %w", key, version, w.err)
		}
		return maxElements - w.elementsLeft, w.memory + int(r.body.size), nil
	}
	return 0, 0, fmt.Errorf("api key %d version %d: %w", key, version, ErrUnknownVersion)
}

// walker steps over one request. After the first error src is empty.
type walker struct {
	src          []byte
	err          error
	version      int16
	flexible     bool
	elementsLeft int
	memory       int
}

func (w *walker) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	w.src = nil
}

func (w *walker) skip(n int) {
	if n < 0 || n > len(w.src) {
		w.fail("a length beyond the request's end")
		return
	}
	w.src = w.src[n:]
}

func (w *walker) uvarint() uint32 {
	if len(w.src) > 0 && w.src[0] < 0x80 {
		v := w.src[0]
		w.src = w.src[1:]
		return uint32(v)
	}
	v, n := binary.Uvarint(w.src[:min(len(w.src), 5)])
	if n <= 0 || v > 1<<32-1 {
		w.fail("a bad varint")
		return 0
	}
	w.src = w.src[n:]
	return uint32(v)
}

// length reads a length or count; -1 is null. wide says whether the inflexible form has 32 bits.
func (w *walker) length(nullable, wide bool) int {
	n := 0
	switch {
	case w.flexible:
		n = int(int64(w.uvarint()) - 1)
	case wide && len(w.src) >= 4:
		n = int(int32(binary.BigEndian.Uint32(w.src)))
		w.src = w.src[4:]
	case !wide && len(w.src) >= 2:
		n = int(int16(binary.BigEndian.Uint16(w.src)))
		w.src = w.src[2:]
	default:
		w.fail("a length beyond the request's end")
	}
	if n < -1 || n < 0 && !nullable && w.err == nil {
		w.fail("a negative length")
	}
	return n
}

func (w *walker) structure(s *structure) {
	for i := range s.fields {
		f := &s.fields[i]
		if w.err != nil {
			return
		}
		if f.tag < 0 && w.version >= f.lowest && w.version <= f.highest {
			w.field(f)
		}
	}
	if w.flexible {
		w.tags(s)
	}
}

func (w *walker) field(f *field) {
	if f.array {
		w.array(f)
		return
	}
	if f.kind == nested {
		if f.nullable {
			if len(w.src) == 0 {
				w.fail("a struct beyond the request's end")
				return
			}
			present := int8(w.src[0]) >= 0
			w.src = w.src[1:]
			if !present {
				return
			}
			w.memory += int(f.of.size)
		}
		w.structure(f.of)
		return
	}
	w.scalar(f.kind, f.nullable)
}

func (w *walker) scalar(k kind, nullable bool) {
	switch k {
	case str:
		if n := w.length(nullable, false); n > 0 {
			w.skip(n)
			w.memory += n + 16
		}
	case blob:
		// A null where the schema has none is left to the request's handler: old producers sent null record sets.
		if n := w.length(true, true); n > 0 {
			w.skip(n)
		}
	default:
		w.skip(fixedSize[k])
	}
}

// array checks the count against the bytes left before it walks the elements. Each element takes at least a byte: the walk below fails as
// soon as the bytes run out, so the check is exact although the schema's minimum sizes are not consulted.
func (w *walker) array(f *field) {
	n := w.length(f.nullable || !w.flexible, true)
	if n <= 0 || w.err != nil {
		return
	}
	if n > len(w.src) {
		w.fail("an array with more elements than bytes")
		return
	}
	if n > w.elementsLeft {
		w.err, w.src = ErrTooManyElements, nil
		return
	}
	w.elementsLeft -= n
	switch {
	case f.kind == nested:
		w.memory += n * int(f.of.size)
		for ; n > 0 && w.err == nil; n-- {
			w.structure(f.of)
		}
	case f.kind >= str:
		w.memory += n * memorySize[f.kind]
		for ; n > 0 && w.err == nil; n-- {
			w.scalar(f.kind, false)
		}
	default:
		w.memory += n * memorySize[f.kind]
		w.skip(n * fixedSize[f.kind])
	}
}

// tags walks the tagged fields at a struct's end. A known tag has to fill its size exactly.
func (w *walker) tags(s *structure) {
	n := w.uvarint()
	if n == 0 {
		return
	}
	if n > maxUnknownTags {
		w.fail("too many tagged fields")
		return
	}
	w.memory += int(n) * 64
	for ; n > 0 && w.err == nil; n-- {
		tag, size := w.uvarint(), w.uvarint()
		if int64(size) > int64(len(w.src)) {
			w.fail("a tagged field beyond the request's end")
		}
		if w.err != nil {
			return
		}
		after := w.src[size:]
		if f := s.tagged(tag, w.version); f != nil {
			w.src = w.src[:size]
			if f.kind == nested && f.nullable && !f.array { // before a tagged struct stands 0 or 1, before others -1 or 1
				if w.uvarint() == 0 {
					f = nil
				}
			}
			if f != nil {
				w.taggedField(f)
			}
			if w.err == nil && len(w.src) > 0 {
				w.fail("a tagged field with bytes left over")
			}
		}
		if w.err == nil {
			w.src = after
		}
	}
}

// taggedField walks a tagged field that is not null.
func (w *walker) taggedField(f *field) {
	if f.kind == nested && !f.array {
		w.memory += int(f.of.size)
		w.structure(f.of)
		return
	}
	w.field(f)
}

func (s *structure) tagged(tag uint32, version int16) *field {
	for i := range s.fields {
		if f := &s.fields[i]; f.tag >= 0 && uint32(f.tag) == tag && version >= f.lowest && version <= f.highest {
			return f
		}
	}
	return nil
}
