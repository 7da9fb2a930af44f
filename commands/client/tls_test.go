package client

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/kgo-project/kgo/commands/client/testcert"
)

const storePassword = "secret123"

func TestStoresOfEveryTypeAreRead(t *testing.T) {
	dir := t.TempDir()
	own := testcert.SelfSigned(t)
	key, cert, pkcs8 := own.Key, own.Cert, own.PKCS8(t)
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certPEM, keyPEM := []byte(own.CertPEM()), []byte(own.KeyPEM(t))

	jks := keystore.New()
	if err := jks.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X509", Content: cert.Raw}}); err != nil {
		t.Fatal(err)
	}
	entry := keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: pkcs8, CertificateChain: []keystore.Certificate{{Type: "X509", Content: cert.Raw}}}
	if err := jks.SetPrivateKeyEntry("own", entry, []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	var jksBytes strings.Builder
	if err := jks.Store(&jksBytes, []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	trust12, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{cert}, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	key12, err := pkcs12.Modern.Encode(key, cert, nil, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	jksPath := write("store.jks", []byte(jksBytes.String()))
	oneLine := func(text []byte) string { return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", " ") }

	for name, p := range map[string]Properties{
		"JKS":             {"ssl.truststore.location": jksPath, "ssl.keystore.location": jksPath, "ssl.truststore.password": storePassword, "ssl.keystore.password": storePassword},
		"PKCS12":          {"ssl.truststore.location": write("trust.p12", trust12), "ssl.keystore.location": write("key.p12", key12), "ssl.truststore.password": storePassword, "ssl.keystore.password": storePassword, "ssl.truststore.type": "PKCS12"},
		"PEM files":       {"ssl.truststore.location": write("ca.pem", certPEM), "ssl.keystore.location": write("own.pem", append(keyPEM, certPEM...)), "ssl.truststore.type": "PEM"},
		"PEM inline":      {"ssl.truststore.certificates": string(certPEM), "ssl.keystore.certificate.chain": string(certPEM), "ssl.keystore.key": string(keyPEM), "ssl.truststore.type": "PEM"},
		"PEM on one line": {"ssl.truststore.certificates": oneLine(certPEM), "ssl.keystore.certificate.chain": oneLine(certPEM), "ssl.keystore.key": oneLine(keyPEM), "ssl.truststore.type": "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			p["security.protocol"] = "ssl"
			config, _, err := p.security()
			if err != nil {
				t.Fatal(err)
			}
			if len(config.Certificates) != 1 || config.RootCAs == nil {
				t.Fatalf("certificates %d, roots %v", len(config.Certificates), config.RootCAs)
			}
			pool := x509.NewCertPool()
			pool.AddCert(cert)
			if !config.RootCAs.Equal(pool) {
				t.Error("the trusted roots are not the store's")
			}
		})
	}
	if _, _, err := (Properties{"security.protocol": "SSL", "ssl.truststore.location": jksPath, "ssl.truststore.password": "wrong"}).security(); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a wrong password gives %v", err)
	}
}
