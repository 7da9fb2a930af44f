package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	connectLines     = 500_000 // of 99 characters
	connectConverter = "org.apache.kafka.connect.storage.StringConverter"
	connectHeap      = "LAB_JVM=-server -Xms256M -Xmx2G -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent"
)

// runConnectRound measures one system's Connect worker. Both workers get the same properties files and a broker of the same kind, kgo's
// where it is measured at all, because that one leaves them more of the processors.
func runConnectRound(ctx context.Context, o options, sys system, round int, wanted map[string]bool, rep *report) error {
	if !anyWanted(connectScenarios, wanted) {
		return nil
	}
	var broker system = &apacheSystem{lab: o.lab, dir: o.dataDir}
	if o.kgo != "" {
		broker = &kgoSystem{bin: o.kgo, dir: o.dataDir}
	}
	srv, err := broker.start(ctx)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer srv.stop()
	if err := waitIdle(ctx, srv); err != nil {
		return err
	}
	return runScenarios(ctx, connectScenarios, &bench{o: o, srv: srv, sys: sys, rep: rep}, round, wanted)
}

var connectScenarios = []scenario{
	{"connect-first-line", connectFirstLine},
	{"connect-lines", connectCopies},
}

// connectFirstLine times a worker from its command to the moment in which a file's line has gone through a source, a topic and a sink.
func connectFirstLine(ctx context.Context, b *bench) error {
	w, err := b.connectWorker()
	if err != nil {
		return err
	}
	out := w.path("out.txt")
	if err := errors.Join(w.write("in.txt", "the first line\n"), w.source("connect-first"), w.sink("connect-first")); err != nil {
		return err
	}
	took, err := w.run(ctx, "", 1, func() (int, error) { return min(1, int(fileSize(out))), nil })
	if err != nil {
		return err
	}
	b.add("Connect: first line from file to file, from the command", "ms", float64(took.Microseconds())/1e3)
	return os.RemoveAll(w.dir)
}

// connectCopies has a FileStreamSource copy a file into a topic of one partition, and then a FileStreamSink copy that into a file.
func connectCopies(ctx context.Context, b *bench) error {
	const topic = "connect-lines"
	source, err := b.connectWorker()
	if err != nil {
		return err
	}
	in, lines := source.path("in.txt"), b.scaled(connectLines)
	if err := errors.Join(writeLines(in, lines), source.source(topic), createTopic(ctx, b.srv.addr, topic, 1)); err != nil {
		return err
	}
	c, err := dialRawContext(ctx, b.srv.addr)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := source.run(ctx, "Connect: file to topic", lines, func() (int, error) { return logEnd(c, topic) }); err != nil {
		return err
	}
	sink, err := b.connectWorker()
	if err != nil {
		return err
	}
	if err := sink.sink(topic); err != nil {
		return err
	}
	out, line := sink.path("out.txt"), fileSize(in)/int64(lines)
	if _, err := sink.run(ctx, "Connect: topic to file", lines, func() (int, error) { return int(fileSize(out) / line), nil }); err != nil {
		return err
	}
	return errors.Join(sameFile(in, out), os.RemoveAll(source.dir), os.RemoveAll(sink.dir))
}

// connectWorker is a Connect worker to be started in a folder of its own.
type connectWorker struct {
	b     *bench
	dir   string
	files []string
}

// connectWorker writes a worker's properties.
func (b *bench) connectWorker() (*connectWorker, error) {
	dir, err := os.MkdirTemp(b.o.dataDir, "connect-")
	if err != nil {
		return nil, err
	}
	w := &connectWorker{b: b, dir: dir}
	return w, w.properties("worker.properties", "bootstrap.servers="+b.srv.addr, "key.converter="+connectConverter, "value.converter="+connectConverter,
		"offset.storage.file.filename="+w.path("offsets"), "offset.flush.interval.ms=10000", "listeners=http://127.0.0.1:0")
}

func (w *connectWorker) path(name string) string { return filepath.Join(w.dir, name) }

func (w *connectWorker) write(name, text string) error {
	return os.WriteFile(w.path(name), []byte(text), 0o600)
}

// properties writes a file that the worker is started with.
func (w *connectWorker) properties(name string, lines ...string) error {
	w.files = append(w.files, w.path(name))
	var text bytes.Buffer
	for _, line := range lines {
		fmt.Fprintln(&text, line)
	}
	return w.write(name, text.String())
}

func (w *connectWorker) source(topic string) error {
	return w.properties("source.properties", "name=source", "connector.class=FileStreamSource", "tasks.max=1", "file="+w.path("in.txt"), "topic="+topic)
}

func (w *connectWorker) sink(topic string) error {
	name := filepath.Base(w.dir) // names the group as well, which has to begin at the beginning
	return w.properties("sink.properties", "name="+name, "connector.class=FileStreamSink", "tasks.max=1", "file="+w.path("out.txt"), "topics="+topic)
}

// run starts the worker, watches how many lines are through until all are, and adds what that showed. The rate counts from the first
// lines that were seen, so that what starting the worker takes is left out; took is the time since the command.
func (w *connectWorker) run(ctx context.Context, metric string, lines int, through func() (int, error)) (took time.Duration, err error) {
	cmd := w.b.sys.tool("connect-standalone", w.files...)
	cmd.Env = append(cmd.Environ(), connectHeap)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", w.b.sys.name(), err, &log)
		}
	}()
	first, seen := 0, time.Time{}
	for deadline := began.Add(5 * time.Minute); ctx.Err() == nil && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		n, err := through()
		if err != nil {
			return 0, err
		}
		now := time.Now()
		if n > 0 && first == 0 {
			first, seen = n, now
		}
		if n < lines {
			continue
		}
		if metric != "" {
			p := &server{pid: cmd.Process.Pid}
			w.b.add(metric, "lines/s", float64(lines-first)/now.Sub(seen).Seconds())
			w.b.add(metric+": worker CPU, its start included", "s/million lines", p.cpu().Seconds()/float64(lines)*1e6)
			w.b.add(metric+": worker's memory at its most", "MB", p.statusMB("VmHWM:"))
		}
		return now.Sub(began), nil
	}
	return 0, errors.Join(ctx.Err(), errors.New("not all lines are through in 5 minutes"))
}

// logEnd is how many records the topic's only partition has.
func logEnd(c *rawConn, topic string) (int, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version, req.ReplicaID = 4, -1
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	t.Topic, p.Timestamp, p.CurrentLeaderEpoch = topic, -1, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := c.request(req)
	if err != nil {
		return 0, err
	}
	end := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	return int(end.Offset), kerr.ErrorForCode(end.ErrorCode)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
