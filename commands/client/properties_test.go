package client

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPropertiesAreReadAsJavaDoes(t *testing.T) {
	for text, want := range map[string]Properties{
		"a=b":                           {"a": "b"},
		"a: b\nc d":                     {"a": "b", "c": "d"},
		"# comment\n! too\n\n  a  =  b": {"a": "b"},
		"a=b\\\n   c":                   {"a": "bc"},
		"a=b\\\\\nc=d":                  {"a": `b\`, "c": "d"},
		`a\=b=c\td\u00e9`:               {"a=b": "c\tdé"},
		"a":                             {"a": ""},
		"a==b":                          {"a": "=b"},
		"a=b\r\nc=d\re=f":               {"a": "b", "c": "d", "e": "f"},
	} {
		got, err := Parse([]byte(text))
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	if _, err := Parse([]byte(`a=\u12`)); err == nil {
		t.Error("a malformed escape is accepted")
	}
}

func TestConfigProvidersAreResolved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KGO_TEST_PASSWORD", "secret")
	for name, text := range map[string]string{"token": "abc", "other.properties": "key=value"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "client.properties")
	text := "a=x${env:KGO_TEST_PASSWORD}y\nb=${dir:" + dir + ":token}\nc=${file:" + dir + "/other.properties:key}\nd=${vault:x:y}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := LoadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if p["a"] != "xsecrety" || p["b"] != "abc" || p["c"] != "value" || p["d"] != "${vault:x:y}" {
		t.Errorf("%v", p)
	}
	for _, bad := range []string{"a=${env:KGO_TEST_MISSING}", "a=${dir:" + dir + ":../x}", "a=${file:" + dir + "/other.properties:nope}"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFile(file); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestSecuritySettings(t *testing.T) {
	for name, c := range map[string]struct {
		p    Properties
		want string // part of the error; empty: none
	}{
		"plaintext":      {Properties{}, ""},
		"unknown":        {Properties{"security.protocol": "TLS"}, "Invalid value TLS for configuration security.protocol"},
		"no mechanism":   {Properties{"security.protocol": "SASL_PLAINTEXT"}, "GSSAPI (sasl.mechanism's default) needs a login module"},
		"no user":        {Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, "username and password"},
		"plain":          {Properties{"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.jaas.config": `M required username="a" password="b";`}, ""},
		"scram":          {Properties{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": `M required username="a" password="b";`}, ""},
		"bearer":         {Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": `M required unsecuredLoginStringClaim_sub="a";`}, ""},
		"bearer of whom": {Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}, "token.endpoint"},
		"iam":            {Properties{"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM"}, ""},
		"missing store":  {Properties{"security.protocol": "SSL", "ssl.truststore.location": "/nope.jks"}, "ssl.truststore.location"},
	} {
		_, _, err := c.p.security()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestProducerAndConsumerSettingsAreChecked(t *testing.T) {
	for key, value := range map[string]string{"acks": "7", "compression.type": "rar", "linger.ms": "x", "retries": "-1"} {
		if _, err := ProducerOptions(Properties{key: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	for key, value := range map[string]string{"auto.offset.reset": "middle", "isolation.level": "x", "fetch.min.bytes": "x"} {
		if _, err := ConsumerOptions(Properties{key: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

func TestBootstrapAddresses(t *testing.T) {
	got, err := Properties{"bootstrap.servers": " a:1, PLAINTEXT://b:2 ,[::1]:3"}.bootstrap()
	if err != nil || strings.Join(got, " ") != "a:1 b:2 [::1]:3" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "a", "a:", "a:x", "a:70000", "a:0"} {
		if _, err := (Properties{"bootstrap.servers": bad}).bootstrap(); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
