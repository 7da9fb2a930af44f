package client

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// krb5Login says who the client is for Kerberos, as Java's Krb5LoginModule reads it from its options.
type krb5Login struct {
	conf *config.Config
	// name and realm are those of the principal; empty: whoever the ticket cache is of.
	name, realm string
	cache       string // the ticket cache's file; empty: not used
	keytab      string // the keytab's file; empty: not used
}

// newKrb5Login reads the options of a Krb5LoginModule and makes sure that they lead to a ticket or a key.
func newKrb5Login(jaas jaasEntry) (*krb5Login, error) {
	isTrue := func(option string) bool { return strings.EqualFold(jaas.options[option], "true") }
	if jaas.module == "" {
		return nil, &ConfigError{
			Text: "GSSAPI (sasl.mechanism's default) needs a login module",
			Hint: "set sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true; or set sasl.mechanism",
		}
	}
	if !strings.HasSuffix(jaas.module, "Krb5LoginModule") {
		return nil, &ConfigError{Text: "GSSAPI needs com.sun.security.auth.module.Krb5LoginModule in sasl.jaas.config, not " + jaas.module, Hint: "or set sasl.mechanism"}
	}
	if !isTrue("useTicketCache") && !isTrue("useKeyTab") {
		return nil, &ConfigError{Text: "Krb5LoginModule has to get useTicketCache=true, or useKeyTab=true with keyTab and principal: nobody can be asked for a password"}
	}
	file, err := loadKrb5()
	if err != nil {
		return nil, err
	}
	l := &krb5Login{}
	if l.conf, err = file.config(); err != nil {
		return nil, err
	}
	principal := first(jaas.options["principal"], systemProperty("sun.security.krb5.principal"))
	if principal != "" {
		if l.name, l.realm, err = splitPrincipal(principal, l.conf.LibDefaults.DefaultRealm); err != nil {
			return nil, err
		}
	}
	var noTicket error
	if isTrue("useTicketCache") {
		if l.cache, noTicket = ticketCache(jaas.options["ticketCache"], file.defaults["default_ccache_name"]); noTicket == nil {
			_, noTicket = l.fromCache()
		}
		if noTicket == nil {
			return l, nil
		}
		l.cache = ""
		if !isTrue("useKeyTab") {
			return nil, &ConfigError{Text: noTicket.Error()}
		}
	}
	if principal == "" {
		return nil, &ConfigError{Text: "Krb5LoginModule with useKeyTab=true has to name the principal"}
	}
	l.keytab = keytabFile(jaas.options["keyTab"], file.defaults["default_keytab_name"])
	if _, err := l.fromKeytab(); err != nil {
		if noTicket != nil {
			err = fmt.Errorf("%w, and %w", noTicket, err)
		}
		return nil, &ConfigError{Text: err.Error()}
	}
	return l, nil
}

// client makes a Kerberos client. It has asked nobody yet.
func (l *krb5Login) client() (*krb.Client, error) {
	if l.cache != "" {
		return l.fromCache()
	}
	return l.fromKeytab()
}

// Java's clients don't negotiate FAST, and older domain controllers refuse those that do.
var javaLike = krb.DisablePAFXFAST(true)

