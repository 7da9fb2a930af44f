package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
)

// LoginError reports that the client could not prove who it is, before the broker had a say in it.
type LoginError struct {
	// Temporary: the same may succeed later.
	Temporary bool
	Text      string
}

func (e *LoginError) Error() string { return e.Text }

// kdcPatience is how long the key distribution centres may take where the command sets no limit: Java's kdc_timeout.
const kdcPatience = 30 * time.Second

// gssapi is SASL's mechanism GSSAPI with Kerberos. One ticket serves all connections.
type gssapi struct {
	service string
	login   *krb5Login
	// limit is when the command's time is over; zero means never.
	limit time.Time

	mu     sync.Mutex // held while tickets are fetched: brokers that are connected to at once need no more than one login
	client *krb.Client
	read   time.Time // when the ticket cache was written that client has its tickets from
}

// kerberos makes the mechanism of the settings sasl.kerberos.service.name and of a Krb5LoginModule's options.
func (p Properties) kerberos(jaas jaasEntry) (sasl.Mechanism, error) {
	service, fromJAAS := p["sasl.kerberos.service.name"], jaas.options["serviceName"]
	if service != "" && fromJAAS != "" && service != fromJAAS {
		return nil, &ConfigError{Text: fmt.Sprintf("Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file %s, value in Kafka config %s", fromJAAS, service)}
	}
	login, err := newKrb5Login(jaas)
	if err != nil {
		return nil, err
	}
	if service = first(service, fromJAAS); service == "" {
		return nil, &ConfigError{Text: "No serviceName defined in either JAAS or Kafka config", Hint: "set sasl.kerberos.service.name, usually to kafka"}
	}
	return &gssapi{service: service, login: login}, nil
}

// Name implements [sasl.Mechanism].
func (*gssapi) Name() string { return "GSSAPI" }

// Authenticate implements [sasl.Mechanism]. It gets a ticket for the broker at address (host:port).
func (g *gssapi) Authenticate(ctx context.Context, address string) (sasl.Session, []byte, error) {
	patience := kdcPatience
	if !g.limit.IsZero() {
		patience = time.Until(g.limit) * 9 / 10 // the rest is for saying what took so long
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host := serviceHost(ctx, address, g.login.conf.LibDefaults.DNSCanonicalizeHostname)
	type outcome struct {
		session sasl.Session
		token   []byte
		err     error
	}
	done := make(chan outcome, 1)
	go func() { // the library takes its own time: nothing can hurry it
		g.mu.Lock()
		defer g.mu.Unlock()
		var o outcome
		o.session, o.token, o.err = g.authenticate(ctx, host)
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, nil, g.explain(o.err, host)
		}
		return o.session, o.token, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, nil, ctx.Err()
		}
		return nil, nil, &LoginError{Temporary: true, Text: g.kdcs() + " does not answer"}
	}
}

// authenticate gets the ticket.
//
// REQUIRES: g.mu.
func (g *gssapi) authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	if g.login.cache != "" {
		if info, err := os.Stat(g.login.cache); err == nil && !info.ModTime().Equal(g.read) { // kinit was here
			g.client, g.read = nil, info.ModTime()
		}
	}
	if g.client == nil {
		c, err := g.login.client()
		if err != nil {
			return nil, nil, &LoginError{Text: err.Error()}
		}
		g.client = c
	}
	auth := kerberos.Auth{Client: g.client, Service: g.service, PersistAfterAuth: true}
	return auth.AsMechanism().Authenticate(ctx, net.JoinHostPort(host, "0"))
}

// Close implements [sasl.ClosingMechanism].
func (g *gssapi) Close() {
	if !g.mu.TryLock() {
		return // a request is on its way to a KDC: its client dies with the process
	}
	defer g.mu.Unlock()
	if g.client != nil {
		g.client.Destroy()
		g.client = nil
	}
}

// serviceHost is the host in a broker's principal, by Java's rules: an address is looked up, a short name may be completed by its canonical one,
// and all is lower case.
func serviceHost(ctx context.Context, address string, canonical bool) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	const lookupPatience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	if net.ParseIP(host) != nil {
		if names, err := net.DefaultResolver.LookupAddr(ctx, host); err == nil && len(names) > 0 {
			host = names[0]
		}
	} else if canonical && !strings.Contains(host, ".") {
		if name, err := net.DefaultResolver.LookupCNAME(ctx, host); err == nil && strings.HasPrefix(strings.ToLower(name), strings.ToLower(host)+".") {
			host = name
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (g *gssapi) realm() string {
	return first(g.login.realm, g.login.conf.LibDefaults.DefaultRealm)
}

// kdcs names the key distribution centres that were asked.
func (g *gssapi) kdcs() string {
	for _, r := range g.login.conf.Realms {
		if r.Realm == g.realm() && len(r.KDC) > 0 {
			return "the KDC of " + r.Realm + " (" + strings.Join(r.KDC, ", ") + ")"
		}
	}
	return "the KDC of " + g.realm()
}

var kdcAnswer = regexp.MustCompile(`KRB Error: \((\d+)\) (\w+) ([^<]*)`)

// explain turns the library's account of what it did into what was wrong.
func (g *gssapi) explain(err error, host string) error {
	if known, ok := errors.AsType[*LoginError](err); ok {
		return known
	}
	text := err.Error()
	if m := kdcAnswer.FindStringSubmatch(text); m != nil {
		who := first(g.login.name, "the ticket cache's owner") + "@" + g.realm()
		hint := map[string]string{
			"6":  "there is no principal " + who,
			"7":  "there is no principal " + g.service + "/" + host + ": are sasl.kerberos.service.name and the host's name right?",
			"14": "it supports none of the encryption types: look at permitted_enctypes",
			"18": who + " is locked or has expired",
			"23": "the password of " + who + " has expired",
			"24": "the key of " + who + " is wrong: is the keytab up to date?",
			"31": "the key of " + who + " is wrong: is the keytab up to date?",
			"32": "the ticket has expired: run kinit",
			"37": "the clocks of this machine and of the KDC differ too much",
		}[m[1]]
		return &LoginError{Text: fmt.Sprintf("%s answers %s: %s", g.kdcs(), m[2], first(hint, strings.TrimSpace(m[3])))}
	}
	switch {
	case strings.Contains(text, "no KDCs defined") || strings.Contains(text, "no KDC SRV records") || strings.Contains(text, "no such host"):
		return &LoginError{Temporary: true, Text: g.kdcs() + " cannot be found: name it in the Kerberos configuration"}
	case strings.Contains(text, "Networking_Error"):
		return &LoginError{Temporary: true, Text: g.kdcs() + " cannot be reached"}
	case strings.Contains(text, "integrity verification failed"):
		return &LoginError{Text: fmt.Sprintf("the key of %s@%s is wrong: is the keytab up to date?", g.login.name, g.realm())}
	case strings.Contains(text, "matching key not found in keytab"):
		return &LoginError{Text: "the keytab has no key of the encryption type that " + g.kdcs() + " wants: is it up to date?"}
	}
	_, plain, _ := strings.Cut(text, "] ")
	return &LoginError{Text: strings.Join(strings.Fields(first(plain, text)), " ")}
}
