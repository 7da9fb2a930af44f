package quorumsim

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// committed is one record that some node has applied.
type committed struct {
	offset int64
	epoch  int32
	value  string
}

func (c committed) encode() []byte {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.offset))
	raw = binary.BigEndian.AppendUint32(raw, uint32(c.epoch))
	return append(raw, c.value...)
}

func decodeCommitted(raw []byte) (committed, error) {
	if len(raw) < 12 {
		return committed{}, broken("SnapshotIsPrefix", "a record of %d bytes", len(raw))
	}
	return committed{int64(binary.BigEndian.Uint64(raw)), int32(binary.BigEndian.Uint32(raw[8:])), string(raw[12:])}, nil
}

// broken is the error about an invariant that does not hold.
func broken(invariant, form string, args ...any) error {
	return fmt.Errorf("%s: %w", invariant, fmt.Errorf(form, args...))
}

// history is what an onlooker who sees everything knows: what was ever committed, acknowledged, and who led when.
type history struct {
	log     []committed // by offset; control records leave gaps
	at      map[int64]int
	acks    map[string]int64
	lastAck int64
	leaders map[int32]ident.BrokerID
}

func newHistory() *history {
	return &history{at: map[int64]int{}, acks: map[string]int64{}, lastAck: -1, leaders: map[int32]ident.BrokerID{}}
}

func (h *history) end() int64 {
	if len(h.log) == 0 {
		return 0
	}
	return h.log[len(h.log)-1].offset + 1
}

// applied checks CommittedPrefixAgrees: what two nodes apply at one offset is the same, and they skip the same offsets.
func (h *history) applied(c committed) error {
	if i, known := h.at[c.offset]; known {
		if h.log[i] != c {
			return broken("CommittedPrefixAgrees", "%+v was applied where another node applied %+v", c, h.log[i])
		}
		return nil
	}
	if c.offset < h.end() {
		return broken("CommittedPrefixAgrees", "%+v was applied at an offset that another node skipped", c)
	}
	h.at[c.offset] = len(h.log)
	h.log = append(h.log, c)
	return nil
}

// acked checks AckedProposalIsCommitted: an answer names the offset at which the value was committed, in the epoch of its proposal.
func (h *history) acked(value string, offset int64, epoch int32) error {
	i, known := h.at[offset]
	if !known || h.log[i].value != value || h.log[i].epoch != epoch {
		return broken("AckedProposalIsCommitted", "%s was acknowledged at offset %d of epoch %d, but is not committed there", value, offset, epoch)
	}
	h.acks[value] = offset
	h.lastAck = max(h.lastAck, offset)
	return nil
}

func (h *history) isAcked(value string) bool {
	_, ok := h.acks[value]
	return ok
}

// leads checks SingleLeaderPerEpoch.
func (h *history) leads(id ident.BrokerID, epoch int32) error {
	if other, known := h.leaders[epoch]; known && other != id {
		return broken("SingleLeaderPerEpoch", "nodes %d and %d lead in epoch %d", other, id, epoch)
	}
	h.leaders[epoch] = id
	return nil
}

// isPrefix checks that values are all that was committed before end.
func (h *history) isPrefix(values []committed, end int64) error {
	for i, c := range values {
		if i >= len(h.log) || h.log[i] != c {
			return broken("SnapshotIsPrefix", "record %d is %+v, which was not committed so", i, c)
		}
	}
	if n := len(values); n < len(h.log) && h.log[n].offset < end {
		return broken("SnapshotIsPrefix", "%+v is missing before offset %d", h.log[n], end)
	}
	return nil
}

// isComplete checks LeaderCompleteness: whoever leads has applied everything that was ever acknowledged.
func (h *history) isComplete(values []committed) error {
	if h.lastAck < 0 {
		return nil
	}
	if len(values) == 0 || values[len(values)-1].offset < h.lastAck {
		return broken("LeaderCompleteness", "a leader begins without offset %d, which was acknowledged", h.lastAck)
	}
	return nil
}

// check runs after every event.
func (s *sim) check() error {
	for _, n := range s.nodes {
		if n.replica == nil {
			continue
		}
		st := n.replica.State()
		if st.HighWatermark < n.highWatermark {
			return broken("MonotonicHighWatermark", "node %d: %d after %d", n.id, st.HighWatermark, n.highWatermark)
		}
		n.highWatermark = st.HighWatermark
		if st.LogStartOffset > st.HighWatermark || st.HighWatermark > st.LogEndOffset || n.applied > st.HighWatermark {
			return broken("OffsetOrder", "node %d: log start %d, applied %d, high watermark %d, log end %d", n.id, st.LogStartOffset, n.applied, st.HighWatermark, st.LogEndOffset)
		}
	}
	return nil
}

// checkEnd runs when everything is healed: AckedProposalSurvives on every voter, and CommittedLogsAreEqual byte by byte.
func (s *sim) checkEnd() error {
	var reference *node
	for _, n := range s.nodes {
		if !n.voterNow() {
			continue
		}
		have := map[string]int64{}
		for _, c := range n.values {
			have[c.value] = c.offset
		}
		for value, offset := range s.history.acks {
			if at, ok := have[value]; !ok || at != offset {
				return broken("AckedProposalSurvives", "node %d lacks %s, acknowledged at offset %d", n.id, value, offset)
			}
		}
		if reference == nil {
			reference = n
		} else if err := sameBytes(reference, n); err != nil {
			return err
		}
	}
	return nil
}

// sameBytes compares the committed part that two logs have in common.
func sameBytes(a, b *node) error {
	x, y := a.replica.State(), b.replica.State()
	start, end := max(x.LogStartOffset, y.LogStartOffset), min(x.HighWatermark, y.HighWatermark)
	for offset := start; offset < end; {
		one, err := firstBatch(a, offset)
		if err != nil {
			return err
		}
		two, err := firstBatch(b, offset)
		if err != nil {
			return err
		}
		if !bytes.Equal(one, two) {
			return broken("CommittedLogsAreEqual", "nodes %d and %d differ in the batch at offset %d", a.id, b.id, offset)
		}
		offset = one.NextOffset()
	}
	return nil
}

func firstBatch(n *node, offset int64) (batch.Batch, error) {
	raw, err := n.replica.ReadLog(offset, 1)
	if err != nil {
		return nil, err
	}
	b, _, err := batch.Next(raw)
	return b, err
}
