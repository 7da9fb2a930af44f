package connect

import "unicode/utf8"

// DecodeUTF8 makes a string of bytes as Java's decoder does, which puts one U+FFFD for each piece that is not UTF-8: for the longest
// beginning of a character that does not go on, and for a surrogate. It copies.
func DecodeUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		_, n := utf8.DecodeRune(b)
		if n > 1 || b[0] < utf8.RuneSelf {
			out = append(out, b[:n]...)
		} else {
			n = malformed(b)
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		b = b[n:]
	}
	return string(out)
}

// malformed is how many bytes the piece has that b, which is not UTF-8, begins with.
func malformed(b []byte) int {
	follows := func(i int) bool { return i < len(b) && b[i]&0xc0 == 0x80 }
	lead := b[0]
	switch {
	case lead < 0xe0 || lead > 0xf4 || !follows(1):
		return 1
	case lead == 0xe0 && b[1] < 0xa0, lead == 0xf0 && b[1] < 0x90, lead == 0xf4 && b[1] >= 0x90: // longer than need be, or beyond U+10FFFF
		return 1
	case !follows(2):
		return 2
	}
	return 3
}
