package commands

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readLines returns what the reader makes of an input: key, value and headers of each record in a line, null as <nil>.
func readLines(in io.Reader, props map[string]string) (string, error) {
	lines, err := newLineReader(in, props)
	if err != nil {
		return "", err
	}
	show := func(b []byte) string {
		if b == nil {
			return "<nil>"
		}
		return string(b)
	}
	var out strings.Builder
	for {
		r, err := lines.next()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
		out.WriteString(show(r.Key) + "|" + show(r.Value))
		for _, h := range r.Headers {
			out.WriteString("|" + h.Key + "=" + show(h.Value))
		}
		out.WriteByte('\n')
	}
}

func TestLinesBecomeRecords(t *testing.T) {
	const all = "parse.key=true parse.headers=true"
	for _, c := range []struct{ name, props, in, want, fails string }{
		{"values", "", "a\nb c\n\nlast", "<nil>|a\n<nil>|b c\n<nil>|\n<nil>|last\n", ""},
		{"windows line ends", "", "a\r\nb\r\n", "<nil>|a\n<nil>|b\n", ""},
		{"key", "parse.key=true", "k\tv\n\tv\nk\t\n", "k|v\n|v\nk|\n", ""},
		{"key separator of several letters", "parse.key=true key.separator=::", "k::v::w\n", "k|v::w\n", ""},
		{"missing separator", "parse.key=true", "k\tv\nx\n", "k|v\n", "No key separator found on line number 2: 'x'"},
		{"missing separator ignored", "parse.key=true ignore.error=true", "x\n", "<nil>|x\n", ""},
		{"headers and key", all, "h1:v1,h2:v2\tk\tv\n", "k|v|h1=v1|h2=v2\n", ""},
		{"header without separator", all, "h1\tk\tv\n", "", "No header key separator found in pair 'h1' on line number 1"},
		{"missing headers delimiter", "parse.headers=true", "v\n", "", "No headers delimiter found on line number 1: 'v'"},
		{"null marker", all + " null.marker=NULL", "h:NULL\tNULL\tNULL\nNULL\tk\tv\n", "<nil>|<nil>|h=<nil>\nk|v\n", ""},
		{"separators that are equal", "headers.delimiter=, parse.headers=true", "", "", "headers.delimiter and headers.separator may not be equal"},
		{"null marker that is a separator", "null.marker=: parse.headers=true", "", "", "null.marker and headers.key.separator may not be equal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			props := make(map[string]string)
			for kv := range strings.FieldsSeq(c.props) {
				key, value, _ := strings.Cut(kv, "=")
				props[key] = value
			}
			for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				got, err := readLines(in, props)
				if got != c.want || (err == nil) != (c.fails == "") || err != nil && err.Error() != c.fails {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
}

func TestLinesLongerThanAChunk(t *testing.T) {
	long := strings.Repeat("x", 3*lineChunkBytes+5)
	got, err := readLines(strings.NewReader("a\n"+long+"\nb"), nil)
	if want := "<nil>|a\n<nil>|" + long + "\n<nil>|b\n"; err != nil || got != want {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("h:v,i:w\tk\tv\r\nx\n\n"), true, true, true, "NULL", "\t")
	f.Add([]byte("k::v\n"), true, false, false, "", "::")
	f.Fuzz(func(t *testing.T, in []byte, key, headers, ignore bool, null, separator string) {
		props := map[string]string{"key.separator": separator}
		for name, on := range map[string]bool{"parse.key": key, "parse.headers": headers, "ignore.error": ignore} {
			if on {
				props[name] = "true"
			}
		}
		if null != "" {
			props["null.marker"] = null
		}
		whole, errWhole := readLines(bytes.NewReader(in), props)
		pieces, errPieces := readLines(iotest.OneByteReader(bytes.NewReader(in)), props)
		if whole != pieces || (errWhole == nil) != (errPieces == nil) {
			t.Errorf("%q, %v in one read, %q, %v byte by byte", whole, errWhole, pieces, errPieces)
		}
		if ignore && errWhole != nil && separator != "" && null == "" {
			t.Errorf("ignore.error: %v", errWhole)
		}
	})
}
