package quota

import (
	"math"
	"testing"
	"time"
)

func limit(user, id string, values map[string]float64) Limit {
	l := Limit{Values: values}
	for _, p := range []struct {
		to   **string
		from string
	}{{&l.Entity.User, user}, {&l.Entity.ClientID, id}} {
		switch p.from {
		case "-":
		case "*":
			*p.to = new("")
		default:
			*p.to = new(p.from)
		}
	}
	return l
}

// The most particular limit counts.
func TestWhichLimitHolds(t *testing.T) {
	m := NewManager()
	var all []Limit
	for i, e := range [][2]string{{"-", "*"}, {"-", "id"}, {"*", "-"}, {"*", "*"}, {"*", "id"}, {"u", "-"}, {"u", "*"}, {"u", "id"}} {
		all = append(all, limit(e[0], e[1], map[string]float64{"producer_byte_rate": float64(i + 1)}))
		m.Set(all)
		if rate, _, ok := m.find(Produce, Client{"u", "id"}); !ok || rate != float64(i+1) {
			t.Errorf("with a limit for %v: %v, %v", e, rate, ok)
		}
	}
	m.Set(all[:2])
	if _, shared, _ := m.find(Produce, Client{"u", "id"}); shared != (Client{ID: "id"}) {
		t.Errorf("a client id's rate is shared by %+v", shared)
	}
	if _, _, ok := m.find(Fetch, Client{"u", "id"}); ok {
		t.Error("a limit for producers holds for consumers")
	}
	m.Set(nil)
	if d := m.Record(Produce, Client{"u", "id"}, 1<<40, time.Now()); d != 0 {
		t.Errorf("without limits a client has to wait %v", d)
	}
}

// A client that sends as fast as it may and waits as it is told ends up at its rate.
func TestThrottledClientComesToItsRate(t *testing.T) {
	m := NewManager()
	m.Set([]Limit{limit("-", "c", map[string]float64{"producer_byte_rate": 1000})})
	now, sent := time.Unix(1_000_000, 0), 0
	begin := now
	for now.Sub(begin) < 5*time.Minute {
		sent += 500
		now = now.Add(m.Record(Produce, Client{"u", "c"}, 500, now) + time.Millisecond)
	}
	if rate := float64(sent) / now.Sub(begin).Seconds(); math.Abs(rate-1000) > 100 {
		t.Errorf("%.0f bytes a second, not 1000", rate)
	}
}

// Apache Kafka's arithmetic: 20,000 bytes at once against 1,000 a second are a rate of 2,000 over ten seconds, which takes ten more to fall.
func TestWaitIsKafkas(t *testing.T) {
	m := NewManager()
	m.Set([]Limit{limit("u", "-", map[string]float64{"consumer_byte_rate": 1000})})
	now := time.Unix(1_000_000, 0)
	if d := m.Record(Fetch, Client{"u", "a"}, 10_000, now); d != 0 {
		t.Errorf("a window's worth at once: wait %v", d)
	}
	if d := m.Record(Fetch, Client{"u", "b"}, 10_000, now); d != 10*time.Second {
		t.Errorf("twice as much, by another client of the user: wait %v", d)
	}
	m.TakeBack(Fetch, Client{"u", "b"}, 10_000, now)
	if d := m.Record(Fetch, Client{"u", "b"}, 0, now); d != 0 {
		t.Errorf("after it was taken back: wait %v", d)
	}
	if n := m.MostAtOnce(Fetch, Client{"u", "b"}); n != 10_000 {
		t.Errorf("%d bytes at once", n)
	}
}

func TestTokens(t *testing.T) {
	m := NewManager()
	m.Set([]Limit{limit("u", "-", map[string]float64{"controller_mutation_rate": 2})})
	now, c := time.Unix(1_000_000, 0), Client{User: "u"}
	if wait, ok := m.Spend(ControllerMutation, c, 30, true, now); !ok || wait != 4*time.Second {
		t.Errorf("30 of 22 tokens: %v, wait %v", ok, wait) // the bucket may go below zero once
	}
	if wait, ok := m.Spend(ControllerMutation, c, 1, true, now); ok || wait != 4*time.Second {
		t.Errorf("strict, below zero: %v, wait %v", ok, wait)
	}
	if _, ok := m.Spend(ControllerMutation, c, 2, false, now); !ok {
		t.Error("not strict, below zero: refused")
	}
	if wait, ok := m.Spend(ControllerMutation, c, 1, true, now.Add(5*time.Second)); !ok || wait != 500*time.Millisecond {
		t.Errorf("five seconds later: %v, wait %v", ok, wait)
	}
}

func TestRequestTime(t *testing.T) {
	m, now, c := NewManager(), time.Unix(1000, 0), Client{ID: "busy"}
	if d := m.RecordTime(c, time.Hour, now); d != 0 || m.LimitsTime() {
		t.Errorf("without a limit: %v", d)
	}
	m.Set([]Limit{{Entity: Entity{ClientID: new("busy")}, Values: map[string]float64{"request_percentage": 50}}})
	if !m.LimitsTime() {
		t.Error("a limit that nobody knows of")
	}
	if d := m.RecordTime(c, 5*time.Second, now); d != 0 { // half of the ten windows that count at least
		t.Errorf("as much as is allowed: %v", d)
	}
	if d := m.RecordTime(c, time.Second/10, now); d <= 0 || d > window {
		t.Errorf("a tenth of a second more: %v", d)
	}
	if d := m.RecordTime(c, time.Hour, now); d != window {
		t.Errorf("an hour more: %v, want a window at most", d)
	}
	if d := m.RecordTime(Client{ID: "other"}, time.Hour, now); d != 0 {
		t.Errorf("another client: %v", d)
	}
}
