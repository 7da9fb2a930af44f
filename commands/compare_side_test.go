package commands

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// side is one way to run the table: whose tools, on whose broker.
type side struct {
	kgoTool, kgoBroker bool
	broker             testBroker
	tools              toolbox
	hasty              bool // differences are expected, or one was met: nothing waits long for them to go away
	closed             bool // the broker wants to know who one is
	fresh              bool // the answers are recorded: nobody knows what they should be
}

func (s *side) String() string {
	name := map[bool]string{false: "Apache Kafka", true: "kgo"}
	return name[s.kgoTool] + "'s tools on " + name[s.kgoBroker]
}

// testBroker is a broker of one node that a side has for itself.
type testBroker struct{ bootstrap, controller, data string }

// toolbox runs tools.
type toolbox interface {
	run(words []string, stdin string) (out, errOut string, code int)
	start(t *testing.T, name string, words []string) // in the background
	end(t *testing.T, name string)
}

// kgoTools are kgo's, run in this process.
type kgoTools struct {
	background map[string]func()
}

func newKgoTools() *kgoTools { return &kgoTools{background: make(map[string]func())} }

// runKgo runs a command line in this process.
func runKgo(words []string) (out, errOut string, code int) { return newKgoTools().run(words, "") }

func runTool(ctx context.Context, words []string, stdin string) (out, errOut string, code int) {
	streams, outBuf, errBuf := TestIO(stdin)
	f := NewFactory(streams)
	f.Getenv = func(name string) string { // nobody listens there, whatever else runs on this machine
		return map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}[name]
	}
	code = Run(ctx, f, append([]string{"kgo"}, words...))
	return outBuf.String(), errBuf.String(), code
}

func (*kgoTools) run(words []string, stdin string) (out, errOut string, code int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return runTool(ctx, words, stdin)
}

func (k *kgoTools) start(t *testing.T, name string, words []string) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { runTool(ctx, words, "") })
	k.background[name] = func() { cancel(); done.Wait() }
	t.Cleanup(k.background[name])
}

func (k *kgoTools) end(t *testing.T, name string) {
	t.Helper()
	if k.background[name] == nil {
		t.Fatalf("nothing runs in the background by the name of %s", name)
	}
	k.background[name]()
}

var nextPort atomic.Int32

// freePort finds a port that is free together with the one 1000 above it, where the controller listens.
func freePort(t *testing.T) int {
	t.Helper()
	for range 500 {
		port := 27100 + (os.Getpid()*7+int(nextPort.Add(1)))%800
		if free(port) && free(port+1000) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		l.Close()
	}
	return err == nil
}

// brokerFiles writes the server.properties and the formatted log directory of a broker; both brokers get the same.
func brokerFiles(t *testing.T, config []string) (b testBroker, properties string) {
	t.Helper()
	port := freePort(t)
	dir := t.TempDir()
	b = testBroker{bootstrap: fmt.Sprintf("127.0.0.1:%d", port), controller: fmt.Sprintf("127.0.0.1:%d", port+1000), data: filepath.Join(dir, "data")}
	if err := os.Mkdir(b.data, 0o755); err != nil {
		t.Fatal(err)
	}
	lines := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + b.controller,
		"listeners=PLAINTEXT://" + b.bootstrap + ",CONTROLLER://" + b.controller, "controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT", "log.dirs=" + filepath.ToSlash(b.data), "offsets.topic.replication.factor=1",
		"offsets.topic.num.partitions=5", "transaction.state.log.num.partitions=5", "share.coordinator.state.topic.num.partitions=5",
		"group.initial.rebalance.delay.ms=0", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"share.coordinator.state.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1",
		"super.users=User:ANONYMOUS", "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found=true",
	}
	properties = filepath.Join(dir, "server.properties")
	text := strings.NewReplacer("$B", b.bootstrap, "$C", b.controller).Replace(strings.Join(append(lines, config...), "\n") + "\n")
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, properties
}

// clusterID is the same for all sides, because tools print it.
const clusterID = "AAAAAAAAAAAAAAAAAAAAAA"

// startKgo starts kgo's broker in this process.
func startKgo(t *testing.T, config []string) testBroker {
	t.Helper()
	b, properties := brokerFiles(t, config)
	meta := "version=1\ncluster.id=" + clusterID + "\nnode.id=1\ndirectory.id=aaaaaaaaaaaaaaaaaaaaaQ\n"
	if err := os.WriteFile(filepath.Join(b.data, "meta.properties"), []byte(meta), 0o600); err != nil {
		t.Fatal(err)
	}
	streams, _, log := TestIO("")
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	ended := make(chan int, 1)
	address := filepath.Join(filepath.Dir(properties), "address")
	done.Go(func() {
		ended <- Run(ctx, NewFactory(streams), []string{"kgo", "server", properties, "--log-level", "WARN", "--address-file", address})
	})
	t.Cleanup(func() {
		stop()
		done.Wait()
		if t.Failed() && log.Len() > 0 {
			t.Logf("the broker's log:\n%s", bytes.TrimSpace(log.Bytes()))
		}
	})
	if !poll(time.Minute, 10*time.Millisecond, func() bool {
		select {
		case code := <-ended:
			t.Fatalf("the broker ended with %d:\n%s", code, log)
		default:
		}
		_, err := os.Stat(address)
		return err == nil
	}) {
		t.Fatal("the broker did not start")
	}
	return b
}

