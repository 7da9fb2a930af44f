//go:build !linux

package main

import "time"

// settle has nothing to do where processor time and memory aren't measured either.
func settle(string, int64) error { return nil }

// pacer waits for points in time.
type pacer struct{}

func newPacer() pacer { return pacer{} }

func (pacer) release() {}

func (pacer) until(due time.Time) { time.Sleep(time.Until(due)) }
