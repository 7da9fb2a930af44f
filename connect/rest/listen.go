package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
)

// Listeners are a worker's open listeners.
type Listeners struct {
	Regular []net.Listener
	Admin   []net.Listener // of admin.listeners
	// Advertised is the worker's host:port in answers.
	Advertised string
}

// Listen opens the addresses in listeners (http://:8083 by default) and in admin.listeners.
func Listen(config connect.Config) (*Listeners, error) {
	list := config.List("listeners")
	if len(list) == 0 {
		list = []string{"http://:8083"}
	}
	l := &Listeners{}
	wanted := strings.ToLower(config["rest.advertised.listener"])
	for _, address := range list {
		listener, scheme, host, err := listenAt(config, "listeners", "listeners.https.", address)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.Regular = append(l.Regular, listener)
		if l.Advertised == "" && (wanted == "" || wanted == scheme) {
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			l.Advertised = net.JoinHostPort(config.Or("rest.advertised.host.name", host), config.Or("rest.advertised.port", port))
		}
	}
	for _, address := range config.List("admin.listeners") {
		listener, _, _, err := listenAt(config, "admin.listeners", "admin.listeners.https.", address)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.Admin = append(l.Admin, listener)
	}
	if l.Advertised == "" {
		return nil, errors.Join(fmt.Errorf("rest.advertised.listener=%s: there is no such listener", wanted), l.Close())
	}
	return l, nil
}

// listenAt opens one address. host is how others reach it, as far as that can be told.
func listenAt(config connect.Config, key, tlsPrefix, address string) (l net.Listener, scheme, host string, err error) {
	u, err := url.Parse(address)
	if err == nil {
		scheme = strings.ToLower(u.Scheme)
	}
	if err != nil || scheme != "http" && scheme != "https" || u.Port() == "" {
		return nil, "", "", fmt.Errorf("Invalid value %s for configuration %s: give http://host:port or https://host:port", address, key)
	}
	if host = u.Hostname(); host == "" || host == "0.0.0.0" {
		host = "127.0.0.1"
	}
	var secret *tls.Config
	if scheme == "https" {
		if secret, err = serverTLS(config, tlsPrefix); err != nil {
			return nil, "", "", fmt.Errorf("%s: %s: %w", key, address, err)
		}
	}
	if l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", u.Host); err != nil {
		return nil, "", "", fmt.Errorf("%s: %s: %w", key, address, err)
	}
	if secret != nil {
		l = tls.NewListener(l, secret)
	}
	return l, scheme, host, nil
}

// serverTLS reads the keys with the prefix where there are any, else those without one, as Apache's worker does.
func serverTLS(config connect.Config, prefix string) (*tls.Config, error) {
	own := client.Properties(config.Prefixed(prefix))
	if len(own) == 0 {
		own = client.Properties(maps.Clone(config))
	}
	c, err := own.ServerTLS()
	if err == nil {
		c.NextProtos = []string{"http/1.1"}
	}
	return c, err
}

// Close closes listeners that nothing serves.
func (l *Listeners) Close() error {
	var errs []error
	for _, one := range append(l.Regular, l.Admin...) {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
