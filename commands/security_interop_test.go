//go:build interop

package commands

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/kgo-project/kgo/commands/client/testcert"
)

const storePassword = "store-secret"

// stores writes trust and key stores of every type.
func stores(t *testing.T, dir string, ca, id *testcert.Certificate) {
	t.Helper()
	write := func(name string, data []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	jks := func(fill func(*keystore.KeyStore) error) ([]byte, error) {
		store := keystore.New()
		if err := fill(&store); err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err := store.Store(&b, []byte(storePassword))
		return b.Bytes(), err
	}
	java := func(cert *x509.Certificate) keystore.Certificate {
		return keystore.Certificate{Type: "X509", Content: cert.Raw}
	}
	trust, err := jks(func(s *keystore.KeyStore) error {
		return s.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: java(ca.Cert)})
	})
	write("trust.jks", trust, err)
	own, err := jks(func(s *keystore.KeyStore) error {
		return s.SetPrivateKeyEntry("me", keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: id.PKCS8(t), CertificateChain: []keystore.Certificate{java(id.Cert), java(ca.Cert)}}, []byte(storePassword))
	})
	write("key.jks", own, err)
	p12, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.Cert}, storePassword)
	write("trust.p12", p12, err)
	p12, err = pkcs12.Modern.Encode(id.Key, id.Cert, []*x509.Certificate{ca.Cert}, storePassword)
	write("key.p12", p12, err)
	write("trust.pem", []byte(ca.CertPEM()), nil)
	write("key.pem", []byte(id.KeyPEM(t)+id.CertPEM()), nil)
	write("secrets.properties", []byte("alice=alice-secret\n"), nil)
	write("password", []byte("alice-secret"), nil)
	claims := fmt.Sprintf(`{"sub":"alice","iat":%d,"exp":%d}`, time.Now().Unix()-10, time.Now().Unix()+3000)
	encode := base64.RawURLEncoding.EncodeToString
	write("token.jwt", []byte(encode([]byte(`{"alg":"none"}`))+"."+encode([]byte(claims))+".\n"), nil)
}

