package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
)

// krb5File is what a krb5.conf says, as far as a client needs it.
type krb5File struct {
	paths    []string
	defaults map[string]string   // [libdefaults]; of a key given twice the first one counts, as with MIT's library
	realms   map[string][]string // the KDCs of each realm, in order
	domains  map[string]string   // [domain_realm]
}

// Bounds for files that include others.
const (
	maxKrb5Files = 100
	maxKrb5Size  = 1 << 20
)

// loadKrb5 finds the Kerberos configuration where Java's clients do, java.security.krb5.conf in KAFKA_OPTS and the system's own file, and where
// everybody else does: KRB5_CONFIG.
func loadKrb5() (*krb5File, error) {
	f := &krb5File{defaults: make(map[string]string), realms: make(map[string][]string), domains: make(map[string]string)}
	realm, kdc := systemProperty("java.security.krb5.realm"), systemProperty("java.security.krb5.kdc")
	if realm != "" && kdc != "" {
		f.paths = []string{"KAFKA_OPTS"}
		f.defaults["default_realm"] = realm
		f.realms[realm] = strings.Split(kdc, ":")
		return f, nil
	}
	candidates, named := krb5Candidates()
	for _, path := range candidates {
		err := f.read(path)
		if errors.Is(err, fs.ErrNotExist) && (!named || len(candidates) > 1) {
			continue
		}
		if err != nil {
			return nil, &ConfigError{Text: "the Kerberos configuration cannot be read: " + err.Error()}
		}
		if !named {
			break
		}
	}
	if len(f.paths) == 0 {
		return nil, &ConfigError{
			Text: "GSSAPI needs a Kerberos configuration: there is no " + strings.Join(candidates, " or "),
			Hint: "KRB5_CONFIG names another file",
		}
	}
	return f, nil
}

// krb5Candidates are the files to look for: all of those that are named, or else the first that exists.
func krb5Candidates() (paths []string, named bool) {
	if path := systemProperty("java.security.krb5.conf"); path != "" {
		return []string{path}, true
	}
	if list := os.Getenv("KRB5_CONFIG"); list != "" {
		return filepath.SplitList(list), true
	}
	switch runtime.GOOS {
	case "windows":
		return []string{filepath.Join(os.Getenv("WINDIR"), "krb5.ini"), filepath.Join(os.Getenv("PROGRAMDATA"), "MIT", "Kerberos5", "krb5.ini")}, false
	case "darwin":
		const own = "Library/Preferences/edu.mit.Kerberos"
		home, _ := os.UserHomeDir()
		return []string{filepath.Join(home, own), "/" + own, "/etc/krb5.conf"}, false
	}
	return []string{"/etc/krb5.conf"}, false
}

// read adds a file and those that it includes.
func (f *krb5File) read(path string) error {
	if len(f.paths) >= maxKrb5Files {
		return fmt.Errorf("%s: more than %d files include each other", path, maxKrb5Files)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxKrb5Size {
		return fmt.Errorf("%s: larger than %d bytes", path, maxKrb5Size)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f.paths = append(f.paths, path)
	section, realm, depth := "", "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if words := strings.Fields(line); len(words) == 2 && (words[0] == "include" || words[0] == "includedir") {
			if err := f.include(words[0], words[1]); err != nil {
				return err
			}
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case line[0] == '[':
			section, depth = strings.Trim(line, "[]* "), 0
		case line[0] == '}':
			depth = max(depth-1, 0)
		case strings.HasSuffix(line, "{"):
			if depth++; depth == 1 {
				realm = key
			}
		case section == "libdefaults" && depth == 0:
			if _, twice := f.defaults[strings.ToLower(key)]; !twice {
				f.defaults[strings.ToLower(key)] = value
			}
		case section == "domain_realm" && depth == 0:
			f.domains[strings.ToLower(key)] = value
		case section == "realms" && depth == 1 && strings.EqualFold(key, "kdc"):
			f.realms[realm] = append(f.realms[realm], strings.TrimSpace(strings.TrimSuffix(value, "*")))
		}
	}
	return nil
}

// includedName is the name of a file that includedir takes.
var includedName = regexp.MustCompile(`^([A-Za-z0-9_-]+|[^.].*\.conf)$`)

func (f *krb5File) include(directive, path string) error {
	if directive == "include" {
		return f.read(path)
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !includedName.MatchString(e.Name()) {
			continue
		}
		if err := f.read(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// understood are the keys of [libdefaults] that are handed on. The library stops at values of others that it does not know, though nothing here
// depends on them.
var understood = []string{
	"default_realm", "dns_lookup_kdc", "clockskew", "ticket_lifetime", "renew_lifetime", "udp_preference_limit", "forwardable", "proxiable",
	"noaddresses", "canonicalize", "allow_weak_crypto",
}

// strongTypes are the encryption types asked for where the file names none: Java's, without those whose messages the library cannot protect.
const strongTypes = "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128"

// config translates the file for the Kerberos library.
func (f *krb5File) config() (*config.Config, error) {
	var b strings.Builder
	b.WriteString("[libdefaults]\n")
	for _, key := range understood {
		if v := f.defaults[key]; v != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, v)
		}
	}
	if f.defaults["dns_lookup_kdc"] == "" {
		b.WriteString("dns_lookup_kdc = true\n")
	}
	permitted := first(encryptionTypes(f.defaults["permitted_enctypes"]), strongTypes)
	fmt.Fprintf(&b, "permitted_enctypes = %s\n", permitted)
	for _, key := range []string{"default_tkt_enctypes", "default_tgs_enctypes"} {
		fmt.Fprintf(&b, "%s = %s\n", key, first(encryptionTypes(f.defaults[key]), permitted))
	}
	b.WriteString("[realms]\n")
	for realm, kdcs := range f.realms {
		fmt.Fprintf(&b, "%s = {\n", realm)
		for _, kdc := range kdcs {
			fmt.Fprintf(&b, "kdc = %s\n", kdcAddress(kdc))
		}
		b.WriteString("}\n")
	}
	b.WriteString("[domain_realm]\n")
	for domain, realm := range f.domains {
		fmt.Fprintf(&b, "%s = %s\n", domain, realm)
	}
	c, err := config.NewFromString(b.String())
	if err != nil {
		return nil, &ConfigError{Text: strings.Join(f.paths, ", ") + ": " + err.Error()}
	}
	return c, nil
}

// encryptionTypes leaves out of a list what the library does not know. Commas may separate, and a salt type may follow each.
func encryptionTypes(list string) string {
	var known []string
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		name, _, _ = strings.Cut(name, ":")
		switch name = strings.ToLower(name); name {
		case "aes":
			known = append(known, strings.Fields(strongTypes)...)
		default:
			if etypeID.EtypeSupported(name) != 0 && !slices.Contains(known, name) {
				known = append(known, name)
			}
		}
	}
	return strings.Join(known, " ")
}

// kdcAddress completes `kdc = host` by the port; a protocol may stand in front.
func kdcAddress(kdc string) string {
	for _, protocol := range []string{"tcp/", "udp/"} {
		kdc = strings.TrimPrefix(kdc, protocol)
	}
	switch {
	case strings.HasPrefix(kdc, "[") && !strings.Contains(kdc, "]:"):
		return kdc + ":88"
	case strings.Count(kdc, ":") > 1 && !strings.HasPrefix(kdc, "["): // a bare IPv6 address
		return "[" + kdc + "]:88"
	case !strings.Contains(kdc, ":"):
		return kdc + ":88"
	}
	return kdc
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
