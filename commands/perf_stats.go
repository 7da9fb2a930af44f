package commands

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// perfStats adds up what producer-perf-test measures and prints it: a line for each interval, and one for the whole.
type perfStats struct {
	io       *IOStreams
	interval time.Duration
	steady   bool // of the records after the warm-up

	mu        sync.Mutex
	silent    bool
	start     time.Time
	sampling  int64 // one latency in so many is kept for the percentiles
	latencies []int32
	total     perfWindow
	window    perfWindow
}

type perfWindow struct {
	start               time.Time
	count, bytes        int64
	latencySum, latency int64 // ms; latency is the highest
}

// maxSamples bounds the latencies that are kept.
const maxSamples = 500_000

func newPerfStats(io *IOStreams, records int64, interval time.Duration, steady bool) *perfStats {
	return &perfStats{io: io, interval: interval, steady: steady, sampling: max(records/min(records, maxSamples), 1)}
}

func (s *perfStats) begin(now time.Time) {
	s.start, s.window.start = now, now
}

// silence stops the lines of intervals.
func (s *perfStats) silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

func (w *perfWindow) add(latencyMs int64, bytes int) {
	w.count++
	w.bytes += int64(bytes)
	w.latencySum += latencyMs
	w.latency = max(w.latency, latencyMs)
}

// record adds an acknowledged record.
func (s *perfStats) record(latencyMs int64, bytes int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total.count%s.sampling == 0 {
		s.latencies = append(s.latencies, int32(latencyMs))
	}
	s.total.add(latencyMs, bytes)
	s.window.add(latencyMs, bytes)
	if elapsed := now.Sub(s.window.start); elapsed >= s.interval {
		if !s.silent {
			s.printWindow(elapsed)
		}
		s.window = perfWindow{start: now}
	}
}

const mebibyte = 1 << 20

// REQUIRES: s.mu.
func (s *perfStats) printWindow(elapsed time.Duration) {
	w := &s.window
	if s.steady && s.total.count == w.count {
		fmt.Fprintln(s.io.Out, "In steady state.")
	}
	seconds := elapsed.Seconds()
	fmt.Fprintf(s.io.Out, "%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n",
		w.count, float64(w.count)/seconds, float64(w.bytes)/seconds/mebibyte, float64(w.latencySum)/float64(w.count), float64(w.latency))
	_ = s.io.Flush() // progress: the same failure comes back at the end
}

// printTotal prints the line of the whole run.
func (s *perfStats) printTotal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.total
	kind := ""
	if s.steady {
		kind = " steady state"
	}
	seconds := max(time.Since(s.start).Seconds(), 1e-3)
	average := 0.0
	if t.count > 0 {
		average = float64(t.latencySum) / float64(t.count)
	}
	p := percentiles(s.latencies, 0.5, 0.95, 0.99, 0.999)
	fmt.Fprintf(s.io.Out, "%d%s records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
		t.count, kind, float64(t.count)/seconds, float64(t.bytes)/seconds/mebibyte, average, float64(t.latency), p[0], p[1], p[2], p[3])
}

// percentiles sorts the samples and returns those below which the given shares of them lie.
func percentiles(samples []int32, shares ...float64) []int32 {
	slices.Sort(samples)
	out := make([]int32, len(shares))
	for i, share := range shares {
		if len(samples) > 0 {
			out[i] = samples[int(share*float64(len(samples)))]
		}
	}
	return out
}
