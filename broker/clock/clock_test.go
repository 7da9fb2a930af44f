package clock

import (
	"log/slog"
	"testing"
	"time"
)

func TestExpiryDoubtsAJumpForward(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type look struct {
		mono, wall time.Duration // since the beginning
		want       time.Duration
	}
	const day = 24 * time.Hour
	for name, looks := range map[string][]look{
		"it runs":                       {{0, 0, 0}, {time.Minute, time.Minute, time.Minute}, {day, day, day}},
		"it is slewed":                  {{time.Minute, 2 * time.Minute, 2 * time.Minute}, {2 * time.Minute, 6 * time.Minute, 6 * time.Minute}, {3 * time.Minute, 0, 0}},
		"set ahead, and right again":    {{time.Minute, day, time.Minute}, {30 * time.Minute, day + 30*time.Minute, 30 * time.Minute}, {40 * time.Minute, 40 * time.Minute, 40 * time.Minute}},
		"set ahead, and it stays":       {{time.Minute, day, time.Minute}, {60 * time.Minute, day + time.Hour, time.Hour}, {61 * time.Minute, day + time.Hour, day + time.Hour}, {62 * time.Minute, day + 62*time.Minute, day + 62*time.Minute}},
		"ahead again after it was back": {{time.Minute, day, time.Minute}, {2 * time.Minute, 2 * time.Minute, 2 * time.Minute}, {70 * time.Minute, 2 * day, 70 * time.Minute}},
		"further ahead":                 {{time.Minute, day, time.Minute}, {2 * time.Minute, 9 * day, 2 * time.Minute}, {61 * time.Minute, 9 * day, 9 * day}},
		"set back":                      {{time.Minute, -day, -day}, {2 * time.Minute, -day + time.Minute, -day + time.Minute}},
		"set back, and right again":     {{time.Minute, -day, -day}, {2 * time.Minute, 2 * time.Minute, -day + time.Minute}, {62 * time.Minute, 62 * time.Minute, 62 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Expiry{logger: slog.New(slog.DiscardHandler), wall: began}
			for i, l := range looks {
				if got := e.look(began.Add(l.wall), l.mono).Sub(began); got != l.want {
					t.Errorf("look %d: %v, want %v", i, got, l.want)
				}
			}
		})
	}
}

func TestExpiryIsTheWallClock(t *testing.T) {
	e := NewExpiry(slog.New(slog.DiscardHandler))
	before := time.Now()
	if now := e.Now(); now.Before(before.Round(0)) || now.After(time.Now()) {
		t.Errorf("%v, want now", now)
	}
}
