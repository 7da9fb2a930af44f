package main

import "time"

// pace is when requests are due: the first at a point in time, then one each interval.
type pace struct {
	first    time.Time
	interval time.Duration
	requests int
}
