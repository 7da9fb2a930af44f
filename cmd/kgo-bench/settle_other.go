//go:build !linux

package main

// settle has nothing to do where processor time and memory aren't measured either.
func settle(string, int64) error { return nil }
