package brokertest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/invariants"
)

// builtDir is where the binary under test lies; made when the first test needs it.
var builtDir string

func TestMain(m *testing.M) {
	m.Run()
	if builtDir != "" {
		_ = os.RemoveAll(builtDir) // a folder of the system's temporary ones
	}
}

// binary builds kgo once, with the invariants' assertions if the test has them.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("KGO_FAULT_BINARY"); path != "" {
		return path, nil // built by hand, to look for a fault
	}
	dir, err := os.MkdirTemp("", "kgo-faults")
	if err != nil {
		return "", err
	}
	builtDir = dir
	path := filepath.Join(dir, "kgo")
	args := []string{"build", "-o", path}
	if invariants.Enabled {
		args = append(args, "-tags", "invariants")
	}
	out, err := exec.Command("go", append(args, "github.com/kgo-project/kgo/cmd/kgo")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// process is a node in a process of its own, which can be killed and started again at the same address on the same directories.
type process struct {
	t         testing.TB
	dirs      []string
	addr      string
	overrides []string

	cmd    *exec.Cmd
	output *lockedBuffer
	done   chan struct{} // closed when the process has ended
}

// startProcess starts a node on dirs, the first of which has the metadata log. The test's end kills it.
func startProcess(t testing.TB, dirs []string, overrides ...string) *process {
	t.Helper()
	p := &process{t: t, dirs: dirs, addr: freeAddr(t), overrides: overrides}
	t.Cleanup(p.kill)
	p.start()
	return p
}

// start starts the process and waits until it serves.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	if err := p.awaitServing(); err != nil {
		p.t.Fatal(err)
	}
}

// launch starts the process and does not wait.
func (p *process) launch() {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	args := []string{"server"}
	for _, o := range append([]string{
		"process.roles=broker,controller", "node.id=1", "listeners=PLAINTEXT://" + p.addr, "log.dirs=" + strings.Join(p.dirs, ","),
		"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=5",
	}, p.overrides...) {
		args = append(args, "--override", o)
	}
	p.cmd, p.output, p.done = exec.Command(path, args...), new(lockedBuffer), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(done)
	}(p.cmd, p.done)
}

// awaitServing waits until the node answers.
func (p *process) awaitServing() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		cl, err := kgo.NewClient(kgo.SeedBrokers(p.addr), kgo.DialTimeout(time.Second))
		if err != nil {
			return err
		}
		err = cl.Ping(ctx)
		cl.Close()
		// It answers before all partitions have their leader.
		if err == nil && strings.Contains(p.output.String(), "] started") {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the node ended: %v\n%s", p.cmd.ProcessState, p.output)
		case <-ctx.Done():
			return fmt.Errorf("the node does not serve: %w\n%s", err, p.output)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill is kill -9.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// terminate is a SIGTERM and the wait for the end, which must be a success.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.awaitEnd()
	if !p.cmd.ProcessState.Success() {
		p.t.Fatalf("after SIGTERM the node ended with %v\n%s", p.cmd.ProcessState, p.output)
	}
}

func (p *process) awaitEnd() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		p.t.Fatalf("the node does not end\n%s", p.output)
	}
}

// client returns a client of the node, closed when the test ends. It survives the node's restarts.
func (p *process) client(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(p.addr), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }), kgo.RequestRetries(1000),
		kgo.MetadataMinAge(10 * time.Millisecond), kgo.DialTimeout(time.Second), kgo.AlwaysRetryEOF(),
		kgo.UnknownTopicRetries(1000), // a broker may hear of a new topic after the client
	}, opts...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(cl.Close)
	return cl
}

// freeAddr finds a port that is free now, below those that the system gives to outgoing connections: a node that is restarted has to come back at the
// same one, and nobody may have taken it meanwhile.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = ln.Close()
		if _, given := givenAddrs.LoadOrStore(addr, true); !given {
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// givenAddrs are the addresses that freeAddr has given to tests, which may not have bound them yet.
var givenAddrs sync.Map

// lockedBuffer collects what a process prints while others look at it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
