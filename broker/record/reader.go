package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kgo-project/kgo/broker/ident"
)

// generated is what the generated code gives each message beside the exported methods.
type generated interface {
	Message
	setDefaults()
	append(w *writer, version int16)
	read(r *reader, version int16)
	appendJSON(j *jsonWriter, version int16)
}

// reader takes values from the front of src. After the first error all reads return zero values; src is then empty.
type reader struct {
	src []byte
	err error
}

func readMessage(src []byte, m generated, version int16) ([]byte, error) {
	if err := checkVersion(m, version); err != nil {
		return nil, err
	}
	r := reader{src: src}
	m.read(&r, version)
	if r.err != nil {
		return nil, fmt.Errorf("%s version %d: %w", m.MessageName(), version, r.err)
	}
	return r.src, nil
}

func checkVersion(m Message, version int16) error {
	if lowest, highest := m.VersionRange(); version < lowest || version > highest {
		return fmt.Errorf("%s version %d is not one of %d to %d", m.MessageName(), version, lowest, highest)
	}
	return nil
}

func (r *reader) fail(form string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+form, append([]any{ErrCorrupt}, args...)...)
	}
	r.src = nil
}

// take returns the next n bytes, nil when there are fewer.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.src) {
		r.fail("%d bytes wanted, %d left", n, len(r.src))
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) bool() bool { return r.int8() != 0 }

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) int16() int16 { return int16(r.uint16()) }

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) float64() float64 { return math.Float64frombits(uint64(r.int64())) }

func (r *reader) uuid() (u ident.UUID) {
	copy(u[:], r.take(len(u)))
	return u
}

// uvarint reads Kafka's unsigned varint: at most five bytes, 32 bits.
func (r *reader) uvarint() uint32 {
	v, n := binary.Uvarint(r.src[:min(len(r.src), 5)])
	if n <= 0 || v > math.MaxUint32 {
		r.fail("a bad varint")
		return 0
	}
	r.src = r.src[n:]
	return uint32(v)
}

// length reads a length or count: -1 stands for null, which is an error unless nullable. wide says whether the inflexible form has 32 bits.
func (r *reader) length(flexible, nullable, wide bool) int {
	var n int
	switch {
	case flexible:
		n = int(int64(r.uvarint()) - 1)
	case wide:
		n = int(r.int32())
	default:
		n = int(r.int16())
	}
	if n < -1 || n == -1 && !nullable {
		r.fail("length %d", n)
		return -1
	}
	return n
}

// arrayLen reads an array's count and refuses one that the bytes left can't hold. -1 is null, or an error.
func (r *reader) arrayLen(flexible, nullable bool, minElementSize int) int {
	n := r.length(flexible, nullable, true)
	if n > len(r.src)/minElementSize {
		r.fail("%d elements in %d bytes", n, len(r.src))
	}
	if r.err != nil {
		return -1
	}
	return n
}

func (r *reader) string(flexible bool) string {
	if b := r.take(r.length(flexible, false, false)); b != nil {
		return string(b)
	}
	return ""
}

func (r *reader) nullableString(flexible, nullable bool) *string {
	n := r.length(flexible, nullable, false)
	if n < 0 {
		return nil
	}
	s := string(r.take(n))
	return &s
}

func (r *reader) bytes(flexible bool) []byte {
	if b := r.take(r.length(flexible, false, true)); len(b) > 0 {
		return bytes.Clone(b)
	}
	return nil
}

func (r *reader) nullableBytes(flexible bool) []byte {
	n := r.length(flexible, true, true)
	if n < 0 {
		return nil
	}
	return append([]byte{}, r.take(n)...)
}

// present reads the byte before a nullable struct: whether the struct follows.
func (r *reader) present(nullable bool) bool {
	b := r.int8()
	if b < 0 && !nullable {
		r.fail("a null struct")
	}
	return b >= 0 && r.err == nil
}

// newSlice is nil for no elements: null and empty are the same where null is not allowed.
func newSlice[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, n)
}

func (r *reader) tagCount() int {
	n := int(r.uvarint())
	if n > len(r.src)/2 { // a tag and a size, a byte each
		r.fail("%d tagged fields in %d bytes", n, len(r.src))
		return 0
	}
	return n
}

// enterTag narrows the reader to the next tagged field and returns what follows the field, for leaveTag. Tags have to ascend.
func (r *reader) enterTag(prev *int64) (tag uint32, after []byte) {
	tag = r.uvarint()
	if r.err == nil && int64(tag) <= *prev {
		r.fail("tag %d after tag %d", tag, *prev)
	}
	*prev = int64(tag)
	size := r.uvarint()
	if size > uint32(len(r.src)) {
		r.fail("tag %d of %d bytes, %d left", tag, size, len(r.src))
		return tag, nil
	}
	after = r.src[size:]
	r.src = r.src[:size:size]
	return tag, after
}

func (r *reader) leaveTag(after []byte) {
	if len(r.src) > 0 {
		r.fail("%d bytes too many in a tagged field", len(r.src))
	}
	if r.err == nil {
		r.src = after
	}
}

func (r *reader) keepTag(kept []UnknownTag, tag uint32) []UnknownTag {
	if r.err != nil {
		return kept
	}
	return append(kept, UnknownTag{tag, append([]byte{}, r.take(len(r.src))...)})
}
