package brokertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// parityConfig is how the nodes of these tests differ from what Start makes of them; a recorded Apache Kafka has the same lines.
var parityConfig = []string{"offsets.topic.num.partitions=1", "group.consumer.assignment.interval.ms=0"}

// apacheMin has the lowest versions of Apache Kafka 4.3 where they aren't 0; kgo also serves older ones, which are not compared.
var apacheMin = map[int16]int16{0: 3, 1: 4, 2: 1, 8: 2, 9: 1, 19: 2, 20: 1, 23: 2, 29: 1, 30: 1, 31: 1, 32: 1, 34: 1, 35: 1, 38: 1, 39: 1, 40: 1, 41: 1}

// apacheMaxOf is the highest version of Apache Kafka 4.3; package kmsg knows newer ones of a few requests.
func apacheMaxOf(req kmsg.Request) int16 {
	switch req.Key() {
	case 18:
		return 4
	case 42:
		return 2
	}
	return req.MaxVersion()
}

// TestAnswersAreApacheKafkas plays the scripts of testdata/parity: requests of the protocol, and what Apache Kafka 4.3.1 answers, word for word.
//
// A command is a request's name and v=, a version or a range, or * for all that Apache Kafka serves; below it are the fields that differ
// from their defaults, in YAML. Versions whose answers are alike share a line. conn=NAME sends it on a connection of that name, async
// leaves the answer for "wait conn=NAME". Ids, addresses and clocks are replaced by names: see parity_render_test.go.
// deviates="why" marks an answer that kgo gives otherwise on purpose.
//
// The expectations come from the real one: KGO_PARITY_PEER=host:port go test ./broker/brokertest -run TestAnswersAreApacheKafkas -rewrite
func TestAnswersAreApacheKafkas(t *testing.T) {
	files, err := filepath.Glob("testdata/parity/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { playParity(t, file, os.Getenv("KGO_PARITY_PEER")) })
	}
}

// playParity plays a script to the broker at addr, or to a node of ours if addr is empty.
func playParity(t *testing.T, file, addr string) {
	ours := addr == ""
	if ours {
		addr = brokertest.Start(t, parityConfig...).Addr
	}
	p := newPeer(t, addr)
	if !ours {
		p.wait = silence
	}
	p.reset()
	datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		p.t = t
		got := p.run(d)
		if d.HasArg("deviates") && ours {
			if got == d.Expected {
				t.Errorf("%s: kgo does not deviate any more", d.Pos)
			}
			return d.Expected
		}
		return got
	})
}

// run does one command of a script.
func (p *peer) run(d *datadriven.TestData) string {
	var conn, client string
	d.MaybeScanArgs(p.t, "conn", &conn)
	d.MaybeScanArgs(p.t, "client", &client)
	switch d.Cmd {
	case "topic": // topic name=a partitions=2 [config=(k=v)]: create it and wait until it is led
		return p.makeTopic(d)
	case "settle": // a changed configuration takes effect some time after the answer in Apache Kafka
		if p.wait == silence {
			<-time.After(time.Second)
		}
		return ""
	case "wait":
		return p.render(p.await(conn))
	case "close":
		p.close(conn)
		return ""
	}
	req := kmsg.RequestForKey(requestKey(p.t, d.Cmd))
	low, high := p.versions(d, req)
	var out []string
	var last string
	var from int16
	flush := func(to int16) {
		if last == "" {
			return
		}
		at := fmt.Sprintf("v%d", from)
		if to != from {
			at += fmt.Sprintf("-v%d", to)
		}
		out = append(out, at+" "+last)
	}
	for v := low; v <= high; v++ {
		req := p.build(d.Cmd, d.Input)
		req.SetVersion(v)
		p.start(conn, client, req)
		if d.HasArg("async") {
			return ""
		}
		got := p.render(p.await(conn))
		if got != last {
			flush(v - 1)
			last, from = got, v
		}
	}
	flush(high)
	return strings.Join(out, "\n")
}

// versions reads v=4, v=2-7 or v=*.
func (p *peer) versions(d *datadriven.TestData, req kmsg.Request) (low, high int16) {
	var spec string
	d.ScanArgs(p.t, "v", &spec)
	low, high = apacheMin[req.Key()], apacheMaxOf(req)
	if spec == "*" {
		return low, high
	}
	from, to, ranged := strings.Cut(spec, "-")
	low = parseVersion(p.t, from, low)
	if !ranged {
		return low, low
	}
	return low, parseVersion(p.t, to, high)
}

// parseVersion reads a version; "*" is the bound.
func parseVersion(t *testing.T, text string, bound int16) int16 {
	if text == "*" {
		return bound
	}
	v, err := strconv.ParseInt(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return int16(v)
}

func requestKey(t *testing.T, name string) int16 {
	for key := range int16(kmsg.MaxKey + 1) {
		if kmsg.NameForKey(key) == name {
			return key
		}
	}
	t.Fatalf("no request is called %q", name)
	return -1
}
