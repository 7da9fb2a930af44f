package quota

import (
	"net/netip"
	"testing"
	"time"
)

func TestConnectionsOfTheBrokerAndAListener(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewConnections()
	c.SetLimits(ConnectionLimits{Broker: 10, PerListener: map[string]int{"SLOW": 1}})
	for i := range 10 { // ten windows' worth may come at once
		if d := c.Listener("SLOW", false, now); d != 0 {
			t.Fatalf("connection %d of the listener is held for %v", i, d)
		}
	}
	if d := c.Listener("SLOW", true, now); d != maxHold {
		t.Errorf("beyond the listener's rate: %v, want at most a window", d)
	}
	for i := range 90 {
		if d := c.Listener("FAST", false, now); d != 0 {
			t.Fatalf("connection %d of the other is held for %v", i, d)
		}
	}
	if d := c.Listener("FAST", false, now); d <= 0 {
		t.Error("the broker's rate holds nobody back")
	}
	if d := c.Listener("BROKERS", true, now); d != 0 {
		t.Errorf("a protected listener is held for %v", d)
	}
	if d := c.Listener("FAST", false, now.Add(20*time.Second)); d != 0 {
		t.Errorf("after a time without connections: %v", d)
	}
}

func TestConnectionsOfAddresses(t *testing.T) {
	now := time.Unix(1000, 0)
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	c := NewConnections()
	if d := c.Address(a, now); d != 0 {
		t.Errorf("without a limit: %v", d)
	}
	c.SetAddresses(map[netip.Addr]float64{a: 1, {}: 2})
	count := func(ip netip.Addr) (n int) {
		for c.Address(ip, now) == 0 {
			n++
		}
		return n
	}
	if n := count(a); n != 10 {
		t.Errorf("%d connections at once from an address that may have one a second, want ten windows' worth", n)
	}
	if n := count(b); n != 20 {
		t.Errorf("%d connections at once from any other, want 20", n)
	}
	if d := c.Address(a, now.Add(time.Minute)); d != 0 {
		t.Errorf("refused ones count: %v after a minute", d)
	}
}
