package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A large cluster as the tools see it: many topics, partitions and groups on three nodes.
const (
	scaleTopics     = 10_000
	scalePartitions = 5 // of each topic
	scaleGroups     = 5_000
	scaleRuns       = 5 // of each command line; the best counts
)

// scaleCommands are the command lines that are timed, and how many lines each has to print at least when -scale is 1.
var scaleCommands = []struct {
	metric string
	lines  int
	tool   string
	args   []string
}{
	{"10,000 topics: topics --list", scaleTopics, "topics", []string{"--list"}},
	{"50,000 partitions: topics --describe", scaleTopics * (scalePartitions + 1), "topics", []string{"--describe"}},
	{"50,000 partitions: topics --describe --topic of one", scalePartitions + 1, "topics", []string{"--describe", "--topic", scaleTopic(7)}},
	{"50,000 partitions: get-offsets", scaleTopics * scalePartitions, "get-offsets", nil},
	{"50,000 partitions: log-dirs --describe", 1, "log-dirs", []string{"--describe"}},
	{"10,000 topics: configs --describe of all", scaleTopics, "configs", []string{"--describe", "--entity-type", "topics"}},
	{"5,000 groups: consumer-groups --list", scaleGroups, "consumer-groups", []string{"--list"}},
	{"5,000 groups: consumer-groups --list --state", scaleGroups, "consumer-groups", []string{"--list", "--state"}},
	{"5,000 groups: groups --list", scaleGroups, "groups", []string{"--list"}},
	{"5,000 groups: consumer-groups --describe --all-groups", scaleGroups * 2, "consumer-groups", []string{"--describe", "--all-groups"}},
	{"5,000 groups: consumer-groups --describe --all-groups --state", scaleGroups, "consumer-groups", []string{"--describe", "--all-groups", "--state"}},
}

func scaleTopic(i int) string { return fmt.Sprintf("events.region-%05d", i) }

// runToolsRound fills one system's cluster with topics and groups and times the tools on it. It runs only when it is asked for by name: filling
// Apache Kafka takes minutes.
func runToolsRound(ctx context.Context, o options, sys system, round int, wanted map[string]bool, rep *report) error {
	if !wanted["tools"] {
		return nil
	}
	c, err := sys.startCluster(ctx) // one node would need more open files than many machines allow
	if err != nil {
		return fmt.Errorf("start a cluster: %w", err)
	}
	defer c.stop()
	return runScenarios(ctx, []scenario{{"tools", toolsAtScale}}, &bench{o: o, srv: c.server(), sys: sys, rep: rep}, round, wanted)
}

func toolsAtScale(ctx context.Context, b *bench) error {
	if err := b.populate(ctx); err != nil {
		return err
	}
	if err := waitIdle(ctx, b.srv); err != nil {
		return err
	}
	b.add("resident memory of one of three brokers with 10,000 topics, 50,000 partitions, 5,000 groups", "MB", b.srv.residentMB())
	for _, c := range scaleCommands {
		var best usage
		var brokerCPU time.Duration
		for range scaleRuns {
			m := b.srv.begin()
			u, err := measured(b.sys.tool(c.tool, append([]string{"--bootstrap-server", b.srv.addr}, c.args...)...))
			if err != nil {
				return err
			}
			if want := int(float64(c.lines) * min(1, b.o.scale)); u.lines < want && c.tool != "log-dirs" {
				return fmt.Errorf("%s: %d lines, want %d", c.metric, u.lines, want)
			}
			_, cpu := m.end()
			if best.wall == 0 || u.wall < best.wall {
				best.wall = u.wall
			}
			if best.cpu == 0 || u.cpu < best.cpu {
				best.cpu = u.cpu
			}
			if brokerCPU == 0 || cpu < brokerCPU {
				brokerCPU = cpu
			}
			best.residentMB = max(best.residentMB, u.residentMB)
		}
		b.add(c.metric, "ms", float64(best.wall.Microseconds())/1e3)
		b.add(c.metric+": the tool's CPU", "ms", float64(best.cpu.Microseconds())/1e3)
		b.add(c.metric+": broker CPU", "ms", float64(brokerCPU.Microseconds())/1e3)
		b.add(c.metric+": the tool's memory", "MB", best.residentMB)
	}
	return nil
}

// populate makes the topics, and the groups with two committed offsets each.
func (b *bench) populate(ctx context.Context) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.srv.addr), kgo.RequestTimeoutOverhead(time.Minute))
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	admin.SetTimeoutMillis(60_000)
	topics := b.scaled(scaleTopics)
	const together = 250
	began := time.Now()
	for from := 0; from < topics; from += together {
		var names []string
		for i := from; i < min(topics, from+together); i++ {
			names = append(names, scaleTopic(i))
		}
		made, err := admin.CreateTopics(ctx, scalePartitions, 1, nil, names...)
		if err == nil {
			err = made.Error()
		}
		if err != nil {
			return fmt.Errorf("create topics from %d: %w", from, err)
		}
	}
	b.add("create 10,000 topics of 5 partitions", "s", time.Since(began).Seconds())
	for i := range b.scaled(scaleGroups) {
		var at kadm.Offsets
		topic := scaleTopic(i % topics)
		at.AddOffset(topic, 0, 0, -1)
		at.AddOffset(topic, 1, 0, -1)
		if err := commit(ctx, admin, fmt.Sprintf("reader-%05d", i), at); err != nil {
			return fmt.Errorf("commit for group %d: %w", i, err)
		}
	}
	return nil
}

// commit retries for two minutes: the first commit of all has the cluster make the topic for them.
func commit(ctx context.Context, admin *kadm.Client, group string, at kadm.Offsets) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		err := admin.CommitAllOffsets(ctx, group, at)
		if err == nil || !kerr.IsRetriable(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// usage is what one run of a command took.
type usage struct {
	wall, cpu  time.Duration
	residentMB float64
	lines      int
}

// measured runs a command and says what it took; its output is read, as a pipe would.
func measured(cmd *exec.Cmd) (usage, error) {
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w: %s", cmd, err, errOut.String())
	}
	return usage{
		wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		residentMB: peakResidentMB(cmd.ProcessState), lines: bytes.Count(out.Bytes(), []byte{'\n'}),
	}, nil
}
