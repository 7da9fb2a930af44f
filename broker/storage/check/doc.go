// Package check looks at the files of a log directory from outside: it trusts none of them.
//
// Check finds what contradicts itself in a log directory, for tests and recovery tools. Dump prints files as kafka-dump-log.sh does, byte for
// byte, for `kgo dump-log`. Both have parsers of their own for the small files, so that a mistake in package storage doesn't hide itself.
//
// Neither writes anything, and both are meant for logs that no broker has open: in an open one the last bytes of a segment and
// the tail of its indexes may be on their way.
package check
