// Package commands holds kgo's subcommands, one file each, and the few things they share.
package commands

// Main runs the command line and returns the process's exit code.
func Main() int { return 1 }
