// Command kgo-bench measures kgo beside Apache Kafka: one client, one run, the two systems by turns, and writes docs/performance.md.
//
// The client speaks the protocol itself with requests built before the clock starts, so that what is measured is the broker. A figure
// is the median of the rounds. The broker's processor time is read from /proc (Linux); memory is its resident set.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

type options struct {
	kgo     string
	lab     string
	out     string
	only    string
	rounds  int
	scale   float64
	dataDir string
	note    string
}

func main() {
	var o options
	flag.StringVar(&o.kgo, "kgo", "bin/kgo", "the kgo binary to measure; empty measures Apache Kafka alone")
	flag.StringVar(&o.lab, "lab", os.Getenv("KAFKA_LAB_CMD"), "a launcher of Apache Kafka (start NAME PORT, pid NAME, wipe NAME, and its tools by name); empty measures kgo alone")
	flag.StringVar(&o.out, "o", "", "write the report to this file as well as to standard output")
	flag.StringVar(&o.only, "only", "", "comma-separated names of the scenarios to run (default: all)")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; each runs every scenario on both systems, the order of the systems changing")
	flag.Float64Var(&o.scale, "scale", 1, "how much work per scenario: 0.1 is a quick look")
	flag.StringVar(&o.dataDir, "data", "", "folder for both systems' data (default: a temporary one)")
	flag.StringVar(&o.note, "note", "", "a sentence for the head of the report")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kgo-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dataDir == "" {
		dir, err := os.MkdirTemp("", "kgo-bench-")
		if err != nil {
			return err
		}
		defer func() {
			if err := os.RemoveAll(dir); err != nil {
				fmt.Fprintln(os.Stderr, "kgo-bench:", err)
			}
		}()
		o.dataDir = dir
	}
	var systems []system
	if o.kgo != "" {
		systems = append(systems, &kgoSystem{bin: o.kgo, dir: o.dataDir})
	}
	if o.lab != "" {
		systems = append(systems, &apacheSystem{lab: o.lab, dir: o.dataDir})
	}
	rep := newReport(o, systems)
	floor, err := measureFloor(o)
	if err != nil {
		return fmt.Errorf("machine floor: %w", err)
	}
	rep.floor = floor
	wanted := make(map[string]bool)
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" {
			wanted[name] = true
		}
	}
	for round := range o.rounds {
		for _, stage := range []func(context.Context, options, system, int, map[string]bool, *report) error{runRound, runClusterRound, runConnectRound, runToolsRound} {
			for i := range systems {
				sys := systems[(i+round)%len(systems)]
				if err := stage(ctx, o, sys, round, wanted, rep); err != nil {
					return fmt.Errorf("%s: %w", sys.name(), err)
				}
			}
		}
		rep.rounds++
		if err := rep.write(o.out); err != nil { // what was measured is kept, whatever comes
			return err
		}
	}
	return nil
}

// runRound starts one system afresh, runs every wanted scenario on it and stops it.
func runRound(ctx context.Context, o options, sys system, round int, wanted map[string]bool, rep *report) error {
	if !anyWanted(scenarios, wanted) {
		return nil
	}
	if err := settle(o.dataDir, 0); err != nil { // the end of the system before left data to write and files to delete
		return err
	}
	srv, err := sys.start(ctx)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer srv.stop()
	rep.add(sys, "start to first answer", "ms", float64(srv.startup.Microseconds())/1e3)
	if err := waitIdle(ctx, srv); err != nil {
		return err
	}
	rep.add(sys, "resident memory, idle", "MB", srv.residentMB())
	if err := runScenarios(ctx, scenarios, &bench{o: o, srv: srv, sys: sys, rep: rep}, round, wanted); err != nil {
		return err
	}
	rep.add(sys, "resident memory, after all of it", "MB", srv.residentMB())
	return nil
}

func anyWanted(list []scenario, wanted map[string]bool) bool {
	return len(wanted) == 0 || slices.ContainsFunc(list, func(sc scenario) bool { return wanted[sc.name] })
}

func runScenarios(ctx context.Context, list []scenario, b *bench, round int, wanted map[string]bool) error {
	for _, sc := range list {
		if len(wanted) > 0 && !wanted[sc.name] {
			continue
		}
		fmt.Fprintf(os.Stderr, "round %d %s: %s\n", round+1, b.sys.name(), sc.name)
		began := time.Now()
		if err := sc.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
		fmt.Fprintf(os.Stderr, "  %.1f s\n", time.Since(began).Seconds())
	}
	return nil
}

// bench is what a scenario gets: a running system and where to put what it measured.
type bench struct {
	o   options
	srv *server
	sys system
	rep *report
}

func (b *bench) add(metric, unit string, v float64) { b.rep.add(b.sys, metric, unit, v) }

// addWork adds what one piece of work showed: its rate, the broker's processor time for each unit of it, and how many processors the broker
// kept busy meanwhile, which tells whether it or the client was the limit.
func (b *bench) addWork(metric, rateUnit string, rate float64, cpuUnit string, cpuEach float64, wall, cpu time.Duration) {
	b.add(metric, rateUnit, rate)
	b.add(metric+": broker CPU", cpuUnit, cpuEach)
	b.add(metric+": processors the broker kept busy", "", cpu.Seconds()/wall.Seconds())
}

// scaled is n made smaller or larger by -scale, at least 1.
func (b *bench) scaled(n int) int { return max(1, int(float64(n)*b.o.scale)) }

type scenario struct {
	name string
	run  func(context.Context, *bench) error
}

// scenarios run in this order in every round. Later ones find the topics of earlier ones on disk, as a broker in use would have.
var scenarios = []scenario{
	{"throughput-1k", throughput(1024)},
	{"throughput-100b", throughput(100)},
	{"single-record", singleRecord},
	{"latency", latencyAtRate},
	{"commits", offsetCommits},
	{"partitions", manyPartitions},
	{"connections", manyConnections},
	{"commands", commandRoundTrips},
	{"console", consoleLines},
}
