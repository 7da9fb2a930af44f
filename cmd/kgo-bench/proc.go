package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, the unit of /proc/PID/stat's times: 100 per second on every Linux platform.
const clockTick = 10 * time.Millisecond

// cpu is the processor time, user and system, that the broker (or all nodes of the cluster) has used. Zero where there is no /proc.
func (s *server) cpu() time.Duration {
	total := processTime(s.pid)
	for _, pid := range s.others {
		total += processTime(pid)
	}
	return total
}

func processTime(pid int) time.Duration {
	f := statFields(pid)
	if len(f) < 15 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	sys, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+sys) * clockTick
}

// statFields are the fields of /proc/PID/stat after the command name, which may itself hold spaces.
func statFields(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
}

// processStart is when a process was started, by the kernel's account.
func processStart(pid int) (time.Time, error) {
	f := statFields(pid)
	if len(f) < 20 {
		return time.Time{}, fmt.Errorf("process %d is gone", pid)
	}
	ticks, err := strconv.ParseInt(f[19], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	raw, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}, err
	}
	uptime, err := strconv.ParseFloat(strings.Fields(string(raw))[0], 64)
	if err != nil {
		return time.Time{}, err
	}
	age := time.Duration(uptime*float64(time.Second)) - time.Duration(ticks)*clockTick
	return time.Now().Add(-age), nil
}

func (s *server) residentMB() float64 { return s.statusMB("VmRSS:") }

func (s *server) statusMB(key string) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, key); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024
		}
	}
	return 0
}

// waitIdle returns when the broker used next to no processor time for half a second, so that one scenario's (or the start's) leftovers
// are not counted into the next.
func waitIdle(ctx context.Context, s *server) error {
	for range 60 {
		before := s.cpu()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		if s.cpu()-before <= 3*clockTick {
			return nil
		}
	}
	return nil
}

// span measures one piece of work: wall time and the broker's processor time.
type span struct {
	srv   *server
	began time.Time
	cpu   time.Duration
}

func (s *server) begin() span { return span{srv: s, began: time.Now(), cpu: s.cpu()} }

func (m span) end() (wall, cpu time.Duration) {
	return time.Since(m.began), m.srv.cpu() - m.cpu
}
