package quota

import (
	"testing"
	"time"
)

func TestParseThrottled(t *testing.T) {
	for value, want := range map[string]struct {
		all  bool
		mine []int32
	}{
		"":              {},
		"none":          {},
		"*":             {all: true},
		" * ":           {all: true},
		"0:1,1:2,2:1":   {mine: []int32{0, 2}},
		" 0:1 , 3:1 ":   {mine: []int32{0, 3}},
		"0:2":           {},
		"x:1,1:1,1,:1,": {mine: []int32{1}},
	} {
		got := ParseThrottled(value, 1)
		if got.All != want.all || len(got.Partitions) != len(want.mine) {
			t.Errorf("%q is %+v", value, got)
		}
		for _, p := range want.mine {
			if !got.Partitions[p] {
				t.Errorf("%q lacks partition %d", value, p)
			}
		}
	}
}

// A throttled partition may be copied at the rate that was set, others freely; without a rate, or without throttled replicas, nothing is held.
func TestReplicationRate(t *testing.T) {
	now := time.Unix(1000, 0)
	r := new(Replication)
	r.Throttle("t", ParseThrottled("0:1", 1))
	r.Record("t", 0, 1e9, now)
	if r.Holds("t", 0, now) {
		t.Error("held without a rate")
	}
	r.SetRate(1000)
	copied := 0
	end := now.Add(20 * time.Second)
	for ; now.Before(end); now = now.Add(10 * time.Millisecond) {
		if !r.Holds("t", 0, now) {
			r.Record("t", 0, 100, now)
			copied += 100
		}
		r.Record("t", 1, 5000, now)
		r.Record("u", 0, 5000, now)
	}
	if copied < 19_000 || copied > 21_000 {
		t.Errorf("%d bytes were copied in 20 s at 1000 a second", copied)
	}
	r.Record("t", 0, 50_000, now)
	if !r.Holds("t", 0, now) || r.Holds("t", 1, now) || r.Holds("u", 0, now) {
		t.Error("after a burst the throttled partition is held, and no other")
	}
	r.Throttle("t", ParseThrottled("", 1))
	if r.Holds("t", 0, now) {
		t.Error("held, and not throttled any more")
	}
	r.Throttle("t", ParseThrottled("*", 1))
	if !r.Holds("t", 7, now) {
		t.Error("* is every partition")
	}
	r.SetRate(NoLimit)
	if r.Holds("t", 7, now) {
		t.Error("held without a limit")
	}
	r.SetRate(0)
	r.Record("t", 7, 1, now)
	if !r.Holds("t", 7, now) {
		t.Error("a rate of 0 stops copying")
	}
	if (*Replication)(nil).Holds("t", 0, now) {
		t.Error("no quota holds nothing")
	}
}

// TestReplicationWindows: the rate is taken over the windows that were asked for. What was copied counts until they are over.
func TestReplicationWindows(t *testing.T) {
	start := time.Unix(1000, 0)
	for windows, want := range map[Windows]time.Duration{
		{}:                              11 * time.Second,
		{Num: 3, Size: 2 * time.Second}: 6 * time.Second,
		{Num: 30, Size: time.Second}:    30 * time.Second,
		{Num: 1, Size: 5 * time.Second}: 5 * time.Second,
	} {
		r := NewReplication(windows)
		r.SetRate(1000)
		r.ThrottleAll()
		r.Record("t", 0, 1e9, start)
		if !r.Holds("t", 0, start.Add(want-time.Millisecond)) || r.Holds("t", 0, start.Add(want)) {
			t.Errorf("%+v: a burst should count for %v", windows, want)
		}
	}
}
