package javaprops

import (
	"strings"
	"testing"
)

func TestProperties(t *testing.T) {
	text := "# comment\n! another\n\n  a = 1 \nb:2\nc 3\nd\n e\\ f\\=g = h\\ti\\u00e9\\\n    j\\\n\nk==l\nm:=n\nlong=one,\\\r\n  two\r\nlast=\\\\\nesc=\\q\nx=\\ud83d\\ude00\nlog.dirs=/a"
	want := [][3]any{
		{"a", "1 ", 4},
		{"b", "2", 5},
		{"c", "3", 6},
		{"d", "", 7},
		{"e f=g", "h\tiéj", 8},
		{"k", "=l", 11},
		{"m", "=n", 12},
		{"long", "one,two", 13},
		{"last", `\`, 15},
		{"esc", "q", 16},
		{"x", "😀", 17},
		{"log.dirs", "/a", 18},
	}
	got, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if i >= len(got) || got[i].Key != w[0] || got[i].Value != w[1] || got[i].Line != w[2] {
			t.Errorf("entry %d: want %q, got %+v", i, w, got[min(i, len(got)-1)])
		}
	}
	if _, err := Parse([]byte("a=1\nlog.dirs=C:\\users")); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
		t.Errorf("a broken escape: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a=b\\\n c", "\\u0041=\\ud83d", "a\\", "#\\\nx=y", "k\t:\tv\r\rz"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		properties, err := Parse(text)
		if err != nil {
			return
		}
		n := 0
		for _, p := range properties {
			n += len(p.Key) + len(p.Value)
		}
		if n > 2*len(text) {
			t.Errorf("%d bytes became %d", len(text), n)
		}
	})
}
