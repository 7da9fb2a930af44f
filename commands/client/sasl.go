package client

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// security translates security.protocol and what belongs to it.
func (p Properties) security() (*tls.Config, sasl.Mechanism, error) {
	var withTLS, withSASL bool
	switch protocol := strings.ToUpper(strings.TrimSpace(p["security.protocol"])); protocol {
	case "", "PLAINTEXT":
	case "SSL":
		withTLS = true
	case "SASL_PLAINTEXT":
		withSASL = true
	case "SASL_SSL":
		withTLS, withSASL = true, true
	default:
		return nil, nil, &ConfigError{Key: "security.protocol", Value: p["security.protocol"], Text: "String must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT"}
	}
	var config *tls.Config
	var mechanism sasl.Mechanism
	var err error
	if withTLS {
		if config, err = p.tlsConfig(); err != nil {
			return nil, nil, err
		}
	}
	if withSASL {
		mechanism, err = p.mechanism()
	}
	return config, mechanism, err
}

func (p Properties) mechanism() (sasl.Mechanism, error) {
	name := strings.ToUpper(p["sasl.mechanism"])
	jaas, err := p.jaas()
	if err != nil {
		return nil, err
	}
	credentials := func() error {
		if jaas.options["username"] == "" {
			return &ConfigError{Text: "sasl.jaas.config has to name username and password for " + name}
		}
		return nil
	}
	switch name {
	case "PLAIN":
		return plain.Auth{User: jaas.options["username"], Pass: jaas.options["password"]}.AsMechanism(), credentials()
	case "SCRAM-SHA-256", "SCRAM-SHA-512":
		auth := scram.Auth{User: jaas.options["username"], Pass: jaas.options["password"], IsToken: jaas.options["tokenauth"] == "true"}
		if name == "SCRAM-SHA-256" {
			return auth.AsSha256Mechanism(), credentials()
		}
		return auth.AsSha512Mechanism(), credentials()
	case "OAUTHBEARER":
		source, err := p.tokenSource(jaas)
		if err != nil {
			return nil, err
		}
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) { return source(ctx) }), nil
	case "AWS_MSK_IAM":
		return aws.ManagedStreamingIAM(func(ctx context.Context) (aws.Auth, error) {
			return awsCredentials(ctx, jaas.options["awsProfileName"])
		}), nil
	case "", "GSSAPI":
		return p.kerberos(jaas)
	}
	return nil, &ConfigError{Key: "sasl.mechanism", Value: name, Text: "not one of GSSAPI, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM"}
}
