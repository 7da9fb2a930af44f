package storage

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/vfs"
)

// TestRepetitionsAreKnownAfterARestart: a client had five batches in flight when the node stopped. It repeats them all, and each is answered
// with its place in the log; a sixth, older one and one that was never written are refused.
func TestRepetitionsAreKnownAfterARestart(t *testing.T) {
	for name, reopen := range map[string]func(t *testing.T, l *Log, opts LogOptions) *Log{
		"not restarted": func(_ *testing.T, l *Log, _ LogOptions) *Log { return l },
		"restarted": func(t *testing.T, l *Log, opts LogOptions) *Log {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			opts.CleanShutdown = true
			return openTestLog(t, opts)
		},
		"truncated": func(t *testing.T, l *Log, _ LogOptions) *Log {
			end := l.LogEndOffset()
			mustAppend(t, l, recordsOf(t, 1, nil), 1)
			if _, err := l.TruncateTo(end); err != nil {
				t.Fatal(err)
			}
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := testOptions(vfs.NewMem(), "/topic-0")
			l := openTestLog(t, opts)
			var first []int64
			for i := range int32(8) {
				if i == 5 {
					if err := l.Roll(); err != nil {
						t.Fatal(err)
					}
				}
				first = append(first, mustAppend(t, l, recordsOf(t, 3, idempotent(7, 0, 3*i)), 1).FirstOffset)
				mustAppend(t, l, recordsOf(t, 2, idempotent(8, 0, 2*i)), 1) // another's, in between
			}
			l = reopen(t, l, opts)
			for i := int32(3); i < 8; i++ {
				info, err := l.AppendAsLeader(recordsOf(t, 3, idempotent(7, 0, 3*i)), 1, AppendOptions{})
				if err != nil || !info.Duplicate || info.FirstOffset != first[i] {
					t.Errorf("repetition of batch %d: %+v, %v, want the duplicate at %d", i, info, err, first[i])
				}
			}
			for _, sequence := range []int32{0, 4, 30} {
				if _, err := l.AppendAsLeader(recordsOf(t, 3, idempotent(7, 0, sequence)), 1, AppendOptions{}); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
					t.Errorf("sequence %d: %v, want OUT_OF_ORDER_SEQUENCE_NUMBER", sequence, err)
				}
			}
			if info := mustAppend(t, l, recordsOf(t, 3, idempotent(7, 0, 24)), 1); info.Duplicate {
				t.Error("the next batch is taken for a duplicate")
			}
		})
	}
}
