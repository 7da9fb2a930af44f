package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects every figure of every round and writes the page.
type report struct {
	o       options
	systems []system
	floor   floor
	rounds  int // that are over
	order   []metric
	values  map[string]map[metric][]float64 // by system
	remarks []string                        // about figures that are missing
}

type metric struct{ name, unit string }

// target is what kgo's figure must be, as a factor of Apache Kafka's or as a plain limit.
type target struct {
	factor float64 // of Apache Kafka's figure; 0 where limit counts
	limit  float64
	atMost bool
}

var targets = map[string]target{
	"start to first answer":                         {limit: 50, atMost: true},
	"resident memory, idle":                         {limit: 40, atMost: true},
	"produce, 1024 B records":                       {factor: 1.3},
	"produce, 100 B records":                        {factor: 1.3},
	"produce, 1024 B records: broker CPU":           {factor: 0.6, atMost: true},
	"produce, 100 B records: broker CPU":            {factor: 0.6, atMost: true},
	"consume, 1024 B records":                       {factor: 1},
	"consume, 100 B records":                        {factor: 1},
	"consume, 1024 B records: broker CPU":           {factor: 0.8, atMost: true},
	"consume, 100 B records: broker CPU":            {factor: 0.8, atMost: true},
	"single-record produce requests, 8 connections": {factor: 2},
	"produce latency at 2,000/s, p99":               {factor: 0.5, atMost: true},
	"offset commits, 8 connections":                 {factor: 3},
	"topics --list, whole command (best of 5)":      {limit: 25, atMost: true},
	"console-producer, 1,000,000 lines of 100 B":    {factor: 3},
	"console-consumer, 1,000,000 lines of 100 B":    {factor: 3},

	"Connect: first line from file to file, from the command": {limit: 300, atMost: true},
	"Connect: file to topic":                                  {factor: 3},
	"Connect: file to topic: worker's memory at its most":     {limit: 60, atMost: true},
	"Connect: topic to file":                                  {factor: 3},
	"Connect: topic to file: worker's memory at its most":     {limit: 60, atMost: true},

	"3 replicas, acks=all: produce, 1024 B records":             {factor: 1.5},
	"3 replicas, acks=all: produce, 100 B records":              {factor: 1.5},
	"3 replicas, acks=all: produce, 1024 B records: broker CPU": {factor: 0.5, atMost: true},
	"3 replicas, acks=all: produce, 100 B records: broker CPU":  {factor: 0.5, atMost: true},
	"3 replicas, acks=all: produce latency at 1,000/s, p99":     {factor: 0.4, atMost: true},
	"3 replicas: kill -9 of a leader, pause of its producer":    {factor: 0.2, atMost: true},
	"3 replicas: paused leader, pause of its producer":          {factor: 1, atMost: true},
}

func newReport(o options, systems []system) *report {
	return &report{o: o, systems: systems, values: make(map[string]map[metric][]float64)}
}

func (r *report) add(sys system, name, unit string, v float64) {
	fmt.Fprintf(os.Stderr, "  %s: %s %s\n", name, figure(v), unit) // what each round gave; the page has the medians
	m := metric{name, unit}
	if !slices.Contains(r.order, m) {
		r.order = append(r.order, m)
	}
	if r.values[sys.name()] == nil {
		r.values[sys.name()] = make(map[metric][]float64)
	}
	r.values[sys.name()][m] = append(r.values[sys.name()][m], v)
}

func (r *report) remark(sentence string) { r.remarks = append(r.remarks, sentence) }

// median of the rounds, and whether there is any.
func (r *report) median(sys string, m metric) (float64, bool) {
	v := slices.Sorted(slices.Values(r.values[sys][m]))
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)/2], true
}

func (r *report) write(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Performance\n\nWritten by `make bench` on %s; do not edit by hand. %s\n\n", time.Now().UTC().Format("2006-01-02"), r.o.note)
	fmt.Fprintf(&b, "Machine: %s. One client process on the same machine; each figure is the median of %d rounds, the systems by turns.\n",
		machine(), r.rounds)
	b.WriteString("What bounds a figure: client and broker share the processors. Where the broker kept nearly all of them busy, it is the limit; where it kept fewer, the client is, " +
		"or the machine's floor, and the broker's processor time tells the systems apart. Latencies and whole commands are bounded by what one request, or starting a process, costs.\n\n")
	b.WriteString("Connect: the same properties files, StringConverter, one task, one partition, lines of 100 bytes; kgo's broker serves both workers. Rates count from the first line seen.\n\n")
	fmt.Fprintf(&b, "Machine's floor: socket to file %.0f MB/s, file to socket by sendfile %.0f MB/s (plain system calls over four connections, both ends on this machine).\n\n", r.floor.toFileMBs, r.floor.toSocketMBs)
	b.WriteString("| what | unit | kgo | Apache Kafka | kgo / Apache | target | met |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n")
	for _, m := range r.order {
		own, _ := r.median("kgo", m)
		other, beside := r.median("Apache Kafka", m)
		ratio, otherText := "", ""
		if beside {
			otherText = figure(other)
			if other != 0 {
				ratio = fmt.Sprintf("%.2f", own/other)
			}
		}
		wanted, met := judge(m.name, own, other, beside)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", m.name, m.unit, figure(own), otherText, ratio, wanted, met)
	}
	for _, s := range r.remarks {
		b.WriteString("\n" + s + "\n")
	}
	b.WriteString("\n")
	fmt.Print(b.String())
	if path == "" {
		return nil
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func judge(name string, own, other float64, beside bool) (wanted, met string) {
	t, ok := targets[name]
	if !ok {
		return "", ""
	}
	bound, word := t.limit, "at least"
	if t.atMost {
		word = "at most"
	}
	if t.factor != 0 {
		if !beside {
			return fmt.Sprintf("%s %gx", word, t.factor), "?"
		}
		bound = t.factor * other
		wanted = fmt.Sprintf("%s %gx", word, t.factor)
	} else {
		wanted = fmt.Sprintf("%s %g", word, t.limit)
	}
	if (t.atMost && own <= bound) || (!t.atMost && own >= bound) {
		return wanted, "yes"
	}
	return wanted, "**no**"
}

func figure(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func machine() string {
	model := ""
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(raw), "\n") {
			if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%d processors (%s), %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version())
}
