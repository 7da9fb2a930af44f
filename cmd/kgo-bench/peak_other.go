//go:build !linux

package main

import "os"

// peakResidentMB is known on Linux only.
func peakResidentMB(*os.ProcessState) float64 { return 0 }
