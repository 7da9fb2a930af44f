package quorum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// FetchRequest is what an observer asks for: the metadata log from an offset on. It is the part of Kafka's Fetch that matters here.
type FetchRequest struct {
	Offset           int64
	LastFetchedEpoch int32 // the leader epoch of the batch before Offset in the observer's log; -1 where it isn't known
	MaxBytes         int

	ReplicaID   ident.BrokerID // who asks; ident.NoBroker: not said
	DirectoryID ident.UUID
}

// EpochEnd is where a leader epoch ends in this log.
type EpochEnd struct {
	Epoch     int32
	EndOffset int64
}

// FetchResponse answers a FetchRequest. Exactly one of Records, Diverging and Snapshot is set.
type FetchResponse struct {
	HighWatermark  int64
	LogStartOffset int64
	Leader         ident.BrokerID
	LeaderEpoch    int32

	Records   *storage.Records // committed batches, empty where there are none yet; the caller releases them
	Diverging *EpochEnd        // the observer's log has another history: it must cut it to this point and ask again
	Snapshot  *SnapshotID      // the log no longer goes back that far: fetch this snapshot first
}

// Fetch reads committed batches for an observer. It doesn't wait for new ones; see WaitCommitted.
func (n *Node) Fetch(req FetchRequest) (FetchResponse, error) {
	v := n.view.Load()
	resp := FetchResponse{HighWatermark: n.log.HighWatermark(), LogStartOffset: n.log.LogStartOffset(), Leader: v.leader, LeaderEpoch: v.leaderEpoch}
	n.observers.fetched(req.ReplicaID, req.DirectoryID, req.Offset, resp.HighWatermark, time.Now())
	if req.Offset < resp.LogStartOffset {
		newest := lastID(v.snapshots)
		resp.Snapshot = &newest
		return resp, nil
	}
	if diverging := n.divergence(req, v.snapshots); diverging != nil {
		resp.Diverging = diverging
		return resp, nil
	}
	records, err := n.log.Read(req.Offset, req.MaxBytes, max(resp.HighWatermark, req.Offset), true)
	if err != nil {
		return FetchResponse{}, err
	}
	resp.Records = records
	return resp, nil
}

// divergence compares the observer's last batch with this log.
func (n *Node) divergence(req FetchRequest, snapshots []SnapshotID) *EpochEnd {
	if req.LastFetchedEpoch < 0 || req.Offset == 0 {
		return nil
	}
	at := SnapshotID{req.Offset, req.LastFetchedEpoch}
	if slices.Contains(snapshots, at) { // right after a snapshot the log may not know the epoch
		return nil
	}
	epoch, end := n.log.EndOffsetForEpoch(req.LastFetchedEpoch)
	if epoch == req.LastFetchedEpoch && req.Offset <= end {
		return nil
	}
	return &EpochEnd{epoch, end}
}

// WaitCommitted returns when the high watermark is above offset, when the leadership or the leader epoch changes from what it is now, or with ctx's error.
func (n *Node) WaitCommitted(ctx context.Context, offset int64) error {
	leader, epoch := n.Leader()
	for {
		wake := n.commits.next()
		v := n.view.Load()
		if n.log.HighWatermark() > offset || v.leader != leader || v.leaderEpoch != epoch {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.closed:
			return n.err
		}
	}
}

// ErrSnapshotNotFound is the answer to FetchSnapshot for a snapshot that this node does not have, or has no longer.
var ErrSnapshotNotFound = errors.New("there is no such snapshot")

// NewestSnapshot is the newest snapshot's name, zero where there is none.
func (n *Node) NewestSnapshot() SnapshotID { return lastID(n.view.Load().snapshots) }

// FetchSnapshot reads up to maxBytes of a snapshot's file from position on, and tells its whole size.
func (n *Node) FetchSnapshot(id SnapshotID, position int64, maxBytes int) (data []byte, size int64, err error) {
	if !slices.Contains(n.view.Load().snapshots, id) {
		return nil, 0, fmt.Errorf("%s: %w", id, ErrSnapshotNotFound)
	}
	f, err := n.cfg.FS.Open(vfs.Join(n.replica.log.dir, id.fileName()))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w: %w", id, ErrSnapshotNotFound, err) // retention was faster
	}
	defer f.Close()
	if size, err = f.Size(); err != nil {
		return nil, 0, err
	}
	if position < 0 || position > size {
		return nil, 0, fmt.Errorf("snapshot %s has %d bytes, position %d is outside", id, size, position)
	}
	data = make([]byte, min(int64(max(maxBytes, 0)), size-position))
	read, err := f.ReadAt(data, position)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:read], size, err
}
