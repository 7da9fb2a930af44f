// Package clock tells by which time things expire that records and files have stamped with the wall clock.
//
// Sessions, leases, lags and waits are measured by the monotonic clock, which a [time.Time] from time.Now carries: no jump of the wall clock touches them.
// Retention can't be: a record's age is the wall clock's time less the record's. That clock may be wrong, and a correction of a wrong clock is a jump.
package clock

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// tolerance is how far the wall clock may run away from the monotonic one between two looks without being suspected. Corrections by a time daemon and
	// short sleeps of the machine are smaller.
	tolerance = 5 * time.Minute
	// patience is for how long a wall clock that jumped forward has to stay there until things expire by it: time for who set it wrong to find out.
	patience = time.Hour
)

var start = time.Now()

// Monotonic is the time since the process started, by a clock that never jumps.
func Monotonic() time.Duration { return time.Since(start) }

// Nanos is a moment that time.Now gave, in nanoseconds of that clock: for atomics. It is never 0.
func Nanos(now time.Time) int64 { return int64(now.Sub(start)) + 1 }

// Expiry is the wall clock for what is deleted because of its age. When the wall clock jumps forward by more than five minutes, Expiry goes on
// as if it had not for an hour, and believes it then; a jump back is believed at once, for nothing is lost by it.
//
// DEVIATION(kafka): Apache Kafka deletes by the wall clock of the moment: set a day ahead by mistake, it takes a day of records.
type Expiry struct {
	logger *slog.Logger

	// mu guards the rest.
	mu        sync.Mutex
	wall      time.Time     // as it was believed last, without a monotonic reading
	at        time.Duration // on the monotonic clock
	doubtFrom time.Duration // when the wall clock was first seen ahead; 0: it is believed
}

// NewExpiry returns a clock that believes the wall clock as it is now.
func NewExpiry(logger *slog.Logger) *Expiry {
	now := time.Now()
	return &Expiry{logger: logger, wall: now.Round(0), at: now.Sub(start)}
}

// Now is the time by which things expire. Look at least as often as things are to expire: a jump is what happens between two looks.
func (e *Expiry) Now() time.Time { return e.Believed(time.Now()) }

// Believed is Now for a moment that time.Now gave a short while ago.
func (e *Expiry) Believed(now time.Time) time.Time { return e.look(now.Round(0), now.Sub(start)) }

func (e *Expiry) look(wall time.Time, mono time.Duration) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	expected := e.wall.Add(mono - e.at)
	ahead := wall.Sub(expected)
	switch {
	case ahead <= tolerance:
		if ahead < -tolerance || e.doubtFrom > 0 {
			e.logger.Info("the wall clock was set back", "by", -ahead, "now", wall)
		}
	case e.doubtFrom == 0:
		e.doubtFrom = mono
		e.logger.Warn("the wall clock jumped forward; nothing is deleted by the new time before it has stayed there for a while", "by", ahead, "now", wall, "believed_in", patience)
		return expected
	case mono-e.doubtFrom < patience:
		return expected
	default:
		e.logger.Warn("the wall clock has stayed where it jumped to; what is older than it may be is deleted by it from now on", "by", ahead, "now", wall)
	}
	e.wall, e.at, e.doubtFrom = wall, mono, 0
	return wall
}
