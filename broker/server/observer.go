package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quorum"
)

// observer follows the metadata log as KRaft's observers do: by Fetch, and FetchSnapshot where the log no longer goes back far enough. It keeps
// the image in memory; a restarted broker reads it anew.
type observer struct {
	nodeID ident.BrokerID

	directoryID ident.UUID // of metadata.log.dir, or the first log directory
	quorum      *remoteQuorum
	feed        *metadataFeed
	log         *slog.Logger

	leaderChanged func(ident.BrokerID)

	next      int64 // the offset to fetch
	lastEpoch int32
	diverged  time.Time // since when no member's log goes on from there; zero: it does
}

// run follows the log until ctx ends; caughtUp is closed when the image is as new as the quorum's was.
func (o *observer) run(ctx context.Context, caughtUp chan<- struct{}) error {
	o.resume()
	backoff := remoteBackoffMin
	for first := true; ctx.Err() == nil; {
		highWatermark, err := o.step(ctx)
		if errors.Is(err, errUnusableMetadata) {
			return err
		}
		if err != nil {
			o.log.Warn("the metadata log can't be fetched; what is known stays in force", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(backoff):
			}
			backoff = min(2*backoff, remoteBackoffMax)
			continue
		}
		backoff = remoteBackoffMin
		if first && o.next >= highWatermark && highWatermark > 0 {
			close(caughtUp)
			first = false
		}
	}
	return nil
}

// resume goes on from what the feed has.
func (o *observer) resume() { o.next, o.lastEpoch = o.feed.position() }

// errUnusableMetadata marks a log that this node can't go on with.
var errUnusableMetadata = errors.New("the metadata log can't be followed")

// step fetches once and applies what came.
func (o *observer) step(ctx context.Context) (highWatermark int64, err error) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, int32(observerMaxWait.Milliseconds()), 1, observerMaxBytes, -1
	req.ReplicaState.ID = int32(o.nodeID)
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = api.MetadataTopic, api.MetadataTopicID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LastFetchedEpoch, p.CurrentLeaderEpoch = metadataPartition, o.next, observerMaxBytes, o.lastEpoch, -1
	p.ReplicaDirectoryID = o.directoryID
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	resp, err := o.quorum.Request(ctx, req)
	if err != nil {
		return 0, err
	}
	fetched := resp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
		return 0, err
	}
	if len(fetched.Topics) != 1 || len(fetched.Topics[0].Partitions) != 1 {
		return 0, errors.New("the answer to a fetch of the metadata log names no partition")
	}
	got := fetched.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		o.quorum.notThisMember() // one that has fallen behind doesn't have the offset yet
		return 0, err
	}
	if leader := got.CurrentLeader.LeaderID; o.quorum.leader.Swap(leader) != leader {
		o.leaderChanged(ident.BrokerID(leader))
	}
	switch {
	case got.SnapshotID.EndOffset > 0:
		return got.HighWatermark, o.fetchSnapshot(ctx, quorum.SnapshotID{EndOffset: got.SnapshotID.EndOffset, LeaderEpoch: got.SnapshotID.Epoch})
	case got.DivergingEpoch.EndOffset >= 0:
		return 0, o.elsewhere(got.DivergingEpoch.EndOffset)
	}
	o.diverged = time.Time{}
	if got.CurrentLeader.LeaderID < 0 {
		o.quorum.notThisMember() // one that knows no leader may be cut off, or no voter any more
	}
	return got.HighWatermark, o.apply(got.RecordBatches)
}

// elsewhere goes on with another member when one's log doesn't go on from where this node is. What this node has is committed, so that such a member has
// only fallen behind; unless the quorum lost its log, which no member's catching up mends.
func (o *observer) elsewhere(end int64) error {
	if o.diverged.IsZero() {
		o.diverged = time.Now()
	}
	if time.Since(o.diverged) > divergedPatience {
		return fmt.Errorf("%w: the quorum's log has another history from offset %d on; restart the broker", errUnusableMetadata, end)
	}
	o.quorum.notThisMember()
	return fmt.Errorf("the member's log ends at offset %d, before %d", end, o.next)
}

// apply replays whole batches; a cut one at the end comes again.
func (o *observer) apply(raw []byte) error {
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			return nil //nolint:nilerr // cut by the fetch's size
		}
		if err := b.Validate(); err != nil {
			return fmt.Errorf("batch at offset %d: %w", o.next, err)
		}
		raw = rest
		if b.LastOffset() < o.next {
			continue
		}
		if b.IsControl() {
			if level, ok := quorum.KRaftVersionIn(b); ok {
				o.feed.store.SetKRaftVersion(level)
			}
			if voters, ok, err := quorum.VotersIn(b); ok && err == nil {
				o.quorum.learn(firstEndpoints(voters))
			}
		} else {
			values, err := quorum.RecordValues(b)
			if err != nil {
				return fmt.Errorf("%w: %w", errUnusableMetadata, err)
			}
			if err := o.feed.Apply(b.BaseOffset(), b.PartitionLeaderEpoch(), b.MaxTimestamp(), values); err != nil {
				return fmt.Errorf("%w: %w", errUnusableMetadata, err)
			}
		}
		o.next, o.lastEpoch = b.LastOffset()+1, b.PartitionLeaderEpoch()
	}
	return nil
}

// fetchSnapshot loads a snapshot and makes it the image.
func (o *observer) fetchSnapshot(ctx context.Context, id quorum.SnapshotID) error {
	var content []byte
	for {
		req := kmsg.NewPtrFetchSnapshotRequest()
		req.ReplicaID, req.MaxBytes = int32(o.nodeID), observerMaxBytes
		topic := kmsg.NewFetchSnapshotRequestTopic()
		topic.Topic = api.MetadataTopic
		p := kmsg.NewFetchSnapshotRequestTopicPartition()
		p.Partition, p.Position, p.CurrentLeaderEpoch = metadataPartition, int64(len(content)), -1
		p.SnapshotID.EndOffset, p.SnapshotID.Epoch = id.EndOffset, id.LeaderEpoch
		topic.Partitions = append(topic.Partitions, p)
		req.Topics = append(req.Topics, topic)
		resp, err := o.quorum.Request(ctx, req)
		if err != nil {
			return err
		}
		fetched := resp.(*kmsg.FetchSnapshotResponse)
		if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
			return err
		}
		if len(fetched.Topics) != 1 || len(fetched.Topics[0].Partitions) != 1 {
			return errors.New("the answer to a fetch of a snapshot names no partition")
		}
		got := fetched.Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
			return err
		}
		content = append(content, got.Bytes...)
		if int64(len(content)) >= got.Size {
			break
		}
		if len(got.Bytes) == 0 {
			return fmt.Errorf("snapshot %s ends after %d of %d bytes", id, len(content), got.Size)
		}
	}
	r, err := quorum.NewSnapshotReader(bytes.NewReader(content), int64(len(content)), id)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", id, err)
	}
	if err := o.feed.Restore(r); err != nil {
		return fmt.Errorf("%w: %w", errUnusableMetadata, err)
	}
	if len(r.Voters()) > 0 {
		o.feed.store.SetKRaftVersion(1)
		o.quorum.learn(firstEndpoints(r.Voters()))
	}
	o.next, o.lastEpoch = id.EndOffset, id.LeaderEpoch
	o.log.Info("metadata snapshot loaded", "snapshot", id.String())
	return nil
}
