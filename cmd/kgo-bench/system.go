package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A system is one of the two brokers under test.
type system interface {
	name() string
	start(context.Context) (*server, error)
	startCluster(context.Context) (*cluster, error)
	// tool is the command line of one of the system's own tools, "topics" or "console-producer".
	tool(name string, args ...string) *exec.Cmd
}

// server is a running broker.
type server struct {
	addr    string
	pid     int
	others  []int         // the process ids of a cluster's other nodes
	startup time.Duration // from starting the process to its first answer to ApiVersions
	stop    func()
}

type kgoSystem struct{ bin, dir string }

func (*kgoSystem) name() string { return "kgo" }

func (k *kgoSystem) tool(name string, args ...string) *exec.Cmd {
	return exec.Command(k.bin, append([]string{name}, args...)...)
}

func (k *kgoSystem) start(ctx context.Context) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(k.dir, "kgo-")
	if err != nil {
		return nil, err
	}
	logFile, err := os.Create(filepath.Join(data, "server.log"))
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cmd := exec.CommandContext(ctx, k.bin, "server", "--override", "listeners=PLAINTEXT://"+addr, "--override", "log.dirs="+filepath.Join(data, "logs"),
		"--override", "group.initial.rebalance.delay.ms=0")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{addr: addr, pid: cmd.Process.Pid, stop: func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = logFile.Close()
		_ = os.RemoveAll(data)
	}}
	return s.await(began)
}

type apacheSystem struct{ lab, dir string }

func (*apacheSystem) name() string { return "Apache Kafka" }

func (a *apacheSystem) tool(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(a.lab, append([]string{name}, args...)...)
	cmd.Env = append(os.Environ(), "LAB_JVM=-Xmx512m -XX:+UseG1GC") // what the distribution's own scripts run with
	return cmd
}

func (a *apacheSystem) start(ctx context.Context) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("bench-%d-%d", os.Getpid(), port)
	// The launcher formats the storage and starts the broker; the broker's own age when it first answers is its start-up.
	out, err := exec.CommandContext(ctx, a.lab, "start", name, strconv.Itoa(port)).CombinedOutput()
	wipe := func() { _ = exec.Command(a.lab, "wipe", name).Run() }
	if err != nil {
		wipe()
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	raw, err := exec.CommandContext(ctx, a.lab, "pid", name).Output()
	if err != nil {
		wipe()
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		wipe()
		return nil, err
	}
	s := &server{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), pid: pid, stop: wipe}
	began, err := processStart(pid)
	if err != nil {
		wipe()
		return nil, err
	}
	return s.await(began)
}

// await waits for the first answer and notes how long it took.
func (s *server) await(began time.Time) (*server, error) {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c, err := dialRaw(s.addr)
		if err != nil {
			continue
		}
		err = c.apiVersions()
		c.close()
		if err == nil {
			s.startup = time.Since(began)
			return s, nil
		}
	}
	s.stop()
	return nil, errors.New("no answer within 60 s")
}

// freePort finds a port that nobody listens at, below those that systems give to clients: one of ours could get it before the server does.
func freePort() (int, error) {
	var err error
	for range 1000 {
		port := 12_000 + rand.IntN(19_000) // Apache Kafka's controllers take the port 1,000 above
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