func (l *krb5Login) fromKeytab() (*krb.Client, error) {
	data, err := os.ReadFile(l.keytab)
	if err != nil {
		return nil, fmt.Errorf("keyTab: %w", err)
	}
	keys, err := parseKeytab(data)
	if err != nil {
		return nil, fmt.Errorf("keyTab %s: %w", l.keytab, err)
	}
	var names []string
	for _, e := range keys.Entries {
		name := strings.Join(e.Principal.Components, "/") + "@" + e.Principal.Realm
		if name == l.name+"@"+l.realm {
			return krb.NewWithKeytab(l.name, l.realm, keys, l.conf, javaLike), nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return nil, fmt.Errorf("keyTab %s has no key of %s@%s, but of %s", l.keytab, l.name, l.realm, cmp.Or(strings.Join(names, ", "), "nobody"))
}

func parseKeytab(data []byte) (keys *keytab.Keytab, err error) {
	defer func() { // the library trusts the lengths in the file
		if recover() != nil {
			keys, err = nil, errors.New("not a readable keytab")
		}
	}()
	keys = keytab.New()
	if err := keys.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("not a readable keytab: %w", err)
	}
	return keys, nil
}

func (l *krb5Login) fromCache() (*krb.Client, error) {
	data, err := os.ReadFile(l.cache)
	if err != nil {
		return nil, fmt.Errorf("no Kerberos ticket: %w (run kinit)", err)
	}
	cache, err := parseTicketCache(data)
	if err != nil {
		return nil, fmt.Errorf("ticket cache %s: %w", l.cache, err)
	}
	owner := cache.GetClientPrincipalName().PrincipalNameString()
	if l.name != "" && (owner != l.name || cache.GetClientRealm() != l.realm) {
		return nil, fmt.Errorf("ticket cache %s is of %s@%s, not of %s@%s", l.cache, owner, cache.GetClientRealm(), l.name, l.realm)
	}
	tgt, ok := cache.GetEntry(types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+cache.GetClientRealm()))
	if !ok {
		return nil, fmt.Errorf("ticket cache %s holds no ticket-granting ticket (run kinit)", l.cache)
	}
	if now := time.Now(); !now.Before(tgt.EndTime) {
		return nil, fmt.Errorf("the ticket in %s has expired at %s (run kinit)", l.cache, tgt.EndTime.Format(time.DateTime))
	}
	// The library would renew a ticket near its end, which needs a key that a cache doesn't have: to it this one has just begun.
	tgt.AuthTime = time.Now().Add(-time.Second)
	return krb.NewFromCCache(cache, l.conf, javaLike)
}

func splitPrincipal(principal, defaultRealm string) (name, realm string, err error) {
	name, realm = principal, defaultRealm
	if at := strings.LastIndexByte(principal, '@'); at >= 0 {
		name, realm = principal[:at], principal[at+1:]
	}
	switch {
	case name == "" || name == "*":
		return "", "", &ConfigError{Text: "Krb5LoginModule: principal=" + principal + " names nobody"}
	case realm == "":
		return "", "", &ConfigError{Text: "Krb5LoginModule: principal=" + principal + " has no realm, and the Kerberos configuration has no default_realm"}
	}
	return name, realm, nil
}

// ticketCache finds the file of the ticket cache: the option's, KRB5CCNAME's, krb5.conf's, or the one where kinit puts it.
func ticketCache(option, configured string) (string, error) {
	name := first(option, os.Getenv("KRB5CCNAME"), expandCacheName(configured))
	if name == "" {
		return defaultTicketCache(), nil
	}
	kind, path, typed := strings.Cut(name, ":")
	switch {
	case !typed || len(kind) == 1: // a drive's letter is no kind
		return name, nil
	case kind == "FILE":
		return path, nil
	case kind == "DIR" && strings.HasPrefix(path, ":"):
		return path[1:], nil
	case kind == "DIR":
		primary, err := os.ReadFile(filepath.Join(path, "primary"))
		if err != nil {
			return filepath.Join(path, "tkt"), nil //nolint:nilerr // the name that kinit gives the first one
		}
		return filepath.Join(path, filepath.Base(strings.TrimSpace(string(primary)))), nil
	}
	return "", fmt.Errorf("a ticket cache of type %s is no file (set KRB5CCNAME=FILE:/path and run kinit again)", kind)
}

func defaultTicketCache() string {
	if runtime.GOOS == "linux" {
		return "/tmp/krb5cc_" + strconv.Itoa(os.Getuid())
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, "krb5cc_"+userName())
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
}

// expandCacheName replaces the parameters that krb5.conf may have in default_ccache_name.
func expandCacheName(name string) string {
	uid := strconv.Itoa(os.Getuid())
	return strings.NewReplacer("%{uid}", uid, "%{euid}", uid, "%{USERID}", uid, "%{username}", userName(), "%{TEMP}", os.TempDir(), "%{null}", "").Replace(name)
}

// keytabFile finds the keytab: the option's, krb5.conf's, Java's own default if it is there, or the system's.
func keytabFile(option, configured string) string {
	if name := first(option, configured); name != "" {
		return strings.TrimPrefix(strings.TrimPrefix(name, "FILE:"), "file:")
	}
	home, _ := os.UserHomeDir()
	if own := filepath.Join(home, "krb5.keytab"); home != "" {
		if _, err := os.Stat(own); err == nil {
			return own
		}
	}
	return "/etc/krb5.keytab"
}
