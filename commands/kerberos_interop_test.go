//go:build interop

package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const kerberosRealm = "KGO.TEST"

// kdc is MIT Kerberos' key distribution centre, with files of its own.
type kdc struct {
	dir  string
	port int
	env  []string
}

// startKDC starts a KDC for a new realm. It skips where Kerberos' programs (Debian's krb5-kdc, krb5-admin-server and krb5-user) are not installed.
func startKDC(t *testing.T) *kdc {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/usr/lib/mit/sbin")
	for _, program := range []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no KDC: %v (Debian has it in krb5-kdc, krb5-admin-server and krb5-user)", err)
		}
	}
	k := &kdc{dir: t.TempDir(), port: freePort(t)}
	port := strconv.Itoa(k.port)
	k.write(t, "krb5.conf", "[libdefaults]\n default_realm = "+kerberosRealm+"\n dns_lookup_kdc = false\n rdns = false\n udp_preference_limit = 1\n[realms]\n "+
		kerberosRealm+" = {\n  kdc = 127.0.0.1:"+port+"\n }\n[domain_realm]\n localhost = "+kerberosRealm+"\n")
	k.write(t, "kdc.conf", "[kdcdefaults]\n kdc_listen = 127.0.0.1:"+port+"\n kdc_tcp_listen = 127.0.0.1:"+port+"\n[realms]\n "+kerberosRealm+" = {\n  database_name = "+
		k.path("principal")+"\n  key_stash_file = "+k.path("stash")+"\n  acl_file = "+k.path("acl")+"\n }\n[logging]\n kdc = FILE:"+k.path("kdc.log")+"\n")
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.path("krb5.conf"), "KRB5_KDC_PROFILE="+k.path("kdc.conf"))
	k.run(t, "", "kdb5_util", "create", "-s", "-P", "master", "-r", kerberosRealm)
	query := func(words ...string) {
		t.Helper()
		k.run(t, "", "kadmin.local", "-r", kerberosRealm, "-q", strings.Join(words, " "))
	}
	for name, options := range map[string]string{"kafka/localhost": "", "alice": "+requires_preauth", "bob": "", "carol": "+requires_preauth"} {
		query("addprinc -pw", name+"-secret", options, name)
		query("ktadd -norandkey -k", k.path(filepath.Base(name)+".keytab"), name)
	}
	query("cpw -pw another bob") // what their keytabs have is old
	query("cpw -pw another carol")
	server := exec.Command("krb5kdc", "-n", "-r", kerberosRealm, "-P", k.path("pid"))
	server.Env = k.env
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill() //nolint:errcheck // it may have ended
		server.Wait()         //nolint:errcheck // by the signal
	})
	deadline := time.Now().Add(30 * time.Second)
	for {
		kinit := exec.CommandContext(t.Context(), "kinit", "-c", k.path("cache"), "alice")
		kinit.Env, kinit.Stdin = k.env, strings.NewReader("alice-secret\n")
		said, err := kinit.CombinedOutput()
		if err == nil {
			return k
		}
		if time.Now().After(deadline) {
			t.Fatalf("kinit: %v\n%s", err, said)
		}
	}
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kdc) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (k *kdc) run(t *testing.T, stdin, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdin = k.env, strings.NewReader(stdin)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, said)
	}
}

