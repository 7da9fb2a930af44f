package replica

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/kgo-project/kgo/broker/ident"
)

// machineScript drives one machine from a file of testdata: each directive is an event, its output the effects and the state.
//
//	new self=1 lag-max=10s min-isr=2
//	lead epoch=1 partition-epoch=1 replicas=(1,2,3) isr=(1,2,3) start=0 end=5
//	follow epoch=2 partition-epoch=2 leader=2 replicas=(1,2,3) isr=(2,3)
//	append end=10
//	fetch from=2 offset=10 [start=0] [broker-epoch=7]
//	learn hw=7            a follower hears of the leader's high watermark
//	truncate start=0 end=5
//	tick                  look for followers that fell behind
//	answer outcome=committed|rejected|obsolete|retry [isr=(1,2) partition-epoch=3]
//	after 5s              time passes
//	fence / unfence broker=2
//	acked offset=7        is acks=all fulfilled for records below 7?
//	low-watermark
type machineScript struct {
	m      *machine
	now    time.Time
	fenced map[ident.BrokerID]bool
	last   *isrProposal // the one under way
}

func TestMachine(t *testing.T) {
	datadriven.Walk(t, "testdata/machine", func(t *testing.T, path string) {
		s := &machineScript{now: time.Unix(1_000_000, 0), fenced: make(map[ident.BrokerID]bool)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

func (s *machineScript) brokers(id ident.BrokerID, _ int64) bool { return !s.fenced[id] }

func (s *machineScript) run(t *testing.T, d *datadriven.TestData) string {
	before := int64(-1)
	epoch := int32(-1)
	if s.m != nil {
		before, epoch = s.m.highWatermark, s.m.leaderEpoch
	}
	out := s.event(t, d)
	if d.Cmd == "acked" || d.Cmd == "low-watermark" {
		return out
	}
	if s.m.leaderEpoch == epoch && s.m.highWatermark < before && d.Cmd != "truncate" && d.Cmd != "new" {
		t.Fatalf("%s: MonotonicHighWatermark broken: %d after %d", d.Pos, s.m.highWatermark, before)
	}
	checkMachine(t, s.m)
	return out + s.state()
}

func (s *machineScript) event(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "new":
		lagMax, err := time.ParseDuration(scan(t, d, "lag-max", "10s"))
		if err != nil {
			t.Fatal(err)
		}
		s.m = newMachine(ident.BrokerID(number(t, d, "self", 1)), lagMax, int(number(t, d, "min-isr", 1)))
		return ""
	case "lead":
		return s.effects(s.m.lead(s.assignment(t, d, s.m.self), number(t, d, "start", s.m.logStartOffset), number(t, d, "end", s.m.logEndOffset), s.brokers, s.now))
	case "follow":
		return s.effects(s.m.follow(s.assignment(t, d, ident.BrokerID(number(t, d, "leader", -1)))))
	case "stop":
		return s.effects(s.m.stop())
	case "append":
		return s.effects(s.m.appended(number(t, d, "end", 0), s.brokers, s.now))
	case "log-start":
		return s.effects(s.m.logStartMoved(number(t, d, "offset", 0)))
	case "fetch":
		fx, ok := s.m.fetched(ident.BrokerID(number(t, d, "from", 0)), number(t, d, "offset", 0), number(t, d, "start", 0), number(t, d, "broker-epoch", -1), s.brokers, s.now)
		if !ok {
			return "not a follower\n"
		}
		return s.effects(fx)
	case "learn":
		return s.effects(s.m.learnHighWatermark(number(t, d, "hw", 0)))
	case "truncate":
		s.m.truncated(number(t, d, "start", 0), number(t, d, "end", 0))
		return ""
	case "tick":
		return s.effects(s.m.tick(s.now))
	case "answer":
		return s.answer(t, d)
	case "after":
		step, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(step)
		return ""
	case "fence", "unfence":
		s.fenced[ident.BrokerID(number(t, d, "broker", 0))] = d.Cmd == "fence"
		return ""
	case "acked":
		done, enough := s.m.acknowledged(number(t, d, "offset", 0))
		return fmt.Sprintf("done=%t enough=%t\n", done, enough)
	case "low-watermark":
		return fmt.Sprintf("%d\n", s.m.lowWatermark(s.brokers))
	}
	t.Fatalf("%s: unknown directive %q", d.Pos, d.Cmd)
	return ""
}

func (s *machineScript) answer(t *testing.T, d *datadriven.TestData) string {
	outcome := map[string]isrOutcome{"committed": isrCommitted, "rejected": isrRejected, "obsolete": isrObsolete, "retry": isrRetry}[scan(t, d, "outcome", "")]
	isr := s.last.isr
	if d.HasArg("isr") {
		isr = brokers(t, d, "isr")
	}
	return s.effects(s.m.proposalEnded(s.last, outcome, isr, int32(number(t, d, "partition-epoch", int64(s.m.partitionEpoch)+1)), s.brokers, s.now))
}

func (s *machineScript) assignment(t *testing.T, d *datadriven.TestData, leader ident.BrokerID) assignment {
	return assignment{
		leader: leader, leaderEpoch: int32(number(t, d, "epoch", 0)), partitionEpoch: int32(number(t, d, "partition-epoch", 0)),
		replicas: brokers(t, d, "replicas"), isr: brokers(t, d, "isr"),
	}
}

// effects prints what an event asks for.
func (s *machineScript) effects(fx effects) string {
	var b strings.Builder
	for _, e := range []struct {
		on   bool
		name string
	}{
		{fx.elected, "elected"},
		{fx.resigned, "resigned"},
		{fx.logEndAdvanced, "log end advanced"},
		{fx.highWatermarkAdvanced, "high watermark advanced"},
		{fx.lowWatermarkAdvanced, "low watermark advanced"},
	} {
		if e.on {
			fmt.Fprintf(&b, "- %s\n", e.name)
		}
	}
	if p := fx.proposal; p != nil {
		s.last = p
		fmt.Fprintf(&b, "- propose %s to %v (epochs %v), leader epoch %d, partition epoch %d\n", p.change, p.isr, p.brokerEpochs, p.leaderEpoch, p.partitionEpoch)
	}
	return b.String()
}

// state prints the machine in one line, and one for each follower.
func (s *machineScript) state() string {
	m := s.m
	var b strings.Builder
	fmt.Fprintf(&b, "%s epoch=%d/%d isr=%v log=[%d,%d) hw=%d", m.role, m.leaderEpoch, m.partitionEpoch, m.isr, m.logStartOffset, m.logEndOffset, m.highWatermark)
	if m.role == roleFollower {
		fmt.Fprintf(&b, " leader=%d", m.leader)
	}
	if m.pending != nil {
		fmt.Fprintf(&b, " pending=%v", m.pending.isr)
	}
	if m.role == roleLeader && m.underMinIsr() {
		b.WriteString(" under-min-isr")
	}
	for _, f := range m.remotes {
		behind := "never caught up"
		if !f.lastCaughtUp.IsZero() {
			behind = "caught up " + s.now.Sub(f.lastCaughtUp).String() + " ago"
		}
		fmt.Fprintf(&b, "\n  %d: log=[%d,%d) %s", f.id, f.logStartOffset, f.logEndOffset, behind)
	}
	return b.String() + "\n"
}

// checkMachine asserts the machine's named invariants.
func checkMachine(t *testing.T, m *machine) {
	t.Helper()
	if m.highWatermark > m.logEndOffset {
		t.Fatalf("high watermark %d beyond log end %d", m.highWatermark, m.logEndOffset)
	}
	if m.role != roleLeader {
		return
	}
	if !slices.Contains(m.isr, m.self) {
		t.Fatalf("LeaderInIsr broken: %d not in %v", m.self, m.isr)
	}
	for _, f := range m.remotes {
		if m.inMaximalIsr(f.id) && f.logEndOffset >= 0 && f.logEndOffset < m.highWatermark && f.lastFetch.After(time.Unix(0, 0)) {
			t.Fatalf("HighWatermarkInIsr broken: %d has %d, the high watermark is %d", f.id, f.logEndOffset, m.highWatermark)
		}
	}
}

func scan(t *testing.T, d *datadriven.TestData, key, fallback string) string {
	if d.HasArg(key) {
		d.ScanArgs(t, key, &fallback)
	}
	return fallback
}

func number(t *testing.T, d *datadriven.TestData, key string, fallback int64) int64 {
	n, err := strconv.ParseInt(scan(t, d, key, strconv.FormatInt(fallback, 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func brokers(t *testing.T, d *datadriven.TestData, key string) (ids []ident.BrokerID) {
	for _, a := range d.CmdArgs {
		if a.Key != key {
			continue
		}
		for _, v := range a.Vals {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, ident.BrokerID(n))
		}
	}
	return ids
}
