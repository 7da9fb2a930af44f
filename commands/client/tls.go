package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// tlsConfig translates the ssl.* keys.
func (p Properties) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := p.tlsVersions(c); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(p["ssl.cipher.suites"], ",") {
		name = strings.TrimSpace(name)
		at := slices.IndexFunc(suites, func(s *tls.CipherSuite) bool { return s.Name == name })
		switch {
		case at >= 0:
			c.CipherSuites = append(c.CipherSuites, suites[at].ID)
		case name != "" && !strings.HasPrefix(name, "TLS_"):
			return nil, &ConfigError{Text: "ssl.cipher.suites: Unsupported CipherSuite: " + name}
		}
	}
	if c.CipherSuites == nil && strings.TrimSpace(p["ssl.cipher.suites"]) != "" {
		return nil, &ConfigError{Text: "ssl.cipher.suites: none of these is supported: " + p["ssl.cipher.suites"]}
	}
	roots, err := p.trustedRoots()
	if err != nil {
		return nil, err
	}
	c.RootCAs = roots
	cert, err := p.ownCertificate()
	if err != nil {
		return nil, err
	}
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	if algorithm, set := p["ssl.endpoint.identification.algorithm"]; set && strings.TrimSpace(algorithm) == "" {
		c.InsecureSkipVerify = true // the chain is still verified, only the name is not
		c.VerifyConnection = verifyChainOnly(roots)
	}
	return c, nil
}

var suites = append(tls.CipherSuites(), tls.InsecureCipherSuites()...)

// tlsVersions follows ssl.enabled.protocols.
func (p Properties) tlsVersions(c *tls.Config) error {
	if strings.TrimSpace(p["ssl.enabled.protocols"]) == "" {
		return nil
	}
	c.MinVersion = 0
	for name := range strings.SplitSeq(p["ssl.enabled.protocols"], ",") {
		name = strings.TrimSpace(name)
		version, known := map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[name]
		if !known {
			return &ConfigError{Text: "ssl.enabled.protocols: Unsupported protocol: " + name}
		}
		if c.MinVersion == 0 || version < c.MinVersion {
			c.MinVersion = version
		}
		c.MaxVersion = max(c.MaxVersion, version)
	}
	return nil
}

// verifyChainOnly checks the server's certificates against the trusted roots but not the name in them, which is what an empty
// ssl.endpoint.identification.algorithm asks for.
func verifyChainOnly(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}

