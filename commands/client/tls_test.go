package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

const storePassword = "secret123"

// testCertificate makes a self-signed certificate and its key.
func testCertificate(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func TestStoresOfEveryTypeAreRead(t *testing.T) {
	dir := t.TempDir()
	key, cert := testCertificate(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})

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
