// Package syncx has the mutexes of the broker: sync's own in normal builds, and in builds with invariants ones that know whether
// they are held, so that a function which requires a lock can say so and be believed.
package syncx
