package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/wire"
)

const (
	observerMaxBytes  = 8 << 20
	observerMaxWait   = 500 * time.Millisecond
	remoteBackoffMin  = 20 * time.Millisecond
	remoteBackoffMax  = time.Second
	firstReservedID   = 1000 // reserved.broker.max.id: ids that the cluster gives are above it
	waitingReminder   = 10 * time.Second
	metadataPartition = 0
	remoteRounds      = 3                // how often all members are asked before a request fails
	remotePatience    = 2 * time.Second  // with one member, for what is asked often
	divergedPatience  = 30 * time.Second // with members that know less of the log than this node does
)

// openRemote follows the quorum that the configuration names. Nothing on disk is touched before the quorum has said which cluster it is.
func (s *Server) openRemote(ctx context.Context) error { //nolint:contextcheck // what it opens ends by close
	addresses, key := quorumAddresses(s.opts.Config)
	if len(addresses) == 0 {
		return errors.New("the configuration names no metadata quorum: set controller.quorum.bootstrap.servers (or zookeeper.connect), or process.roles=broker,controller for one inside this process")
	}
	q := newRemoteQuorum(s.opts.Network, addresses, s.opts.Loggers.Logger("kafka.server.NodeToControllerChannelManager"))
	s.quorum = q
	s.onStop(func(context.Context) { _ = q.close() })
	described, err := q.awaitCluster(ctx, key)
	if err != nil {
		return err
	}
	s.nodeID = s.chooseNodeID(nextBrokerID(described))
	if err := s.openStorage(ctx, q.cluster); err != nil {
		return err
	}
	s.store = metadata.NewStore(q.cluster)
	o := &observer{nodeID: s.nodeID, quorum: q, store: s.store, log: s.opts.Loggers.Logger("kafka.raft"), leaderChanged: func(id ident.BrokerID) { s.leaderChanged(ctx, id) }}
	for _, d := range s.storage.Dirs() {
		if o.directoryID.IsZero() || d.Path == s.opts.Config.MetadataLogDir {
			o.directoryID = d.DirectoryID
		}
	}
	caughtUp := make(chan struct{})
	follow, cancel := context.WithCancel(context.Background())
	s.wg.Go(func() {
		if err := o.run(follow, caughtUp); err != nil && follow.Err() == nil {
			s.fail(fmt.Errorf("metadata log: %w", err))
		}
	})
	s.onStop(func(context.Context) { cancel() })
	select {
	case <-caughtUp:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("reading the metadata log from %s: %w", strings.Join(addresses, ","), ctx.Err())
	}
}

// quorumAddresses are where the configuration says the quorum is, and by which key.
func quorumAddresses(cfg *config.Broker) (addresses []string, key string) {
	q := cfg.Quorum
	servers, key := q.Bootstrap, "controller.quorum.bootstrap.servers"
	if len(servers) == 0 {
		key = "controller.quorum.voters"
		for _, v := range q.Voters {
			servers = append(servers, v.HostPort)
		}
	}
	if len(servers) == 0 {
		servers, key = q.ZooKeeper, "zookeeper.connect"
	}
	for _, s := range servers {
		addresses = append(addresses, s.String())
	}
	return addresses, key
}

// nextBrokerID is an id for a broker that was given none: above all that are taken.
func nextBrokerID(cluster *kmsg.DescribeClusterResponse) ident.BrokerID {
	next := ident.BrokerID(firstReservedID)
	for _, b := range cluster.Brokers {
		next = max(next, ident.BrokerID(b.NodeID))
	}
	return next + 1
}

// remoteQuorum is a metadataSource in other processes: requests go to whichever of its members answers.
type remoteQuorum struct {
	addresses []string
	clients   []*wire.Client
	log       *slog.Logger
	cluster   string // set before anything else is started

	mu      sync.Mutex
	current int // the member that answered last
	leader  atomic.Int32
}

func newRemoteQuorum(network netx.Network, addresses []string, log *slog.Logger) *remoteQuorum {
	q := &remoteQuorum{addresses: addresses, log: log}
	q.leader.Store(int32(ident.NoBroker))
	for _, a := range addresses {
		q.clients = append(q.clients, wire.NewClient(wire.ClientConfig{
			ClientID: "kgo-broker", Dial: func(ctx context.Context) (net.Conn, error) { return network.DialContext(ctx, a) },
		}))
	}
	return q
}

func (q *remoteQuorum) clusterID() string { return q.cluster }

func (q *remoteQuorum) activeController() ident.BrokerID { return ident.BrokerID(q.leader.Load()) }

