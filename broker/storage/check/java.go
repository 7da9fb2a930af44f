package check

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// javaString decodes UTF-8 as Java does: each longest beginning of a character that breaks off is one U+FFFD, and so is a surrogate.
func javaString(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n <= 1 {
			n = brokenLength(b)
		}
		s.WriteRune(c)
		b = b[n:]
	}
	return s.String()
}

// brokenLength is how many bytes of b could have begun a character.
func brokenLength(b []byte) int {
	want, lo, hi := 0, byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		want = 1
	case c == 0xE0:
		want, lo = 2, 0xA0
	case c >= 0xE1 && c <= 0xEF:
		want = 2
	case c == 0xF0:
		want, lo = 3, 0x90
	case c >= 0xF1 && c <= 0xF3:
		want = 3
	case c == 0xF4:
		want, hi = 3, 0x8F
	}
	n := 1
	for n <= want && n < len(b) && b[n] >= lo && b[n] <= hi {
		n++
		lo, hi = 0x80, 0xBF
	}
	return n
}

// javaMapOrder sorts keys into the order in which a java.util.HashMap lists them, which the original's reports have.
func javaMapOrder(keys []string) []string {
	size := 16
	for len(keys) > size*3/4 {
		size *= 2
	}
	bucket := func(s string) int {
		var h uint32
		for _, c := range utf16.Encode([]rune(s)) {
			h = 31*h + uint32(c)
		}
		return int((h ^ h>>16) & uint32(size-1))
	}
	out := slices.Clone(keys)
	slices.SortStableFunc(out, func(a, b string) int { return bucket(a) - bucket(b) })
	return out
}
