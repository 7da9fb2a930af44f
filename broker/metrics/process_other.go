//go:build !linux

package metrics

// registerSystem adds nothing where the system has no /proc.
func registerSystem(*Registry) {}
