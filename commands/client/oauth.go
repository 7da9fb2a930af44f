package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/oauth"
)

type tokenSource func(context.Context) (oauth.Auth, error)

// tokenSource says where OAUTHBEARER tokens come from: a file or a token endpoint (sasl.oauthbearer.token.endpoint.url), or
// the claims in the JAAS configuration, unsigned, as development clusters accept them.
func (p Properties) tokenSource(jaas jaasEntry) (tokenSource, error) {
	extensions := make(map[string]string)
	for name, value := range jaas.options {
		if ext, ok := strings.CutPrefix(name, "extension_"); ok {
			extensions[ext] = value
		} else if ext, ok := strings.CutPrefix(name, "unsecuredLoginExtension_"); ok {
			extensions[ext] = value
		}
	}
	endpoint := p["sasl.oauthbearer.token.endpoint.url"]
	if endpoint == "" {
		subject := jaas.options["unsecuredLoginStringClaim_sub"]
		if subject == "" {
			return nil, &ConfigError{Text: "OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url, or unsecuredLoginStringClaim_sub in sasl.jaas.config"}
		}
		return func(context.Context) (oauth.Auth, error) {
			token, err := unsecuredToken(subject, time.Now())
			return oauth.Auth{Token: token, Extensions: extensions}, err
		}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &ConfigError{Key: "sasl.oauthbearer.token.endpoint.url", Value: endpoint, Text: err.Error()}
	}
	if u.Scheme == "file" {
		return func(context.Context) (oauth.Auth, error) {
			b, err := os.ReadFile(u.Path)
			return oauth.Auth{Token: strings.TrimSpace(string(b)), Extensions: extensions}, err
		}, nil
	}
	http, err := p.tokenClient(jaas)
	if err != nil {
		return nil, err
	}
	encode, _ := p.boolean("sasl.oauthbearer.header.urlencode")
	c := &credentialsGrant{
		http:       http,
		encode:     encode,
		endpoint:   endpoint,
		id:         first(p["sasl.oauthbearer.client.credentials.client.id"], jaas.options["clientId"]),
		secret:     first(p["sasl.oauthbearer.client.credentials.client.secret"], jaas.options["clientSecret"]),
		scope:      first(p["sasl.oauthbearer.scope"], jaas.options["scope"]),
		extensions: extensions,
	}
	if c.id == "" {
		return nil, &ConfigError{Text: "OAUTHBEARER needs clientId and clientSecret in sasl.jaas.config"}
	}
	return c.token, nil
}

// credentialsGrant fetches tokens by OAuth's client credentials grant and keeps one while it is good.
type credentialsGrant struct {
	http                        *http.Client
	encode                      bool // id and secret, as RFC 6749 has it
	endpoint, id, secret, scope string
	extensions                  map[string]string

	mu      sync.Mutex
	current string
	expires time.Time
}

// tokenClient makes the client that asks a token endpoint. The ssl.* options of the login module say whom it trusts.
func (p Properties) tokenClient(jaas jaasEntry) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: p.Duration("sasl.login.connect.timeout.ms", 10*time.Second)}).DialContext
	transport.ResponseHeaderTimeout = p.Duration("sasl.login.read.timeout.ms", 10*time.Second)
	own := make(Properties)
	for name, value := range jaas.options {
		if strings.HasPrefix(name, "ssl.") {
			own[name] = value
		}
	}
	if len(own) > 0 {
		var err error
		if transport.TLSClientConfig, err = own.tlsConfig(); err != nil {
			return nil, err
		}
	}
	return &http.Client{Transport: transport}, nil
}

// maxTokenAnswer bounds the answer of a token endpoint.
const maxTokenAnswer = 1 << 20

func (c *credentialsGrant) token(ctx context.Context) (oauth.Auth, error) {
	c.mu.Lock()
	token, fresh := c.current, time.Now().Before(c.expires)
	c.mu.Unlock()
	if fresh {
		return oauth.Auth{Token: token, Extensions: c.extensions}, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.scope != "" {
		form.Set("scope", c.scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return oauth.Auth{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if c.encode {
		req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	} else {
		req.SetBasicAuth(c.id, c.secret)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return oauth.Auth{}, &LoginError{Temporary: true, Text: "token endpoint: " + err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer))
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("token endpoint: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return oauth.Auth{}, &LoginError{Temporary: resp.StatusCode >= http.StatusInternalServerError, Text: "token endpoint answered " + resp.Status}
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return oauth.Auth{}, errors.New("token endpoint answered without an access_token")
	}
	c.mu.Lock()
	c.current = answer.AccessToken
	c.expires = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second * 8 / 10)
	c.mu.Unlock()
	return oauth.Auth{Token: answer.AccessToken, Extensions: c.extensions}, nil
}

func unsecuredToken(subject string, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString(claims) + ".", err
}
