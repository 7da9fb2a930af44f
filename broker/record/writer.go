package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"

	"github.com/kgo-project/kgo/broker/ident"
)

// endOfTags is above every tag.
const endOfTags = math.MaxUint32

// writer appends values to dst and keeps the first thing that a version can't express.
type writer struct {
	dst []byte
	err error
}

func appendMessage(dst []byte, m generated, version int16) ([]byte, error) {
	if err := checkVersion(m, version); err != nil {
		return dst, err
	}
	w := writer{dst: dst}
	m.append(&w, version)
	if w.err != nil {
		return dst, fmt.Errorf("%s: %w", m.MessageName(), w.err)
	}
	return w.dst, nil
}

func (w *writer) fail(form string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(form, args...)
	}
}

// refuse notes that version has no such field although the message holds a value for it.
func (w *writer) refuse(field string, version int16) {
	w.fail("version %d has no field %s, which is set", version, field)
}

// nullable is for a field that is null: it notes a version in which the field must not be null, and reports whether it may.
func (w *writer) nullable(allowed bool, field string, version int16) bool {
	if !allowed {
		w.fail("version %d has no null for field %s", version, field)
	}
	return allowed
}

func (w *writer) bool(v bool) {
	if v {
		w.int8(1)
	} else {
		w.int8(0)
	}
}
func (w *writer) int8(v int8)       { w.dst = append(w.dst, byte(v)) }
func (w *writer) uint16(v uint16)   { w.dst = binary.BigEndian.AppendUint16(w.dst, v) }
func (w *writer) int16(v int16)     { w.uint16(uint16(v)) }
func (w *writer) int32(v int32)     { w.dst = binary.BigEndian.AppendUint32(w.dst, uint32(v)) }
func (w *writer) int64(v int64)     { w.dst = binary.BigEndian.AppendUint64(w.dst, uint64(v)) }
func (w *writer) float64(v float64) { w.int64(int64(math.Float64bits(v))) }
func (w *writer) uuid(v ident.UUID) { w.dst = append(w.dst, v[:]...) }
func (w *writer) uvarint(v uint32)  { w.dst = binary.AppendUvarint(w.dst, uint64(v)) }

// length writes a length or count; null is written as -1.
func (w *writer) length(n int, null, flexible, wide bool) {
	if null {
		n = -1
	}
	switch {
	case flexible:
		w.uvarint(uint32(n + 1))
	case wide:
		w.int32(int32(n))
	default:
		if n > math.MaxInt16 {
			w.fail("a string of %d bytes does not fit", n)
		}
		w.int16(int16(n))
	}
}

func (w *writer) arrayLen(n int, null, flexible bool) { w.length(n, null, flexible, true) }

func (w *writer) string(s string, flexible bool) {
	if len(s) > math.MaxInt16 { // Kafka's limit for both forms
		w.fail("a string of %d bytes does not fit", len(s))
	}
	w.length(len(s), false, flexible, false)
	w.dst = append(w.dst, s...)
}

func (w *writer) nullableString(s *string, null, flexible bool) {
	if s == nil {
		w.length(0, null, flexible, false)
		return
	}
	w.string(*s, flexible)
}

func (w *writer) bytes(b []byte, flexible bool) { w.nullableBytes(b, false, flexible) }

func (w *writer) nullableBytes(b []byte, null, flexible bool) {
	w.length(len(b), null, flexible, true)
	w.dst = append(w.dst, b...)
}

// present writes the byte before a nullable struct and reports whether the struct is to be written.
func (w *writer) present(present bool) bool {
	if present = present && w.err == nil; present {
		w.int8(1)
	} else {
		w.int8(-1)
	}
	return present
}

// differsFromDefault reports whether a nullable struct is not what its type's defaults make it; null differs.
func differsFromDefault[T any, P interface {
	*T
	setDefaults()
}](v P) bool {
	var def T
	P(&def).setDefaults()
	return v == nil || !reflect.DeepEqual(*v, def)
}

// tags writes the tagged fields of a struct that has none of its own.
func (w *writer) tags(unknown []UnknownTag) {
	w.uvarint(uint32(len(unknown)))
	w.tagsBelow(unknown, endOfTags)
}

// tagsBelow writes the unknown tags below limit and returns the others: tags go out in ascending order.
func (w *writer) tagsBelow(unknown []UnknownTag, limit uint32) []UnknownTag {
	for len(unknown) > 0 && unknown[0].Tag < limit {
		t := unknown[0]
		w.uvarint(t.Tag)
		w.uvarint(uint32(len(t.Data)))
		w.dst = append(w.dst, t.Data...)
		unknown = unknown[1:]
	}
	if len(unknown) > 0 && unknown[0].Tag == limit {
		w.fail("an unknown tag %d that is known", limit)
	}
	return unknown
}

// beginTag writes a tag; endTag puts the size of what was written since in front of it.
func (w *writer) beginTag(tag uint32) (mark int) {
	w.uvarint(tag)
	return len(w.dst)
}

func (w *writer) endTag(mark int) {
	var size [binary.MaxVarintLen32]byte
	n := binary.PutUvarint(size[:], uint64(len(w.dst)-mark))
	w.dst = append(w.dst, size[:n]...)
	copy(w.dst[mark+n:], w.dst[mark:len(w.dst)-n])
	copy(w.dst[mark:], size[:n])
}
