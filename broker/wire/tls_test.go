package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	var released sync.WaitGroup
	large := bytes.Repeat([]byte("x"), 200<<10)
	who := make(chan string, 10)
	_, addr := testServer(t, Config{}, Listener{
		Name: "CLIENT", Protocol: "SSL",
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t, "broker")}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12},
		TLSPrincipal: func(s tls.ConnectionState) ident.Principal {
			return ident.Principal{Type: "User", Name: s.PeerCertificates[0].Subject.CommonName}
		},
	}, API{Key: 1, Min: 4, Max: 12, Borrow: true, Handle: func(r *Request) {
		who <- r.Conn.Principal().String()
		var p Payload
		p.Bytes([]byte("head"))
		released.Add(1)
		p.File(memoryRange{bytes.NewReader(large), len(large), &released})
		r.RespondPayload(p)
	}})
	raw := dial(t, addr)
	nc := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate(t, "alice")}})
	for i := range int32(3) {
		if _, err := nc.Write(encode(kmsg.NewPtrFetchRequest(), 11, i)); err != nil {
			t.Fatal(err)
		}
		if b := readFrame(t, nc); correlationID(b) != i || len(b) != 4+4+len(large) {
			t.Errorf("response %d: %d bytes", correlationID(b), len(b))
		}
		if p := <-who; p != "User:alice" {
			t.Errorf("principal %s", p)
		}
	}
	released.Wait()

	plain := dial(t, addr)
	plain.Write(encode(kmsg.NewPtrFetchRequest(), 11, 1))
	plain.(*net.TCPConn).CloseWrite()
	if b := make([]byte, 1); true {
		if n, _ := plain.Read(b); n == 1 && b[0] != 0x15 { // an alert is all that a client without TLS gets
			t.Errorf("a client without TLS was answered with %x", b)
		}
	}
}

func TestNoTLSListenerWithoutTLS(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := NewServer(Config{}, NewTable(nil)).Serve(ln, Listener{Name: "SSL", Protocol: "SSL"}); err == nil {
		t.Error("a listener that should encrypt was served in the clear")
	}
}
