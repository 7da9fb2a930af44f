package commands

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client/testcert"
)

// listen accepts connections and hands each to serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// mute reads and never answers.
func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// bootstrapOnly is a broker that knows who it is and nothing else: its metadata name one broker at an address, and passwords are wrong.
func bootstrapOnly(advertised string) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			var head [4]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				return
			}
			size := binary.BigEndian.Uint32(head[:])
			if size > 1<<20 { // as a broker does with what is no request
				return
			}
			frame := make([]byte, size)
			if _, err := io.ReadFull(conn, frame); err != nil || len(frame) < 8 {
				return
			}
			resp := bootstrapAnswer(kmsg.Key(binary.BigEndian.Uint16(frame)), advertised)
			if resp == nil {
				return
			}
			resp.SetVersion(int16(binary.BigEndian.Uint16(frame[2:])))
			body := bytes.Clone(frame[4:8]) // the correlation id
			if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
				body = append(body, 0)
			}
			body = resp.AppendTo(body)
			if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
				return
			}
		}
	}
}

func bootstrapAnswer(key kmsg.Key, advertised string) kmsg.Response {
	switch key { //nolint:exhaustive // the others are not asked for
	case kmsg.ApiVersions:
		resp := kmsg.NewPtrApiVersionsResponse()
		for _, k := range []kmsg.Key{kmsg.Metadata, kmsg.ListGroups, kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate, kmsg.Produce, kmsg.DescribeCluster} {
			v := kmsg.NewApiVersionsResponseApiKey()
			v.ApiKey, v.MaxVersion = int16(k), min(kmsg.RequestForKey(int16(k)).MaxVersion(), 9)
			resp.ApiKeys = append(resp.ApiKeys, v)
		}
		return resp
	case kmsg.Metadata:
		host, port, _ := net.SplitHostPort(advertised)
		n, _ := strconv.Atoi(port)
		resp := kmsg.NewPtrMetadataResponse()
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = 1, host, int32(n)
		resp.Brokers, resp.ControllerID = append(resp.Brokers, b), 1
		return resp
	case kmsg.SASLHandshake:
		resp := kmsg.NewPtrSASLHandshakeResponse()
		resp.SupportedMechanisms = []string{"PLAIN"}
		return resp
	case kmsg.SASLAuthenticate:
		resp := kmsg.NewPtrSASLAuthenticateResponse()
		text := "Authentication failed: Invalid username or password"
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &text
		return resp
	}
	return nil
}

// withUnknownCertificate speaks TLS with a certificate that nobody has signed.
func withUnknownCertificate(t *testing.T, serve func(net.Conn)) func(net.Conn) {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{testcert.SelfSigned(t).TLS()}}
	return func(conn net.Conn) { serve(tls.Server(conn, config)) }
}

// TestUnreachableClusterNamesTheStep runs a command against everything that may stand in place of a cluster: it ends within --timeout
// and says which step failed.
func TestUnreachableClusterNamesTheStep(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	withTLS := file("tls.properties", "security.protocol=SSL\n")
	withSASL := file("sasl.properties", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"+
		`sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";`+"\n")
	silent := listen(t, mute)
	for _, c := range []struct{ name, address, config, want string }{
		{"name", "no-such-host.invalid:9092", "", "broker no-such-host.invalid:9092: the host name cannot be resolved"},
		{"refused", "127.0.0.1:1", "", "broker 127.0.0.1:1: cannot connect (connection refused: is a broker listening on this port?)"},
		{"silence", silent, "", "broker " + silent + ": it accepts the connection but does not answer in time"},
		{"closed", listen(t, func(net.Conn) {}), "", "it closes the connection at once: does this listener want TLS or SASL"},
		{"TLS to a plain port", listen(t, bootstrapOnly("127.0.0.1:1")), withTLS, "TLS handshake failed"},
		{"TLS to silence", silent, withTLS, "TLS handshake failed (no answer in time)"},
		{"certificate", listen(t, withUnknownCertificate(t, mute)), withTLS, "TLS handshake failed (tls: failed to verify certificate"},
		{"plain to a TLS port", listen(t, withUnknownCertificate(t, mute)), "", "does this listener want TLS or SASL"},
		{"password", listen(t, bootstrapOnly("127.0.0.1:1")), withSASL, "SASL authentication failed (Authentication failed: Invalid username or password"},
		{"advertised refuses", listen(t, bootstrapOnly("127.0.0.1:1")), "", "the cluster advertises 127.0.0.1:1, which this machine cannot reach: cannot connect (connection refused"},
		{"advertised name", listen(t, bootstrapOnly("no-such-host.invalid:9092")), "", "the cluster advertises no-such-host.invalid:9092, which this machine cannot reach: the host name cannot be resolved"},
		{"advertised silence", listen(t, bootstrapOnly(silent)), "", "the cluster advertises " + silent + ", which this machine cannot reach: it accepts the connection but does not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, tool := range []string{"consumer-groups --list --timeout 1000", "groups --list --timeout 1"} {
				words := append(strings.Fields(tool), "--bootstrap-server", c.address)
				if c.config != "" {
					words = append(words, "--command-config", c.config)
				}
				began := time.Now()
				out, errOut, code := runKgo(words)
				if code != 1 || !strings.Contains(out+errOut, c.want) {
					t.Errorf("%s: exit code %d\n%s%s\nwant: %s", tool, code, out, errOut, c.want)
				}
				if strings.Count(out+errOut, "\n") > 2 {
					t.Errorf("%s: more than a line: %s%s", tool, out, errOut)
				}
				if took := time.Since(began); took > 9*time.Second { // the default is ten: --timeout was not kept
					t.Errorf("%s: took %s", tool, took)
				}
			}
		})
	}
}
