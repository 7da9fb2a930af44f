package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	krbgss "github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

const testRealm = "EXAMPLE.TEST"

// kerberosFiles writes a krb5.conf whose KDC is nowhere, and makes it the one that is read.
func kerberosFiles(t *testing.T, kdc string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	conf := "[libdefaults]\n default_realm = " + testRealm + "\n[realms]\n" + testRealm + " = {\n kdc = " + kdc + "\n}\n"
	writeTestFile(t, filepath.Join(dir, "krb5.conf"), []byte(conf))
	t.Setenv("KRB5_CONFIG", filepath.Join(dir, "krb5.conf"))
	t.Setenv("KRB5CCNAME", filepath.Join(dir, "no-cache"))
	t.Setenv("KAFKA_OPTS", "")
	return dir
}

func writeTestFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// cacheEntry is a ticket as it stands in a ticket cache.
type cacheEntry struct {
	server string
	ends   time.Time
	ticket []byte
	key    types.EncryptionKey
}

// cacheFile lays tickets out as kinit does: file format version 4.
func cacheFile(owner string, entries []cacheEntry) []byte {
	b := []byte{5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}
	data := func(b []byte, d []byte) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(d))), d...) }
	principal := func(b []byte, name string) []byte {
		parts := strings.Split(name, "/")
		b = binary.BigEndian.AppendUint32(b, uint32(nametype.KRB_NT_PRINCIPAL))
		b = binary.BigEndian.AppendUint32(b, uint32(len(parts)))
		b = data(b, []byte(testRealm))
		for _, p := range parts {
			b = data(b, []byte(p))
		}
		return b
	}
	b = principal(b, owner)
	for _, e := range entries {
		b = principal(principal(b, owner), e.server)
		b = binary.BigEndian.AppendUint16(b, uint16(e.key.KeyType))
		b = data(b, e.key.KeyValue)
		begins := uint32(time.Now().Add(-time.Hour).Unix())
		for _, at := range []uint32{begins, begins, uint32(e.ends.Unix()), 0} {
			b = binary.BigEndian.AppendUint32(b, at)
		}
		b = append(b, 0, 0, 0, 0, 0)                            // no session key of another, no flags
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)                   // no addresses, no authorization data
		b = binary.BigEndian.AppendUint32(data(b, e.ticket), 0) // no second ticket
	}
	return b
}

// testTicket makes the ticket that a KDC would issue for a server whose key is in keys.
func testTicket(t *testing.T, keys *keytab.Keytab, client, server string, ends time.Time) cacheEntry {
	t.Helper()
	now := time.Now().Add(-time.Minute)
	ticket, key, err := messages.NewTicket(types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, client), testRealm, types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, server), testRealm,
		types.NewKrbFlags(), keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now, now, ends, ends)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := ticket.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return cacheEntry{server, ends, encoded, key}
}

