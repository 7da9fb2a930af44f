package coordinator

import (
	"fmt"

	"github.com/kgo-project/kgo/broker/batch"
)

// maxBatchMemory bounds what one compressed batch of the log may decompress to.
const maxBatchMemory = 256 << 20

// replayBatch applies one batch of the log.
func replayBatch(state StateMachine, raw []byte) error {
	b := batch.Batch(raw)
	for rec, err := range b.Records(maxBatchMemory) {
		if err != nil {
			return err
		}
		offset := b.BaseOffset() + int64(rec.OffsetDelta)
		if b.IsControl() {
			if err := replayControl(state, b, rec); err != nil {
				return fmt.Errorf("control record at offset %d: %w", offset, err)
			}
			continue
		}
		err = state.Replay(Replayed{
			Offset: offset, ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), Key: rec.Key, Value: rec.Value,
		})
		if err != nil {
			return fmt.Errorf("record at offset %d: %w", offset, err)
		}
	}
	return nil
}

func replayControl(state StateMachine, b batch.Batch, rec batch.Record) error {
	t, err := batch.ParseControlKey(rec.Key)
	if err != nil {
		return err
	}
	if t != batch.ControlAbort && t != batch.ControlCommit {
		return nil
	}
	m, err := batch.ParseEndTxnMarker(rec.Key, rec.Value)
	if err != nil {
		return err
	}
	return state.ReplayEndTxn(b.ProducerID(), b.ProducerEpoch(), m.Commit)
}
