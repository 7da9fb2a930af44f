//go:build interop && unix

package standalone_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/commands/client/testcert"
)

// TestClusterWithTLSAndSASL runs connectors against an Apache Kafka broker that wants TLS and a password: with the worker's producer.*,
// consumer.* and admin.* settings, with a connector's own, and with a wrong password, which fails that connector's task and says so.
func TestClusterWithTLSAndSASL(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names a launcher of Apache Kafka; it is not set")
	}
	f := newFolder(t)
	certificate(t, f)
	plain, secure, control := freePort(t), "localhost:"+freePort(t), freePort(t)
	name := fmt.Sprintf("connect-security-%d", os.Getpid())
	out, err := exec.Command(lab, "start", name, plain,
		"listeners=PLAINTEXT://127.0.0.1:"+plain+",CONTROLLER://127.0.0.1:"+control+",SASL_SSL://"+secure, "controller.quorum.voters=1@127.0.0.1:"+control,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL", "ssl.keystore.type=PEM", "ssl.keystore.location="+f.path("server.pem"), "ssl.truststore.type=PEM", "ssl.truststore.location="+f.path("trust.pem"), "sasl.enabled.mechanisms=PLAIN",
		`listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret" user_bob="bobs";`).CombinedOutput()
	t.Cleanup(func() { _ = exec.Command(lab, "wipe", name).Run() })
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	login := func(user, password string) string {
		return fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";`, user, password)
	}
	var settings strings.Builder
	for _, prefix := range []string{"", "producer.", "consumer.", "admin."} {
		for _, line := range []string{"security.protocol=SASL_SSL", "ssl.truststore.type=PEM", "ssl.truststore.location=" + f.path("trust.pem"), "sasl.mechanism=PLAIN", "sasl.jaas.config=" + login("alice", "secret")} {
			fmt.Fprintln(&settings, prefix+line)
		}
	}
	in := f.write("in.txt", "one\ntwo\n")
	const source = "\nconnector.class=FileStreamSource\ntopic=lines\nfile="
	w := f.run(f.worker(secure, settings.String()),
		f.write("source.properties", "name=source"+source+in+"\n"),
		f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\ntopics=lines\nfile="+f.path("out.txt")+"\n"),
		f.write("bob.properties", "name=bob\nconnector.class=FileStreamSink\ntopics=lines\nfile="+f.path("bob.txt")+"\nconsumer.override.sasl.jaas.config="+login("bob", "bobs")+"\n"),
		f.write("stranger.properties", "name=stranger"+source+in+"\nproducer.override.sasl.jaas.config="+login("alice", "guessed")+"\n"),
		f.write("mallory.properties", "name=mallory\nconnector.class=FileStreamSink\ntopics=lines\nfile="+f.path("mallory.txt")+"\nconsumer.override.sasl.jaas.config="+login("mallory", "x")+"\n"))
	waitFor(t, func() bool { return f.read("out.txt") == "one\ntwo\n" && f.read("bob.txt") == "one\ntwo\n" })
	for _, name := range []string{"stranger", "mallory"} {
		if status := w.waitForState(name, "FAILED"); !strings.Contains(status, "SASL authentication failed") {
			t.Error(status)
		}
	}
	// The admin client sees them once the sink has committed.
	waitFor(t, func() bool { return strings.Contains(w.get("/connectors/sink/offsets"), `"kafka_topic":"lines"`) })
}

// certificate writes server.pem, for localhost, and trust.pem.
func certificate(t *testing.T, f folder) {
	t.Helper()
	own := testcert.SelfSigned(t)
	f.write("trust.pem", own.CertPEM())
	f.write("server.pem", own.KeyPEM(t)+own.CertPEM())
}
