package client

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// ServerTLS translates the ssl.* keys for something that is connected to: its certificate, and whether it asks for those of its clients
// (ssl.client.auth: none, requested or required).
func (p Properties) ServerTLS() (*tls.Config, error) {
	c, err := p.tlsConfig()
	if err != nil {
		return nil, err
	}
	if len(c.Certificates) == 0 {
		return nil, errors.New("https needs a certificate: set ssl.keystore.location, or ssl.keystore.certificate.chain and ssl.keystore.key")
	}
	c.ClientCAs = c.RootCAs
	switch auth := p["ssl.client.auth"]; auth {
	case "", "none":
	case "requested":
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case "required":
		c.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, fmt.Errorf("ssl.client.auth=%s: give none, requested or required", auth)
	}
	return c, nil
}
