package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const clusterNodes = 3 // each broker and controller at once, as both systems run them on three machines

// cluster is three running nodes.
type cluster struct {
	nodes []*node
	stop  func()
}

// node is one process of a cluster. It can be ended and started again with the command line it was first started with.
type node struct {
	id      int32
	addr    string
	pid     int
	argv    []string
	log     string
	process *os.Process // of a node that this command started itself
}

func (k *kgoSystem) startCluster(ctx context.Context) (*cluster, error) {
	dir, err := os.MkdirTemp(k.dir, "kgo-cluster-")
	if err != nil {
		return nil, err
	}
	ports := make([]int, 2*clusterNodes)
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	var voters []string
	for i := range clusterNodes {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[clusterNodes+i]))
	}
	c := &cluster{}
	c.stop = func() {
		for _, n := range c.nodes {
			n.kill()
		}
		_ = os.RemoveAll(dir)
	}
	for i := range clusterNodes {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i]))
		argv := []string{k.bin, "server"}
		for _, kv := range []string{
			"process.roles=broker,controller", fmt.Sprintf("node.id=%d", i+1), "controller.quorum.voters=" + strings.Join(voters, ","),
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", addr, ports[clusterNodes+i]),
			"controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT", "log.dirs=" + filepath.Join(dir, strconv.Itoa(i+1)),
			"offsets.topic.replication.factor=3", "default.replication.factor=3", "group.initial.rebalance.delay.ms=0",
		} {
			argv = append(argv, "--override", kv)
		}
		n := &node{id: int32(i + 1), addr: addr, argv: argv, log: filepath.Join(dir, fmt.Sprintf("server-%d.log", i+1))}
		c.nodes = append(c.nodes, n)
		if err := n.launch(); err != nil {
			c.stop()
			return nil, err
		}
	}
	return c.await(ctx)
}

func (a *apacheSystem) startCluster(ctx context.Context) (*cluster, error) {
	port, err := freePort() // the launcher takes three in a row
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("bench-%d-%d", os.Getpid(), port)
	c := &cluster{}
	c.stop = func() {
		for i, n := range c.nodes {
			n.kill()
			_ = exec.Command(a.lab, "wipe", fmt.Sprintf("%s-%d", name, i+1)).Run()
		}
	}
	out, err := exec.CommandContext(ctx, a.lab, "start3", name, strconv.Itoa(port)).CombinedOutput()
	for i := range clusterNodes {
		raw, perr := exec.CommandContext(ctx, a.lab, "pid", fmt.Sprintf("%s-%d", name, i+1)).Output()
		pid, perr2 := strconv.Atoi(strings.TrimSpace(string(raw)))
		if err = errors.Join(err, perr, perr2); err != nil {
			c.stop()
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		n := &node{id: int32(i + 1), addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)), pid: pid, log: os.DevNull}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			c.stop()
			return nil, err
		}
		for arg := range bytes.SplitSeq(bytes.TrimRight(line, "\x00"), []byte{0}) {
			n.argv = append(n.argv, string(arg))
		}
		c.nodes = append(c.nodes, n)
	}
	return c.await(ctx)
}

// await returns when every node answers and knows the others.
func (c *cluster) await(ctx context.Context) (*cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, n := range c.nodes {
		for {
			if m, err := metadataOf(n.addr); err == nil && len(m.Brokers) == clusterNodes {
				break
			}
			if ctx.Err() != nil {
				c.stop()
				return nil, fmt.Errorf("node %d did not see all others within a minute", n.id)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return c, nil
}

func (n *node) launch() error {
	out, err := os.OpenFile(n.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the process has its own handle
	cmd := exec.Command(n.argv[0], n.argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	n.pid, n.process = cmd.Process.Pid, cmd.Process
	return nil
}

// signal sends a signal by its name, as kill(1) takes it, so that this builds where there are no such signals.
func (n *node) signal(name string) { _ = exec.Command("kill", "-"+name, strconv.Itoa(n.pid)).Run() }

func (n *node) kill() {
	n.signal("KILL")
	n.awaitEnd()
}

// terminate asks the node to stop, and returns when it has.
func (n *node) terminate() {
	n.signal("TERM")
	n.awaitEnd()
}

func (n *node) awaitEnd() {
	if n.process != nil {
		_, _ = n.process.Wait()
		return
	}
	for range 6000 {
		if len(statFields(n.pid)) == 0 || statFields(n.pid)[0] == "Z" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// server is the nodes seen as one for the processor time of a scenario.
func (c *cluster) server() *server {
	s := &server{addr: c.nodes[0].addr, pid: c.nodes[0].pid, stop: c.stop}
	for _, n := range c.nodes[1:] {
		s.others = append(s.others, n.pid)
	}
	return s
}

func (c *cluster) byID(id int32) *node { return c.nodes[id-1] }
