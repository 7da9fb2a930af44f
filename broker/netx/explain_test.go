package netx_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/netx"
)

func TestExplainSaysWhatToDo(t *testing.T) {
	taken, err := netx.TCP().Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]string{
		taken.Addr().String():        "another process has this port",
		"192.0.2.1:9092":             "this machine does not have that address",
		"no-such-host.invalid.:9092": "cannot be resolved",
	} {
		ln, err := netx.TCP().Listen(context.Background(), addr)
		if err == nil {
			_ = ln.Close()
			t.Fatalf("%s: listens", addr)
		}
		if got := netx.Explain(err); !strings.Contains(got.Error(), want) {
			t.Errorf("%s: %v, want %q in it", addr, got, want)
		}
	}
	if netx.Explain(nil) != nil {
		t.Error("no error is explained")
	}
	if err := (&net.AddrError{Err: "missing port"}); !errors.Is(netx.Explain(err), err) || netx.Explain(err).Error() != err.Error() {
		t.Error("an error that needs no explanation is changed")
	}
}
