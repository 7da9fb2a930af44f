package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJAASIsParsed(t *testing.T) {
	for _, text := range []string{
		`org.apache.kafka.common.security.plain.PlainLoginModule required username="al\"ice" password='a b;c' tokenauth=true;`,
		"M required\n username = \"al\\\"ice\" // who\n password=\"a b;c\" /* a secret */ tokenauth=true ;",
	} {
		e, err := parseJAAS(text)
		if err != nil || e.options["username"] != `al"ice` || e.options["password"] != "a b;c" || e.options["tokenauth"] != "true" {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	if e, err := parseJAAS(`M required a=b==;`); err != nil || e.options["a"] != "b==" {
		t.Errorf("%+v, %v", e, err)
	}
	for bad, want := range map[string]string{
		`M required username="a"`: "semicolon", `M maybe a=b;`: "control flag", `M required a;`: "option a has no value",
		`M required a="b;`: "not closed", "M;": "followed by required", `M required; N required;`: "more than one", `M required {;`: "unexpected {",
	} {
		if _, err := parseJAAS(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", bad, err, want)
		}
	}
}

func TestJAASFileIsFoundThroughKafkaOpts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jaas.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("// the broker's\nKafkaServer { a.B required x=y; };\nKafkaClient {\n  com.sun.security.auth.module.Krb5LoginModule required\n  useKeyTab=true keyTab=\"/a b\";\n};\n")
	t.Setenv("KAFKA_OPTS", "-Xmx1g -D"+loginConfig+"=/not/this -D"+loginConfig+"="+file)
	e, err := Properties{}.jaas()
	if err != nil || e.module != "com.sun.security.auth.module.Krb5LoginModule" || e.options["keyTab"] != "/a b" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := (Properties{"sasl.jaas.config": "Own required;"}).jaas(); err != nil || e.module != "Own" {
		t.Errorf("sasl.jaas.config comes first: %+v, %v", e, err)
	}
	for text, want := range map[string]string{
		"KafkaServer { a.B required; };": "no section KafkaClient", "KafkaClient { a.B required": "semicolon", "KafkaClient a.B": "open with {",
		"KafkaClient { a.B required;": "not closed",
	} {
		write(text)
		if _, err := (Properties{}).jaas(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParseJAAS(f *testing.F) {
	f.Add(`M required a="b" c='d';`)
	f.Add("KafkaClient { M required a=b; };")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = parseJAAS(text)
		_, _ = parseJAASFile(text)
	})
}