// TestClientSecurity runs kgo's tools against an Apache Kafka broker with TLS and SASL listeners, with the client.properties that Java's
// clients take, and checks that what cannot work is one line that names the step which failed.
func TestClientSecurity(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka with TLS and SASL listeners")
	}
	dir := t.TempDir()
	ca, stranger := testcert.Authority(t, "the cluster's CA"), testcert.Authority(t, "another CA")
	stores(t, dir, ca, ca.Issue(t, "client"))
	serverID := ca.Issue(t, "broker", "localhost")
	strangerDir := t.TempDir()
	stores(t, strangerDir, stranger, stranger.Issue(t, "client"))
	if err := os.WriteFile(filepath.Join(dir, "server.pem"), []byte(serverID.KeyPEM(t)+serverID.CertPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	address := make(map[string]string)
	for _, name := range []string{"SSL", "MTLS", "SASL_SSL", "SASL_PLAINTEXT"} {
		address[name] = "localhost:" + strconv.Itoa(freePort(t))
	}
	address["WRONG"] = "127.0.0.1:" + strconv.Itoa(freePort(t))
	config := []string{
		"listeners=PLAINTEXT://$B,CONTROLLER://$C,SSL://" + address["SSL"] + ",MTLS://" + address["MTLS"] + ",SASL_SSL://" + address["SASL_SSL"] +
			",SASL_PLAINTEXT://" + address["SASL_PLAINTEXT"] + ",WRONG://" + address["WRONG"],
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,MTLS:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,WRONG:SSL",
		"ssl.keystore.type=PEM", "ssl.keystore.location=" + dir + "/server.pem", "ssl.truststore.type=PEM", "ssl.truststore.location=" + dir + "/trust.pem",
		"listener.name.mtls.ssl.client.auth=required", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"super.users=User:ANONYMOUS;User:alice;User:CN=client",
	}
	for _, name := range []string{"sasl_ssl", "sasl_plaintext"} {
		module := "sasl.jaas.config=org.apache.kafka.common.security."
		config = append(config,
			"listener.name."+name+".plain."+module+`plain.PlainLoginModule required user_alice="alice-secret";`,
			"listener.name."+name+".scram-sha-256."+module+"scram.ScramLoginModule required;",
			"listener.name."+name+".scram-sha-512."+module+"scram.ScramLoginModule required;",
			"listener.name."+name+".oauthbearer."+module+`oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`)
	}
	broker := startApacheJVM(t, lab).startBroker(t, config)
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		if out, errOut, code := runKgo([]string{
			"configs", "--bootstrap-server", broker.bootstrap, "--alter", "--entity-type", "users", "--entity-name", "alice",
			"--add-config", mechanism + "=[password=alice-secret]",
		}); code != 0 {
			t.Fatal(out, errOut)
		}
	}
	token, err := os.ReadFile(filepath.Join(dir, "token.jwt"))
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "kgo" || secret != "kgo-secret" || r.FormValue("grant_type") != "client_credentials" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":300}`, bytes.TrimSpace(token))
	}))
	defer issuer.Close()
	silent, err := net.Listen("tcp", "localhost:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("ALICE_PASSWORD", "alice-secret")

	oneLine := func(pemText string) string { return strings.ReplaceAll(pemText, "\n", "\\n") }
	trustPEM := "ssl.truststore.type=PEM\nssl.truststore.location=$DIR/trust.pem\n"
	jaas := func(module, options string) string {
		return "sasl.jaas.config=org.apache.kafka.common.security." + module + " required " + options + ";\n"
	}
	plain := "sasl.mechanism=PLAIN\n" + jaas("plain.PlainLoginModule", `username="alice" password="alice-secret"`)
	oauthModule := "oauthbearer.OAuthBearerLoginModule"
	for _, c := range []struct {
		name, listener, properties string
		fails                      string // what the one line says
	}{
		{"trust store JKS", "SSL", "security.protocol=SSL\nssl.truststore.location=$DIR/trust.jks\nssl.truststore.password=$PW\n", ""},
		{"trust store PKCS12", "SSL", "security.protocol=SSL\nssl.truststore.type=PKCS12\nssl.truststore.location=$DIR/trust.p12\nssl.truststore.password=$PW\n", ""},
		{"trust store PEM", "SSL", "security.protocol=SSL\n" + trustPEM, ""},
		{"trust store PEM inline", "SSL", "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.certificates=" + oneLine(ca.CertPEM()) + "\n", ""},
		{"protocols and ciphers", "SSL", "security.protocol=ssl\nssl.enabled.protocols=TLSv1.2\nssl.cipher.suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n" + trustPEM, ""},
		{"key store JKS", "MTLS", "security.protocol=SSL\n" + trustPEM + "ssl.keystore.location=$DIR/key.jks\nssl.keystore.password=$PW\nssl.key.password=$PW\n", ""},
		{"key store PKCS12", "MTLS", "security.protocol=SSL\n" + trustPEM + "ssl.keystore.type=PKCS12\nssl.keystore.location=$DIR/key.p12\nssl.keystore.password=$PW\n", ""},
		{"key store PEM", "MTLS", "security.protocol=SSL\n" + trustPEM + "ssl.keystore.type=PEM\nssl.keystore.location=$DIR/key.pem\n", ""},
		{"no certificate of one's own", "MTLS", "security.protocol=SSL\n" + trustPEM, "TLS"},
		{"a certificate the broker does not trust", "MTLS", "security.protocol=SSL\n" + trustPEM + "ssl.keystore.type=PEM\nssl.keystore.location=" + strangerDir + "/key.pem\n", "TLS"},
		{"wrong host name", "WRONG", "security.protocol=SSL\n" + trustPEM, "TLS"},
		{"the name is not looked at", "WRONG", "security.protocol=SSL\nssl.endpoint.identification.algorithm=\n" + trustPEM, ""},
		{"untrusted certificate", "SSL", "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=" + strangerDir + "/trust.pem\n", "TLS"},
		{"untrusted certificate, whatever its name", "SSL", "security.protocol=SSL\nssl.endpoint.identification.algorithm=\nssl.truststore.type=PEM\nssl.truststore.location=" + strangerDir + "/trust.pem\n", "TLS"},
		{"wrong store password", "SSL", "security.protocol=SSL\nssl.truststore.location=$DIR/trust.jks\nssl.truststore.password=wrong\n", "is the password right?"},
		{"no such store", "SSL", "security.protocol=SSL\nssl.truststore.location=$DIR/none.jks\n", "ssl.truststore.location"},
		{"no TLS where TLS is spoken", "SSL", "", "TLS"},
		{"TLS where none is spoken", "PLAINTEXT", "security.protocol=SSL\n" + trustPEM, "TLS"},
		{"PLAIN", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\n" + plain, ""},
		{"PLAIN over TLS", "SASL_SSL", "security.protocol=SASL_SSL\n" + trustPEM + plain, ""},
		{"SCRAM-SHA-256", "SASL_SSL", "security.protocol=SASL_SSL\n" + trustPEM + "sasl.mechanism=SCRAM-SHA-256\n" + jaas("scram.ScramLoginModule", `username="alice" password="alice-secret"`), ""},
		{"SCRAM-SHA-512", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n" + jaas("scram.ScramLoginModule", `username='alice' password='alice-secret'`), ""},
		{"PLAIN, wrong password", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n" + jaas("plain.PlainLoginModule", `username="alice" password="no"`), "SASL"},
		{"SCRAM, wrong password", "SASL_SSL", "security.protocol=SASL_SSL\n" + trustPEM + "sasl.mechanism=SCRAM-SHA-512\n" + jaas("scram.ScramLoginModule", `username="alice" password="no"`), "SASL"},
		{"SCRAM, unknown user", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n" + jaas("scram.ScramLoginModule", `username="nobody" password="no"`), "SASL"},
		{"a mechanism the broker does not have", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=AWS_MSK_IAM\n" + jaas("x.IAMLoginModule", ""), "SASL"},
		{"no SASL where it is asked for", "SASL_PLAINTEXT", "", "security.protocol"},
		{"OAUTHBEARER, unsecured claims", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n" + jaas(oauthModule, `unsecuredLoginStringClaim_sub="alice"`), ""},
		{"OAUTHBEARER, token file", "SASL_SSL", "security.protocol=SASL_SSL\n" + trustPEM + "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=file://$DIR/token.jwt\n" + jaas(oauthModule, ""), ""},
		{"OAUTHBEARER, token endpoint", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=$ISSUER/token\n" + jaas(oauthModule, `clientId="kgo" clientSecret="kgo-secret"`), ""},
		{"OAUTHBEARER, refused by the endpoint", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=$ISSUER/token\n" + jaas(oauthModule, `clientId="kgo" clientSecret="no"`), "token endpoint answered 401"},
		{"a password from the environment", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nconfig.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n" + jaas("plain.PlainLoginModule", `username="alice" password="${env:ALICE_PASSWORD}"`), ""},
		{"a password from a properties file", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nconfig.providers=f\nconfig.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider\n" + jaas("plain.PlainLoginModule", `username="alice" password="${f:$DIR/secrets.properties:alice}"`), ""},
		{"a password from a folder", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n" + jaas("plain.PlainLoginModule", `username="alice" password="${dir:$DIR:password}"`), ""},
		{"a password that is nowhere", "SASL_PLAINTEXT", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n" + jaas("plain.PlainLoginModule", `username="alice" password="${env:NOT_THERE}"`), "environment variable NOT_THERE is not set"},
		{"a protocol there is not", "SSL", "security.protocol=TLS\n", "security.protocol"},
		{"a listener that never answers", "SILENT", "security.protocol=SSL\n" + trustPEM, "TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bootstrap := first(address[c.listener], broker.bootstrap)
			if c.listener == "SILENT" {
				bootstrap = silent.Addr().String()
			}
			file := filepath.Join(t.TempDir(), "client.properties")
			text := strings.NewReplacer("$DIR", filepath.ToSlash(dir), "$PW", storePassword, "$ISSUER", issuer.URL).Replace(c.properties)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			out, errOut, code := runKgo([]string{"topics", "--bootstrap-server", bootstrap, "--command-config", file, "--list", "--timeout", "3s"})
			if c.fails == "" {
				if code != 0 {
					t.Fatalf("exit code %d\n%s%s", code, out, errOut)
				}
				return
			}
			said := strings.TrimSpace(out + errOut)
			if code == 0 || !strings.Contains(said, c.fails) || strings.Contains(said, "\n") {
				t.Errorf("exit code %d, wanted one line with %q:\n%s", code, c.fails, said)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v to say so", took)
			}
			t.Log(said)
		})
	}
}
