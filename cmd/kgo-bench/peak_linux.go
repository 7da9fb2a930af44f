package main

import (
	"os"
	"syscall"
)

// peakResidentMB is the largest resident set a process that has ended ever had.
func peakResidentMB(p *os.ProcessState) float64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return float64(u.Maxrss) / 1024
	}
	return 0
}
