package connect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestMalformedBytesAreReplacedAsInJava has what new String(bytes, UTF_8) makes of them; R is U+FFFD.
func TestMalformedBytesAreReplacedAsInJava(t *testing.T) {
	for in, want := range map[string]string{
		"é\U0001f600":          "é\U0001f600",
		"\xff\xfe":             "RR",
		"\xc3(":                "R(",
		"a\xe2\x82 b":          "aR b",
		"\xf0\x9f":             "R",
		"\xf0\x9f\x98":         "R",
		"\xf0\x9f\x98x":        "Rx",
		"\xc0\x80":             "RR",
		"\xe0\x80\x80":         "RRR",
		"\xf0\x80\x80\x80":     "RRRR",
		"\xf4\x90\x80\x80":     "RRRR",
		"\xed\xa0\x80":         "R", // a surrogate
		"\x80\xbf":             "RR",
		"\xf5\x80":             "RR",
		"\xe2":                 "R",
		"\xe2\x82\xe2\x82\xac": "R€",
	} {
		if got := DecodeUTF8([]byte(in)); got != strings.ReplaceAll(want, "R", "\ufffd") {
			t.Errorf("%q: %q, want %s", in, got, want)
		}
	}
}

func FuzzDecodeUTF8(f *testing.F) {
	f.Add([]byte("a\xe2\x82\xf0\x9f\x98\xed\xa0\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := DecodeUTF8(b)
		if !utf8.ValidString(s) || utf8.Valid(b) != (s == string(b)) {
			t.Errorf("%q: %q", b, s)
		}
	})
}