func testKeys(t *testing.T, names ...string) *keytab.Keytab {
	t.Helper()
	keys := keytab.New()
	for _, name := range names {
		if err := keys.AddEntry(name, testRealm, "secret of "+name, time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func ticketCacheProperties() Properties {
	return Properties{
		"security.protocol": "SASL_PLAINTEXT", "sasl.kerberos.service.name": "kafka",
		"sasl.jaas.config": "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true;",
	}
}

// TestGSSAPIHandshake takes the part of the broker: it opens the ticket that the client shows and answers as RFC 4752 says.
func TestGSSAPIHandshake(t *testing.T) {
	dir := kerberosFiles(t, "127.0.0.1:1")
	broker := testKeys(t, "kafka/broker.example.test", "krbtgt/"+testRealm)
	for name, ends := range map[string]time.Time{"a fresh ticket": time.Now().Add(time.Hour), "one near its end": time.Now().Add(time.Minute)} {
		t.Run(name, func(t *testing.T) {
			tgt := testTicket(t, broker, "alice", "krbtgt/"+testRealm, ends)
			forBroker := testTicket(t, broker, "alice", "kafka/broker.example.test", ends)
			cache := filepath.Join(dir, "cache")
			writeTestFile(t, cache, cacheFile("alice", []cacheEntry{tgt, forBroker}))
			t.Setenv("KRB5CCNAME", "FILE:"+cache)
			_, mechanism, err := ticketCacheProperties().security()
			if err != nil {
				t.Fatal(err)
			}
			defer mechanism.(*gssapi).Close()
			session, token, err := mechanism.Authenticate(t.Context(), "Broker.Example.Test:9092")
			if err != nil {
				t.Fatal(err)
			}
			acceptTicket(t, broker, token)
			offer := krbgss.WrapToken{Flags: 1, EC: 12, Payload: []byte{1, 0, 0, 0}} // from the acceptor, no security layer
			if err := offer.SetCheckSum(forBroker.key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
				t.Fatal(err)
			}
			challenge, err := offer.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			done, answer, err := session.Challenge(challenge)
			if err != nil || !done {
				t.Fatal(done, err)
			}
			var chosen krbgss.WrapToken
			if err := chosen.Unmarshal(answer, false); err != nil {
				t.Fatal(err)
			}
			if ok, err := chosen.Verify(forBroker.key, keyusage.GSSAPI_INITIATOR_SEAL); !ok || !bytes.Equal(chosen.Payload, offer.Payload) {
				t.Errorf("the client chooses %x, %v", chosen.Payload, err)
			}
		})
	}
}

// acceptTicket checks the client's first token as the broker does.
func acceptTicket(t *testing.T, keys *keytab.Keytab, token []byte) {
	t.Helper()
	at := bytes.Index(token, []byte{1, 0, 0x6e}) // the token's id, and an AP-REQ
	if token[0] != 0x60 || at < 0 {
		t.Fatalf("no initial context token: %x", token)
	}
	var request messages.APReq
	if err := request.Unmarshal(token[at+2:]); err != nil {
		t.Fatal(err)
	}
	if err := request.Ticket.DecryptEncPart(keys, &request.Ticket.SName); err != nil {
		t.Fatal(err)
	}
	if who := request.Ticket.DecryptedEncPart.CName.PrincipalNameString(); who != "alice" {
		t.Errorf("the ticket is %s's", who)
	}
	if err := request.DecryptAuthenticator(request.Ticket.DecryptedEncPart.Key); err != nil {
		t.Error(err)
	}
}

func TestKerberosSettings(t *testing.T) {
	dir := kerberosFiles(t, "127.0.0.1:1")
	path := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	keys := testKeys(t, "alice", "bob/admin")
	encoded, err := keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, path("keys"), encoded)
	writeTestFile(t, path("torn-keys"), encoded[:len(encoded)-10])
	hour := time.Now().Add(time.Hour)
	good := cacheFile("alice", []cacheEntry{testTicket(t, testKeys(t, "krbtgt/"+testRealm), "alice", "krbtgt/"+testRealm, hour)})
	writeTestFile(t, path("good"), good)
	writeTestFile(t, path("torn"), good[:len(good)-20])
	writeTestFile(t, path("old"), cacheFile("alice", []cacheEntry{{server: "krbtgt/" + testRealm, ends: time.Now().Add(-time.Hour)}}))
	writeTestFile(t, path("empty"), cacheFile("alice", nil))
	if err := os.MkdirAll(path("many"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, path("many/primary"), []byte("tktx\n"))
	writeTestFile(t, path("many/tktx"), good)
	writeTestFile(t, path("no-realm.conf"), []byte("[libdefaults]\n"))
	for options, want := range map[string]string{
		"useTicketCache=true ticketCache='" + path("good") + "'":                      "",
		"useTicketCache=true ticketCache='FILE:" + path("good") + "' principal=alice": "",
		"useTicketCache=true ticketCache='DIR:" + path("many") + "'":                  "",
		"useTicketCache=true ticketCache='DIR::" + path("many/tktx") + "'":            "",
		"useTicketCache=true ticketCache='KCM:0'":                                     "a ticket cache of type KCM is no file",
		"useTicketCache=true ticketCache='" + path("good") + "' principal=bob":        "is of alice@EXAMPLE.TEST, not of bob@EXAMPLE.TEST",
		"useTicketCache=true ticketCache='" + path("torn") + "'":                      "not a readable ticket cache",
		"useTicketCache=true ticketCache='" + path("old") + "'":                       "has expired at",
		"useTicketCache=true ticketCache='" + path("empty") + "'":                     "no ticket-granting ticket",
		"useTicketCache=true": "(run kinit)",
		"useKeyTab=true storeKey=true keyTab='" + path("keys") + "' principal='alice@EXAMPLE.TEST'": "",
		"useKeyTab=true keyTab='FILE:" + path("keys") + "' principal='bob/admin'":                   "",
		"useTicketCache=true useKeyTab=true keyTab='" + path("keys") + "' principal=alice":          "",
		"useTicketCache=true useKeyTab=true keyTab='" + path("nothing") + "' principal=alice":       "run kinit), and keyTab",
		"useKeyTab=true keyTab='" + path("keys") + "'":                                              "has to name the principal",
		"useKeyTab=true keyTab='" + path("keys") + "' principal='*'":                                "names nobody",
		"useKeyTab=true keyTab='" + path("keys") + "' principal='carol'":                            "has no key of carol@EXAMPLE.TEST, but of alice@EXAMPLE.TEST, bob/admin@EXAMPLE.TEST",
		"useKeyTab=true keyTab='" + path("torn-keys") + "' principal=alice":                         "not a readable keytab",
		"useKeyTab=true keyTab='" + path("nothing") + "' principal=alice":                           "nothing",
		"debug=true": "useTicketCache=true, or useKeyTab=true",
		"useTicketCache=true serviceName=rabbit ticketCache='" + path("good") + "'": "Conflicting serviceName values",
	} {
		p := ticketCacheProperties()
		p["sasl.mechanism"] = "GSSAPI"
		p["sasl.jaas.config"] = "com.sun.security.auth.module.Krb5LoginModule required " + options + ";"
		_, _, err := p.security()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: got %v, want %q", options, err, want)
		}
	}
	other := ticketCacheProperties()
	t.Setenv("KRB5CCNAME", path("good"))
	if _, _, err := other.security(); err != nil {
		t.Errorf("the default ticket cache: %v", err)
	}
	delete(other, "sasl.kerberos.service.name")
	if _, _, err := other.security(); err == nil || !strings.Contains(err.Error(), "No serviceName defined in either JAAS or Kafka config") {
		t.Errorf("no service: %v", err)
	}
	other["sasl.jaas.config"] = "org.apache.kafka.common.security.plain.PlainLoginModule required;"
	if _, _, err := other.security(); err == nil || !strings.Contains(err.Error(), "not org.apache.kafka.common.security.plain.PlainLoginModule") {
		t.Errorf("another module: %v", err)
	}
	t.Setenv("KRB5_CONFIG", path("nothing.conf"))
	if _, _, err := ticketCacheProperties().security(); err == nil || !strings.Contains(err.Error(), "nothing.conf") {
		t.Errorf("no configuration: %v", err)
	}
}

// TestKDCThatIsNotThere: nobody listens at the KDC's address, and one line names it.
func TestKDCThatIsNotThere(t *testing.T) {
	dir := kerberosFiles(t, "127.0.0.1:1")
	keys, err := testKeys(t, "alice").Marshal()
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(dir, "keys"), keys)
	p := ticketCacheProperties()
	p["sasl.jaas.config"] = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true principal=alice keyTab='" + filepath.ToSlash(filepath.Join(dir, "keys")) + "';"
	_, mechanism, err := p.security()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = mechanism.Authenticate(t.Context(), "localhost:9092")
	login, ok := errors.AsType[*LoginError](err)
	if !ok || !login.Temporary || login.Text != "the KDC of EXAMPLE.TEST (127.0.0.1:1) cannot be reached" {
		t.Errorf("%v", err)
	}
}

// TestKDCThatNeverAnswers: it takes what it is sent and says nothing; the command's time ends the wait.
func TestKDCThatNeverAnswers(t *testing.T) {
	silent, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := kerberosFiles(t, silent.LocalAddr().String())
	keys, err := testKeys(t, "alice").Marshal()
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(dir, "keys"), keys)
	p := ticketCacheProperties()
	p["sasl.jaas.config"] = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true principal=alice keyTab='" + filepath.ToSlash(filepath.Join(dir, "keys")) + "';"
	_, mechanism, err := p.security()
	if err != nil {
		t.Fatal(err)
	}
	g := mechanism.(*gssapi)
	g.limit = time.Now().Add(100 * time.Millisecond)
	if _, _, err = g.Authenticate(t.Context(), "localhost:9092"); err == nil || !strings.HasSuffix(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = g.Authenticate(ctx, "localhost:9092"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestKrb5ConfIsReadWithWhatItIncludes(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	writeTestFile(t, at("krb5.conf"), []byte(`# comment
includedir `+at("conf.d")+`
include `+at("more")+`
[libdefaults]
    default_realm = FIRST.TEST
    default_realm = SECOND.TEST
    ticket_lifetime = 24h
    default_ccache_name = KEYRING:persistent:%{uid}
    preferred_preauth_types = 17, 16
    permitted_enctypes = aes256-sha2:normal, rc4-hmac, camellia256-cts-cmac
    plugin_base_dir = /x
[realms]
FIRST.TEST = {
    kdc = tcp/a.test
    kdc = b.test:750 *
    kdc = fe80::1
    auth_to_local_names = {
        kdc = not.this
    }
    admin_server = a.test
}
[domain_realm]
    .First.test = FIRST.TEST
[capaths]
    A = {
        B = .
    }
`))
	if err := os.Mkdir(at("conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, at("conf.d/realm.conf"), []byte("[realms]\nTHIRD.TEST = {\n kdc = c.test\n}\n"))
	writeTestFile(t, at("conf.d/no.conf.rpmsave"), []byte("[libdefaults]\ndefault_realm = WRONG\n"))
	writeTestFile(t, at("more"), []byte("[libdefaults]\nudp_preference_limit = 1\n"))
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.conf="+at("krb5.conf"))
	t.Setenv("KRB5_CONFIG", at("nothing"))
	file, err := loadKrb5()
	if err != nil {
		t.Fatal(err)
	}
	c, err := file.config()
	if err != nil {
		t.Fatal(err)
	}
	if d := c.LibDefaults; d.DefaultRealm != "FIRST.TEST" || !d.DNSLookupKDC || d.UDPPreferenceLimit != 1 || d.TicketLifetime != 24*time.Hour ||
		!slices.Equal(d.DefaultTktEnctypeIDs, []int32{etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.RC4_HMAC}) {
		t.Errorf("%+v", d)
	}
	kdcs := make(map[string][]string)
	for _, r := range c.Realms {
		kdcs[r.Realm] = r.KDC
	}
	if !slices.Equal(kdcs["FIRST.TEST"], []string{"a.test:88", "b.test:750", "[fe80::1]:88"}) || !slices.Equal(kdcs["THIRD.TEST"], []string{"c.test:88"}) {
		t.Errorf("%v", kdcs)
	}
	if r := c.ResolveRealm("host.first.test"); r != "FIRST.TEST" {
		t.Errorf("the realm of host.first.test is %q", r)
	}
	if got := expandCacheName("KEYRING:x%{null}y"); got != "KEYRING:xy" {
		t.Error(got)
	}
	writeTestFile(t, at("more"), []byte("include "+at("more")+"\n"))
	if _, err := loadKrb5(); err == nil || !strings.Contains(err.Error(), "include each other") {
		t.Errorf("a circle: %v", err)
	}
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.realm=R.TEST -Djava.security.krb5.kdc=x:y")
	if file, err = loadKrb5(); err != nil || file.defaults["default_realm"] != "R.TEST" || !slices.Equal(file.realms["R.TEST"], []string{"x", "y"}) {
		t.Errorf("%+v, %v", file, err)
	}
}

func TestKDCErrorsAreExplained(t *testing.T) {
	g := &gssapi{service: "kafka", login: &krb5Login{name: "alice", realm: "R", conf: config.New()}}
	for text, want := range map[string]string{
		"x [Root cause: KDC_Error] KDC_Error: AS Exchange Error: kerberos error response from KDC: KRB Error: (6) KDC_ERR_C_PRINCIPAL_UNKNOWN Client not found in Kerberos database": "the KDC of R answers KDC_ERR_C_PRINCIPAL_UNKNOWN: there is no principal alice@R",
		"[Root cause: KDC_Error] KRB Error: (7) KDC_ERR_S_PRINCIPAL_UNKNOWN Server not found in Kerberos database":                                                                   "the KDC of R answers KDC_ERR_S_PRINCIPAL_UNKNOWN: there is no principal kafka/h: are sasl.kerberos.service.name and the host's name right?",
		"KRB Error: (60) KRB_ERR_GENERIC Generic error - LOOKING_UP < what we did":                                                                                                   "the KDC of R answers KRB_ERR_GENERIC: Generic error - LOOKING_UP",
		"[Root cause: Encoding_Error] a\nb": "a b",
	} {
		if got := g.explain(errors.New(text), "h").Error(); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func FuzzTicketCache(f *testing.F) {
	f.Add(cacheFile("alice", []cacheEntry{{server: "krbtgt/" + testRealm, ends: time.Unix(1<<31, 0)}}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = parseTicketCache(data)
		_, _ = parseKeytab(data)
	})
}

func FuzzKrb5Conf(f *testing.F) {
	f.Add("[libdefaults]\ndefault_realm = A\n[realms]\nA = {\nkdc = b\n}\n[domain_realm]\na = A\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") {
			return
		}
		path := filepath.Join(t.TempDir(), "krb5.conf")
		writeTestFile(t, path, []byte(text))
		file := &krb5File{defaults: make(map[string]string), realms: make(map[string][]string), domains: make(map[string]string)}
		if file.read(path) == nil {
			_, _ = file.config()
		}
	})
}