// readingLine matches command lines that change nothing and may be run again. (Apache Kafka's metadata shell answers now and then before it has
// read the whole file.)
var readingLine = regexp.MustCompile(` --?(list|describe)\b| describe\b|^get-offsets|^dump-log|^metadata-shell|^console-consumer .*--from-beginning --timeout-ms`)

// play runs the table's lines on a side, one after the other, and reports each answer.
func (s *side) play(t *testing.T, all *table, seen func(*comparison, answer)) {
	t.Helper()
	dir := t.TempDir()
	s.closed = slices.ContainsFunc(all.config, func(l string) bool { return strings.Contains(l, "SASL_") })
	fill := strings.NewReplacer("$B", s.broker.bootstrap, "$C", s.broker.controller, "$DIR", dir, "$DATA", s.broker.data)
	running := 0
	for _, c := range all.lines {
		stdin := s.prepare(t, c, dir, fill)
		for _, l := range c.head {
			running += map[string]int{"& ": 1, "- ": -1}[l[:2]]
		}
		if c.slow && !s.kgoTool {
			continue
		}
		words := splitWords(fill.Replace(c.line))
		answerNow := func() answer {
			out, errOut, code := s.tools.run(words, stdin)
			return s.normalise(c, out, errOut, dir, code)
		}
		began := time.Now()
		got, want := answerNow(), c.expected(s.kgoTool, s.kgoBroker)
		if took := time.Since(began); took > 10*time.Second {
			t.Logf("%s: $ %s took %v", s, c.line, took.Round(time.Second))
		}
		// Apache Kafka leaves a new connection without an answer now and then. Its own tools wait for ten seconds and make another one.
		const unheard = "it accepts the connection but does not answer in time"
		if !s.kgoBroker && strings.Contains(got.String(), unheard) && !strings.Contains(want.String(), unheard) {
			got = answerNow()
		}
		// A broker may learn of a change a moment after the controller has confirmed it, and a group needs a moment to form.
		readOnly := readingLine.MatchString(c.line)
		patience := 30 * time.Second
		if s.hasty {
			patience = 2 * time.Second
		}
		switch {
		case s.fresh && running > 0 && readOnly: // while something runs, the answer is the one that stays
			same := 0
			poll(time.Hour, 300*time.Millisecond, func() bool {
				again := answerNow()
				if same++; again.String() != got.String() {
					same = 0
				}
				got = again
				return same == 4
			})
		case !s.fresh && readOnly && got.String() != want.String():
			poll(patience, 20*time.Millisecond, func() bool { got = answerNow(); return got.String() == want.String() })
		}
		if readOnly && got.String() != want.String() {
			s.hasty = true // it is not the machine that is slow
		}
		s.awaitLeaders(t, c.line)
		seen(c, got)
	}
}

// prepare does what stands above a command, and returns its stdin.
func (s *side) prepare(t *testing.T, c *comparison, dir string, fill *strings.Replacer) (stdin string) {
	t.Helper()
	files := make(map[string]string)
	for _, l := range c.head {
		switch rest := fill.Replace(l[2:]); l[:2] {
		case "f|":
			name, text, _ := strings.Cut(rest, "|")
			files[name] += text + "\n"
		case "c|":
			name, path, _ := strings.Cut(rest, "|")
			copyFile(t, path, filepath.Join(dir, name))
		case "i|":
			stdin += rest + "\n"
		case "i>":
			stdin += rest
		case "! ":
			// A broker tells of a new topic a moment before it takes records for it.
			var out, errOut string
			var code int
			poll(time.Minute, 100*time.Millisecond, func() bool {
				out, errOut, code = s.tools.run(splitWords(rest), "")
				return code == 0 || !strings.Contains(out+errOut, "UnknownTopicOrPartition")
			})
			if code != 0 {
				t.Fatalf("%s: exit code %d\n%s%s", l, code, out, errOut)
			}
			s.awaitLeaders(t, rest)
		case "& ":
			name, line, _ := strings.Cut(rest, " ")
			s.tools.start(t, name, splitWords(line))
		case "- ":
			s.tools.end(t, rest)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return stdin
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// awaitLeaders waits, after a line that makes a topic, until the leaders of all partitions know that they lead: a producer that tries nothing again, as
// verifiable-producer does, would lose what it sends before.
func (s *side) awaitLeaders(t *testing.T, line string) {
	t.Helper()
	if s.closed || !strings.HasPrefix(line, "topics ") || !strings.Contains(line, "-create") {
		return
	}
	var errOut string
	if !poll(time.Minute, 50*time.Millisecond, func() bool {
		_, errOut, _ = runKgo([]string{"get-offsets", "--bootstrap-server", s.broker.bootstrap})
		return !strings.Contains(errOut, "Skip getting offsets") && !strings.Contains(errOut, "does not answer in time")
	}) {
		t.Logf("%s: after %s: %s", s, line, errOut) // a topic that is meant to have no leader
	}
}

func portOf(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}