func (q *remoteQuorum) close() error {
	var errs []error
	for _, c := range q.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Request asks the member that answered last, and the others in turn while there is no answer. Any member will do: it brings the request to the
// leader. As in Apache Kafka's brokers, a request whose answer was lost is asked again, so that the death of a member is not the client's problem;
// when all have failed, several times over, the error is.
func (q *remoteQuorum) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	var errs []error
	for attempt := range remoteRounds * len(q.clients) {
		q.mu.Lock()
		at := q.current
		q.mu.Unlock()
		resp, err := q.ask(ctx, at, req)
		if err == nil {
			return resp, nil
		}
		if attempt < len(q.clients) {
			errs = append(errs, fmt.Errorf("%s: %w", q.addresses[at], err))
		}
		q.moveOn(at)
		if ctx.Err() != nil {
			break
		}
		if (attempt+1)%len(q.clients) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(remoteBackoffMin << (attempt / len(q.clients))):
			}
		}
	}
	return nil, errors.Join(errs...)
}

// ask asks one member. What is due again soon is not waited for as long as an administrator's request.
func (q *remoteQuorum) ask(ctx context.Context, at int, req kmsg.Request) (kmsg.Response, error) {
	switch req.(type) {
	case *kmsg.BrokerHeartbeatRequest, *kmsg.FetchRequest, *kmsg.DescribeClusterRequest:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, remotePatience)
		defer cancel()
	}
	return q.clients[at].Request(ctx, req)
}

// moveOn makes the next member the one to ask, unless that has happened.
func (q *remoteQuorum) moveOn(from int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current == from {
		q.current = (from + 1) % len(q.clients)
	}
}

// notThisMember is called where a member answered what another may answer better: one that has fallen behind, for example.
func (q *remoteQuorum) notThisMember() {
	q.mu.Lock()
	at := q.current
	q.mu.Unlock()
	q.moveOn(at)
}

// awaitCluster asks which cluster the quorum is until it answers, and says what it waits for.
func (q *remoteQuorum) awaitCluster(ctx context.Context, key string) (*kmsg.DescribeClusterResponse, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType, req.IncludeFencedBrokers = 1, true
	backoff, reminded := remoteBackoffMin, time.Time{}
	for {
		resp, err := q.Request(ctx, req)
		if err == nil {
			d := resp.(*kmsg.DescribeClusterResponse)
			if err = kerr.ErrorForCode(d.ErrorCode); err == nil && d.ClusterID != "" {
				q.cluster = d.ClusterID
				return d, nil
			}
		}
		if time.Since(reminded) > waitingReminder {
			q.log.Warn("waiting for the metadata quorum: start it with `kgo coordinator`, or correct the address", "key", key, "addresses", strings.Join(q.addresses, ","), "error", err)
			reminded = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no metadata quorum answers at %s (%s); start one with `kgo coordinator`: %w", strings.Join(q.addresses, ","), key, ctx.Err())
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, remoteBackoffMax)
	}
}

// observer follows the metadata log as KRaft's observers do: by Fetch, and FetchSnapshot where the log no longer goes back far enough. It keeps
// the image in memory; a restarted broker reads it anew.
type observer struct {
	nodeID ident.BrokerID

	directoryID ident.UUID // of metadata.log.dir, or the first log directory
	quorum      *remoteQuorum
	store       *metadata.Store
	log         *slog.Logger

	leaderChanged func(ident.BrokerID)

	next      int64 // the offset to fetch
	lastEpoch int32
	diverged  time.Time // since when no member's log goes on from there; zero: it does
}

// run follows the log until ctx ends; caughtUp is closed when the image is as new as the quorum's was.
func (o *observer) run(ctx context.Context, caughtUp chan<- struct{}) error {
	o.lastEpoch = -1
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
				o.store.SetKRaftVersion(level)
			}
		} else {
			values, err := quorum.RecordValues(b)
			if err != nil {
				return fmt.Errorf("%w: %w", errUnusableMetadata, err)
			}
			if err := o.store.Apply(b.BaseOffset(), b.PartitionLeaderEpoch(), b.MaxTimestamp(), values); err != nil {
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
	if err := restoreSnapshot(o.store, r); err != nil {
		return fmt.Errorf("%w: %w", errUnusableMetadata, err)
	}
	if len(r.Voters()) > 0 {
		o.store.SetKRaftVersion(1)
	}
	o.next, o.lastEpoch = id.EndOffset, id.LeaderEpoch
	o.log.Info("metadata snapshot loaded", "snapshot", id.String())
	return nil
}
