package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	jaas, err := parseJAAS(p["sasl.jaas.config"])
	if err != nil {
		return nil, &ConfigError{Text: "sasl.jaas.config: " + err.Error()}
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
		return nil, &ConfigError{Text: "sasl.mechanism GSSAPI (Java's default) is not supported", Hint: "set sasl.mechanism to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM"}
	}
	return nil, &ConfigError{Key: "sasl.mechanism", Value: name, Text: "not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM"}
}

// jaasEntry is one login module of a JAAS configuration.
type jaasEntry struct {
	module  string
	options map[string]string
}

// parseJAAS reads `Module required name="value" ...;`.
func parseJAAS(text string) (jaasEntry, error) {
	entry := jaasEntry{options: make(map[string]string)}
	fields, err := jaasFields(text)
	if err != nil || len(fields) == 0 {
		return entry, err
	}
	entry.module = fields[0]
	if len(fields) < 2 {
		return entry, fmt.Errorf("%s has to be followed by required", fields[0])
	}
	switch strings.ToLower(fields[1]) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return entry, fmt.Errorf("%s is not a control flag: write required", fields[1])
	}
	for _, f := range fields[2:] {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return entry, fmt.Errorf("option %s has no value", f)
		}
		entry.options[name] = value
	}
	return entry, nil
}

// jaasFields splits at blanks outside quotes, drops the quotes and ends at the semicolon.
func jaasFields(text string) ([]string, error) {
	var fields []string
	var current strings.Builder
	var quote byte
	started := false
	flush := func() {
		if started {
			fields = append(fields, current.String())
		}
		current.Reset()
		started = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\' && i+1 < len(text):
			i++
			current.WriteByte(text[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			current.WriteByte(c)
		case c == '"' || c == '\'':
			quote, started = c, true
		case c == ';':
			flush()
			return fields, nil
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			flush()
		default:
			started = true
			current.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	flush()
	if len(fields) > 0 {
		return nil, errors.New("it has to end with a semicolon")
	}
	return nil, nil
}
