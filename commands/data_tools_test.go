package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// argsOf runs a command with arguments of its own.
func argsOf(cmd *cobra.Command) func([]string) error {
	return func(args []string) error { return cmd.RunE(cmd, args) }
}

// TestDataToolsParse runs command lines up to the parsed options, or to what is said about them.
func TestDataToolsParse(t *testing.T) {
	var got string
	for _, c := range []struct{ line, want, stderr string }{
		{"verifiable-producer --topic t --broker-list h:1 --max-messages 5 --acks 1 --repeating-keys 3", "t 5 1 h:1 keys=3", ""},
		{"verifiable-producer --topic t", "t -1 -1 localhost:9092 keys=0", ""},
		{"verifiable-producer --bootstrap-server h:1", "", "argument --topic is required"},
		{"verifiable-producer --topic t --acks 7", "", "invalid  choice: '7' (choose"},
		{"verifiable-consumer --topic t --group-id g --group-protocol CONSUMER --verbose", "t g next=true verbose=true earliest", ""},
		{"verifiable-consumer --topic t --group-id g --reset-policy latest --session-timeout 6000", "t g next=false verbose=false latest", ""},
		{"verifiable-consumer --topic t --group-id g --session-timeout 10", "", "Heartbeat must be set lower than the session timeout"},
		{"verifiable-consumer --topic t --group-id g --group-protocol x", "", "must be one of CLASSIC, CONSUMER"},
		{"producer-perf-test --topic t --num-records 9 --throughput -1 --record-size 3 --command-property acks=1 linger.ms=7", "t 9 acks=1 linger=7 tx=0s", ""},
		{"producer-perf-test --topics t --messages 9 --throughput -1 --message-size 3 --broker-list h:1", "t 9 acks= linger= tx=0s", ""},
		{"producer-perf-test --topic t --num-records 9 --throughput 1 --payload-monotonic --transactional-id x", "t 9 acks= linger= tx=3s", ""},
		{"producer-perf-test --topic t --num-records 9 --throughput 1", "", "--record-size --\npayload-file --payload-monotonic is required"},
		{"producer-perf-test --topic t --num-records 0 --throughput 1 --record-size 3", "", "--num-records  should  be  greater  than\nzero."},
		{"producer-perf-test --topic t --num-records 9 --throughput 1 --record-size 3 --threads 2", "", "Option --threads was removed from Kafka: run several processes"},
		{"consumer-perf-test --topic t --num-records 9 --group g", "t 9 g 10s", ""},
		{"consumer-perf-test --broker-list h:1 --topic t --messages 9 --timeout 5 --new-consumer --num-fetch-threads 1 --group g", "t 9 g 5ms", ""},
		{"consumer-perf-test --topic t --num-records 9 --messages 9", "", "Exactly one of the following arguments is required: [messages], [num-records]"},
		{"consumer-perf-test --topic t --num-records 9 --zookeeper h:1", "", "Option --zookeeper was removed from Kafka: use --bootstrap-server HOST:PORT"},
		{"e2e-latency --topic t --num-records 9 --producer-acks all --record-size 3", "t 9 3 all", ""},
		{"e2e-latency h:1 t 9 1 3", "t 9 3 1", ""},
		{"e2e-latency h:1 t 9", "", "Invalid number of arguments. Expected 5 or 6 positional arguments, but got 3."},
		{"e2e-latency h:1 t 9 0 3", "", "Invalid value for --producer-acks."},
	} {
		got = ""
		streams, _, errOut := TestIO("")
		f := NewFactory(streams)
		f.Getenv = func(string) string { return "" }
		join := func(parts ...any) { got = strings.TrimSuffix(fmt.Sprintln(parts...), "\n") }
		words := strings.Fields(c.line)
		var run func(args []string) error
		switch words[0] {
		case "verifiable-producer":
			run = argsOf(newVerifiableProducerCmd(f, func(o *verifiableProducerOptions) error {
				join(o.Topic, o.MaxMessages, o.Props["acks"], o.Props["bootstrap.servers"], "keys="+strconv.Itoa(int(o.Keys)))
				return nil
			}))
		case "verifiable-consumer":
			run = argsOf(newVerifiableConsumerCmd(f, func(o *verifiableConsumerOptions) error {
				join(o.Topic, o.Props["group.id"], "next="+strconv.FormatBool(o.NextGen), "verbose="+strconv.FormatBool(o.Verbose), o.Props["auto.offset.reset"])
				return nil
			}))
		case "producer-perf-test":
			run = argsOf(newProducerPerfCmd(f, func(o *producerPerfOptions) error {
				join(o.Topic, o.Records, "acks="+o.Props["acks"], "linger="+o.Props["linger.ms"], "tx="+fmt.Sprint(o.Transaction))
				return nil
			}))
		case "consumer-perf-test":
			run = argsOf(newConsumerPerfCmd(f, func(o *consumerPerfOptions) error {
				join(o.Topic, o.Records, o.Props["group.id"], o.Timeout)
				return nil
			}))
		case "e2e-latency":
			run = argsOf(newE2ELatencyCmd(f, func(o *e2eLatencyOptions) error {
				join(o.Topic, o.Records, o.Size, o.Props["acks"])
				return nil
			}))
		}
		code := f.report(run(words[1:]))
		if got != c.want || !strings.Contains(errOut.String(), c.stderr) || (code == 0) != (c.stderr == "") {
			t.Errorf("%s:\n got %q, exit %d, stderr %s", c.line, got, code, errOut)
		}
	}
}

func TestJavaDates(t *testing.T) {
	at := time.Date(2026, 1, 5, 0, 7, 9, 45_000_000, time.UTC)
	for pattern, want := range map[string]string{
		"yyyy-MM-dd HH:mm:ss:SSS": "2026-01-05 00:07:09:045", "yy/M/d h 'o''clock' a": "26/1/5 12 o'clock AM", "EEEE, MMM D": "Monday, Jan 5", "kk Z": "24 +0000",
	} {
		if got, err := javaDate(pattern, at); err != nil || got != want {
			t.Errorf("%s: %q, %v", pattern, got, err)
		}
	}
	for _, pattern := range []string{"b", "'x"} {
		if got, err := javaDate(pattern, at); err == nil {
			t.Errorf("%s: %q", pattern, got)
		}
	}
}

func TestPerfTotals(t *testing.T) {
	streams, out, _ := TestIO("")
	s := newPerfStats(streams, 4, time.Second, false)
	now := time.Now()
	s.begin(now)
	for i, ms := range []int64{4, 1, 3, 2} {
		s.record(ms, 10, now.Add(time.Duration(i)*500*time.Millisecond))
	}
	if want := "3 records sent, 3.0 records/sec (0.00 MB/sec), 2.7 ms avg latency, 4.0 ms max latency.\n"; out.String() != want {
		t.Errorf("got %q", out)
	}
	out.Reset()
	s.printTotal()
	if _, rest, _ := strings.Cut(out.String(), "MB/sec), "); rest != "2.50 ms avg latency, 4.00 ms max latency, 3 ms 50th, 4 ms 95th, 4 ms 99th, 4 ms 99.9th.\n" {
		t.Errorf("got %q", out)
	}
}

func TestThrottleStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, rate := range []float64{0, 1e-3} {
		if err := (&throttle{perSecond: rate, start: time.Now()}).wait(ctx, 10); err == nil {
			t.Errorf("at %v records a second the tenth record did not wait", rate)
		}
	}
	if err := (&throttle{perSecond: -1}).wait(ctx, 10); err != nil {
		t.Error(err)
	}
}