// TestGSSAPI runs Apache Kafka's tools and kgo's with the same client.properties against an Apache Kafka broker that wants Kerberos tickets.
func TestGSSAPI(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka with a Kerberos listener")
	}
	k := startKDC(t)
	t.Setenv("KRB5_CONFIG", k.path("krb5.conf"))
	t.Setenv("KRB5CCNAME", "FILE:"+k.path("nobody"))
	port := strconv.Itoa(freePort(t))
	const module = "com.sun.security.auth.module.Krb5LoginModule required "
	jvm := startApacheJVM(t, lab, "-Djava.security.krb5.conf="+k.path("krb5.conf"))
	broker := jvm.startBroker(t, []string{
		"listeners=PLAINTEXT://$B,CONTROLLER://$C,TICKETS://localhost:" + port,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TICKETS:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=GSSAPI", "sasl.kerberos.service.name=kafka",
		"listener.name.tickets.gssapi.sasl.jaas.config=" + module + `useKeyTab=true storeKey=true keyTab="` + k.path("localhost.keytab") + `" principal="kafka/localhost@` + kerberosRealm + `";`,
	})
	deadline := time.Now().Add(time.Minute)
	for { // a broker that has just started may leave a connection unanswered
		out, errOut, code := runKgo([]string{"topics", "--bootstrap-server", broker.bootstrap, "--create", "--if-not-exists", "--topic", "tickets"})
		if code == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(out, errOut)
		}
	}
	k.write(t, "jaas.conf", "KafkaClient {\n "+module+"useTicketCache=true ticketCache=\""+k.path("cache")+"\";\n};\n")
	base := "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\n"
	service := base + "sasl.kerberos.service.name=kafka\n"
	cached := "sasl.jaas.config=" + module + `useTicketCache=true ticketCache="` + k.path("cache") + `";` + "\n"
	for _, c := range []struct {
		name, properties, opts string
		fails                  string // what the one line says
	}{
		{"keytab", service + "sasl.jaas.config=" + module + `useKeyTab=true storeKey=true keyTab="` + k.path("alice.keytab") + `" principal="alice@` + kerberosRealm + `";`, "", ""},
		{"keytab, the mechanism by default", "security.protocol=SASL_PLAINTEXT\nsasl.jaas.config=" + module + `serviceName=kafka useKeyTab=true keyTab="` + k.path("alice.keytab") + `" principal=alice;`, "", ""},
		{"ticket cache", service + cached, "", ""},
		{"a JAAS file", service, "-Djava.security.auth.login.config=" + k.path("jaas.conf"), ""},
		{"no ticket", service + "sasl.jaas.config=" + module + "useTicketCache=true;", "", "run kinit"},
		{"a key that is out of date", service + "sasl.jaas.config=" + module + `useKeyTab=true keyTab="` + k.path("bob.keytab") + `" principal=bob;`, "", "the key of bob@KGO.TEST is wrong"},
		{"the same with preauthentication", service + "sasl.jaas.config=" + module + `useKeyTab=true keyTab="` + k.path("carol.keytab") + `" principal=carol;`, "", "the key of carol@KGO.TEST is wrong"},
		{"a principal that is not there", service + "sasl.jaas.config=" + module + `useKeyTab=true keyTab="` + k.path("alice.keytab") + `" principal=dave;`, "", "has no key of dave@KGO.TEST"},
		{"another service", base + "sasl.kerberos.service.name=rabbit\ndefault.api.timeout.ms=5000\nrequest.timeout.ms=4000\n" + cached, "", "KDC_ERR_S_PRINCIPAL_UNKNOWN"},
		{"no service", base + cached, "", "No serviceName defined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "client.properties")
			if err := os.WriteFile(file, []byte(c.properties), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("KAFKA_OPTS", c.opts)
			words := []string{"topics", "--bootstrap-server", "localhost:" + port, "--command-config", file, "--list"}
			out, errOut, code := runKgo(words)
			if c.fails == "" {
				if code != 0 || out != "tickets\n" {
					t.Fatalf("exit code %d\n%s%s", code, out, errOut)
				}
			} else if said := strings.TrimSpace(out + errOut); code == 0 || !strings.Contains(said, c.fails) || strings.Contains(said, "\n") {
				t.Fatalf("exit code %d, wanted one line with %q:\n%s", code, c.fails, said)
			} else {
				t.Log(said)
			}
			if c.opts != "" {
				return // of another process
			}
			if out, errOut, code := jvm.run(words, ""); (code == 0) != (c.fails == "") {
				t.Errorf("Apache Kafka's tool ends with %d\n%s%s", code, out, errOut)
			}
		})
	}
}
