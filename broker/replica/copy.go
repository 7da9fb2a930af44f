package replica

import (
	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// appendCopied appends what was read from another log of the partition.
//
// An empty log that begins in the middle of a batch (DeleteRecords moved the other's start there) has to begin with that batch: offsets
// within a batch can't be written apart. The caller moves the log start forward again.
func appendCopied(log *storage.Log, records []byte, leaderEpoch int32) error {
	if b, _, err := batch.Next(records); err == nil {
		end := log.LogEndOffset()
		if end == log.LogStartOffset() && b.BaseOffset() < end && end <= b.LastOffset() {
			if err := log.TruncateFullyAndStartAt(b.BaseOffset()); err != nil {
				return err
			}
		}
	}
	_, err := log.AppendAsFollower(records, leaderEpoch)
	return err
}