// trustedRoots returns the certificates in the trust store; nil means the system's.
func (p Properties) trustedRoots() (*x509.CertPool, error) {
	location, inline := p["ssl.truststore.location"], p["ssl.truststore.certificates"]
	if location == "" && inline == "" {
		return nil, nil
	}
	data := []byte(inline)
	if inline == "" {
		var err error
		if data, err = readStore("ssl.truststore.location", location); err != nil {
			return nil, err
		}
	}
	certs, err := trustedCertificates(storeType(p["ssl.truststore.type"], data), data, p["ssl.truststore.password"])
	if err != nil {
		return nil, fmt.Errorf("trust store %s: %w", location, err)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("trust store %s holds no certificate", location)
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

func trustedCertificates(kind string, data []byte, password string) ([]*x509.Certificate, error) {
	switch kind {
	case "PEM":
		return pemCertificates(data)
	case "PKCS12":
		certs, err := pkcs12.DecodeTrustStore(data, password)
		if err == nil {
			return certs, nil
		}
		// A store with a key entry is trusted for the certificates in it.
		_, cert, more, keyErr := pkcs12.DecodeChain(data, password)
		if keyErr != nil {
			return nil, err
		}
		return append(more, cert), nil
	}
	store, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	aliases := store.Aliases()
	slices.Sort(aliases)
	for _, alias := range aliases {
		var encoded [][]byte
		if entry, err := store.GetTrustedCertificateEntry(alias); err == nil {
			encoded = append(encoded, entry.Certificate.Content)
		} else if chain, err := store.GetPrivateKeyEntryCertificateChain(alias); err == nil {
			for _, c := range chain {
				encoded = append(encoded, c.Content)
			}
		}
		for _, der := range encoded {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("entry %s: %w", alias, err)
			}
			certs = append(certs, c)
		}
	}
	return certs, nil
}

// ownCertificate returns the key and chain the client shows to the server, or nil.
func (p Properties) ownCertificate() (*tls.Certificate, error) {
	location, keyPassword := p["ssl.keystore.location"], p["ssl.key.password"]
	if chain := p["ssl.keystore.certificate.chain"]; chain != "" {
		return pemKeyPair([]byte(chain+"\n"+p["ssl.keystore.key"]), keyPassword)
	}
	if location == "" {
		return nil, nil
	}
	data, err := readStore("ssl.keystore.location", location)
	if err != nil {
		return nil, err
	}
	password := p["ssl.keystore.password"]
	if keyPassword == "" {
		keyPassword = password
	}
	var cert *tls.Certificate
	switch storeType(p["ssl.keystore.type"], data) {
	case "PEM":
		cert, err = pemKeyPair(data, keyPassword)
	case "PKCS12":
		cert, err = pkcs12KeyPair(data, password)
	default:
		cert, err = jksKeyPair(data, password, keyPassword)
	}
	if err != nil {
		return nil, fmt.Errorf("key store %s: %w", location, err)
	}
	return cert, nil
}

func pkcs12KeyPair(data []byte, password string) (*tls.Certificate, error) {
	key, leaf, more, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, err
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for _, c := range more {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

func jksKeyPair(data []byte, password, keyPassword string) (*tls.Certificate, error) {
	store, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	aliases := store.Aliases()
	slices.Sort(aliases)
	for _, alias := range aliases {
		if !store.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := store.GetPrivateKeyEntry(alias, []byte(keyPassword))
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w (is ssl.key.password right?)", alias, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", alias, err)
		}
		cert := &tls.Certificate{PrivateKey: key}
		for _, c := range entry.CertificateChain {
			cert.Certificate = append(cert.Certificate, c.Content)
		}
		return cert, nil
	}
	return nil, errors.New("it holds no private key")
}

func openJKS(data []byte, password string) (keystore.KeyStore, error) {
	store := keystore.New()
	if err := store.Load(bytes.NewReader(data), []byte(password)); err != nil {
		return store, fmt.Errorf("not a readable JKS file: %w (is the password right?)", err)
	}
	return store, nil
}

var pemBlock = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END ([A-Z0-9 ]+)-----`)

// normalPEM gives every block lines of its own: in a properties file the whole text often stands on one line.
func normalPEM(data []byte) []byte {
	var out bytes.Buffer
	for _, m := range pemBlock.FindAllSubmatch(data, -1) {
		body := bytes.Join(bytes.Fields(m[2]), nil)
		if bytes.Contains(m[2], []byte("Proc-Type:")) { // an encrypted key in the old form: its headers need their lines
			body = bytes.TrimSpace(m[2])
		}
		fmt.Fprintf(&out, "-----BEGIN %s-----\n%s\n-----END %s-----\n", m[1], body, m[3])
	}
	return out.Bytes()
}

func pemCertificates(data []byte) ([]*x509.Certificate, error) {
	data = normalPEM(data)
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

func pemKeyPair(data []byte, password string) (*tls.Certificate, error) {
	data = normalPEM(data)
	cert := new(tls.Certificate)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case "CERTIFICATE":
			cert.Certificate = append(cert.Certificate, block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			cert.PrivateKey, err = pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password))
		case "PRIVATE KEY":
			cert.PrivateKey, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			cert.PrivateKey, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			cert.PrivateKey, err = x509.ParseECPrivateKey(block.Bytes)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.ToLower(block.Type), err)
		}
	}
	if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
		return nil, errors.New("PEM text has to hold a certificate and its private key")
	}
	return cert, nil
}

func readStore(key, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return data, nil
}

// storeType follows the declared type, but believes the content: Java's own JKS default opens PKCS12 files too.
func storeType(declared string, data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "JKS"
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return "PEM"
	case len(data) > 0 && data[0] == 0x30:
		return "PKCS12"
	}
	return strings.ToUpper(strings.TrimSpace(declared))
}
