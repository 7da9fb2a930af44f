package converters

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/connect"
)

func make1(t *testing.T, class string, config connect.Config) connect.Converter {
	t.Helper()
	c, err := New(class, config, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestJSONWithSchemas(t *testing.T) {
	c := make1(t, "Json", nil)
	for range 2 { // the second use takes the remembered schema
		b, err := c.FromConnect("t", connect.Value{Schema: connect.StringSchema, Data: "a\"\n\x01é"})
		if want := `{"schema":{"type":"string","optional":false},"payload":"a\"\n\u0001é"}`; err != nil || string(b) != want {
			t.Fatalf("got %s, %v; want %s", b, err, want)
		}
		v, err := c.ToConnect("t", b)
		if err != nil || v.Data != "a\"\n\x01é" || v.Schema.Type != connect.String {
			t.Fatalf("read back %v, %v", v, err)
		}
	}
	const text = `{"schema":{"type":"struct","fields":[{"type":"int32","optional":true,"field":"id"},{"type":"array","items":{"type":"double","optional":false},"optional":false,"field":"x"},` +
		`{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"field":"d"}],"optional":false,"name":"row"},"payload":{"id":null,"x":[1.0,1.0E10],"d":"+C0="}}`
	v, err := c.ToConnect("t", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := connect.Text(v.Data), "Struct{x=[1.0, 1.0E10],d=-20.03}"; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	b, err := c.FromConnect("t", v)
	if err != nil || string(b) != text {
		t.Errorf("written back: %s, %v", b, err)
	}
}

func TestJSONWithoutSchemas(t *testing.T) {
	c := make1(t, "org.apache.kafka.connect.json.JsonConverter", connect.Config{"schemas.enable": "false"})
	v, err := c.ToConnect("t", []byte(`{"name":"x","id":7,"f":0.5,"list":[1,"2",null],"b":true}`))
	if err != nil {
		t.Fatal(err)
	}
	// Java's HashMap has this order.
	if got, want := connect.Text(v.Data), "{b=true, f=0.5, name=x, id=7, list=[1, 2, null]}"; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	for _, bad := range []string{"{", `{"a"`, `"\u12"`, "[1,]", "tru", "-", "1."} {
		if _, err := c.ToConnect("t", []byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestJSONWithoutEnvelopeIsRefused(t *testing.T) {
	_, err := make1(t, "JsonConverter", nil).ToConnect("t", []byte(`{"a":1}`))
	if err == nil || err.Error() != noEnvelope {
		t.Fatalf("got %v", err)
	}
}

func TestPlainConvertersRoundTrip(t *testing.T) {
	for class, v := range map[string]any{"Boolean": true, "Short": int16(-2), "Integer": int32(-3), "Long": int64(1 << 40), "Float": float32(1.5), "Double": 2.5, "ByteArray": nil, "String": "s"} {
		c := make1(t, class, nil)
		b, err := c.FromConnect("t", connect.Value{Data: v})
		if err != nil {
			t.Fatal(class, err)
		}
		if got, err := c.ToConnect("t", b); err != nil || got.Data != v {
			t.Errorf("%s: %v, %v; want %v", class, got.Data, err, v)
		}
	}
}

// TestNoJSONAtAllIsNull, as Jackson reads it; with schemas there has to be an envelope.
func TestNoJSONAtAllIsNull(t *testing.T) {
	for _, text := range []string{"", " \t\n"} {
		if v, err := make1(t, "Json", connect.Config{"schemas.enable": "false"}).ToConnect("t", []byte(text)); v.Data != nil || err != nil {
			t.Errorf("%q: %v, %v", text, v, err)
		}
		if _, err := make1(t, "Json", nil).ToConnect("t", []byte(text)); err == nil || !strings.Contains(err.Error(), `requires "schema" and "payload" fields`) {
			t.Errorf("%q with schemas: %v", text, err)
		}
	}
}

// TestNothingIsNotNull: the converters of text write an empty text as no bytes, and null as null.
func TestNothingIsNotNull(t *testing.T) {
	for _, class := range []string{"String", "SimpleHeaderConverter"} {
		c := make1(t, class, nil)
		if b, err := c.FromConnect("t", connect.Value{Schema: connect.StringSchema, Data: ""}); b == nil || len(b) > 0 || err != nil {
			t.Errorf("%s: the empty text is %#v, %v", class, b, err)
		}
		if b, err := c.FromConnect("t", connect.Value{}); b != nil || err != nil {
			t.Errorf("%s: null is %#v, %v", class, b, err)
		}
		if v, err := c.ToConnect("t", []byte{}); v.Data != "" || err != nil {
			t.Errorf("%s: no bytes are %#v, %v", class, v.Data, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"schema":{"type":"struct","fields":[{"type":"int32","field":"a"}]},"payload":{"a":1}}`), true)
	f.Add([]byte(`{"a":[1,2.5e3,"\ud83d\ude00",null]}`), false)
	f.Fuzz(func(_ *testing.T, b []byte, schemas bool) {
		c := &jsonConverter{schemas: schemas, replaceNull: true}
		if v, err := c.ToConnect("t", b); err == nil {
			_, _ = c.FromConnect("t", v)
			_ = connect.Text(v.Data)
		}
	})
}

// TestDecimalsOfAnyExponent: a few bytes must not ask for a number of a billion digits.
func TestDecimalsOfAnyExponent(t *testing.T) {
	c := make1(t, "Json", connect.Config{"decimal.format": "NUMERIC"})
	const envelope = `{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},"payload":%s}`
	for number, want := range map[string]string{"1.50": "1.50", "-3": "-3", "1e2": "1E+2"} {
		v, err := c.ToConnect("t", fmt.Appendf(nil, envelope, number))
		if err != nil || connect.Text(v.Data) != want {
			t.Errorf("%s: %v, %v; want %s", number, v.Data, err, want)
		}
	}
	if _, err := c.ToConnect("t", fmt.Appendf(nil, envelope, "1e999999999")); err == nil {
		t.Error("a number of a billion digits was read")
	}
}
