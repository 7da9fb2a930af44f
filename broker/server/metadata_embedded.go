package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/storage"
)

// openMetadata opens the log directories and the metadata: the embedded quorum, or the one that the configuration names.
func (s *Server) openMetadata(ctx context.Context) error {
	if s.opts.Config.IsController {
		return s.openEmbedded(ctx)
	}
	return s.openRemote(ctx)
}

// openEmbedded makes this node a voter of the metadata quorum.
func (s *Server) openEmbedded(ctx context.Context) error {
	cfg := s.opts.Config
	clusterID := s.opts.ClusterID
	if clusterID == "" {
		clusterID = s.clusterOnDisk()
	}
	if clusterID == "" {
		clusterID = newClusterID(cfg.Quorum.Voters)
	}
	s.nodeID = s.chooseNodeID(1)
	if err := s.refuseLostIdentity(); err != nil {
		return err
	}
	voters, err := s.firstVoters()
	if err != nil {
		return err
	}
	if err := s.openStorage(ctx, clusterID); err != nil {
		return err
	}
	if voters == nil {
		if voters, err = s.discoverVoters(ctx); err != nil {
			return err
		}
	}
	s.store = metadata.NewStore(clusterID)
	node := newLateNode()
	controllerConfig, err := s.controllerConfig(clusterID, node, voters)
	if err != nil {
		return err
	}
	ctl := controller.New(controllerConfig, node, s.store, s.opts.Loggers.Logger("kafka.controller"))
	q := &embeddedQuorum{controller: ctl, late: node, cluster: clusterID}
	q.router.cluster = clusterID
	q.router.nodeID, q.router.local, q.router.node, q.router.network = s.nodeID, ctl, node, s.opts.Network
	q.router.self = quorum.Voter{ID: s.nodeID, DirectoryID: s.quorumConfig(clusterID, voters).DirectoryID}
	for _, e := range s.controllerEndpoints() {
		q.router.self.Endpoints = append(q.router.self.Endpoints, quorum.Endpoint{Name: e.Name, Host: e.Host, Port: e.Port})
	}
	q.router.upgraded = func() { s.store.SetKRaftVersion(1) }
	q.brokers = &api.BrokerConnections{
		Submit: q.router.submit, Leader: q.router.active, Network: s.opts.Network, Store: s.store, Logger: s.opts.Loggers.Logger("kafka.controller"),
	}
	s.quorum = q
	s.onStop(func(context.Context) {
		if err := q.close(); err != nil {
			s.log.Error("the metadata log was not closed cleanly", "error", err)
		}
	})
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	s.onStop(func(context.Context) { stopWatching() })
	machine := &metadataMachine{leaderChanged: func(id ident.BrokerID) { s.leaderChanged(watching, id) }, feed: newMetadataFeed(s.store), controller: ctl, led: make(chan struct{})}
	n, err := quorum.OpenNode(ctx, s.quorumConfig(clusterID, voters), machine, s.votersTransport(clusterID))
	node.open(n)
	if err != nil {
		return fmt.Errorf("metadata log in %s: %w", cfg.MetadataLogDir, err)
	}
	machine.node.Store(n)
	machine.noteKRaftVersion()
	s.startStandby(q, n, machine.feed) //nolint:contextcheck // it ends by Close
	if v := n.Voters(); len(v) > 1 || len(v) == 1 && v[0].ID != s.nodeID {
		return nil // the others are waiting for this one, or it for being added
	}
	// The broker's parts subscribe when the log is replayed: they act on what it comes to, not on every change since the cluster was made.
	select {
	case <-machine.led:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("replaying the metadata log: %w", ctx.Err())
	}
}

// refuseLostIdentity refuses a metadata log whose meta.properties is gone or empty: with a new identity, this node would be nobody that the log knows, and
// the replicas on its disk nobody's.
func (s *Server) refuseLostIdentity() error {
	dir := s.opts.Config.MetadataLogDir
	p, _, err := storage.ReadMetaProperties(s.opts.FS, dir)
	if err != nil || p.ClusterID != "" {
		return nil //nolint:nilerr // an unreadable one is refused by who opens the directory
	}
	known, err := quorum.Look(s.opts.FS, dir)
	if err != nil || !known.Log {
		return err
	}
	return fmt.Errorf("%s has a metadata log, and no meta.properties that says whose it is: put the file back, with the cluster.id, node.id and directory.id that it had, or remove what is in the directory to begin anew without its data", dir)
}

// clusterOnDisk is the cluster that the directories belong to, "" where they are new.
func (s *Server) clusterOnDisk() string {
	for _, dir := range s.directories() {
		if p, ok, err := storage.ReadMetaProperties(s.opts.FS, dir); err == nil && ok && p.ClusterID != "" {
			return p.ClusterID
		}
	}
	return ""
}

// chooseNodeID is the configured id, else the one that the directories have, else fallback.
func (s *Server) chooseNodeID(fallback ident.BrokerID) ident.BrokerID {
	if id := brokerIDOf(s.opts.Config); id >= 0 {
		return id
	}
	for _, dir := range s.directories() {
		if p, ok, err := storage.ReadMetaProperties(s.opts.FS, dir); err == nil && ok && p.NodeID >= 0 {
			return p.NodeID
		}
	}
	return fallback
}

// directories are the log directories and the metadata log's.
func (s *Server) directories() []string {
	dirs := slices.Clone(s.opts.Config.LogDirs)
	if m := s.opts.Config.MetadataLogDir; s.opts.Config.IsController && m != "" && !slices.Contains(dirs, m) {
		dirs = append(dirs, m)
	}
	return dirs
}

// openStorage locks the directories, refuses those of another node or cluster, and recovers the logs in them.
func (s *Server) openStorage(ctx context.Context, clusterID string) error {
	l := s.opts.Config.Log
	s.state.log = s.opts.Loggers.Logger("kafka.server.DynamicBrokerConfig")
	s.opts.Config.NodeID = int32(s.nodeID)
	s.expiry = clock.NewExpiry(s.opts.Loggers.Logger("kafka.log"))
	m, err := storage.OpenManager(ctx, storage.ManagerConfig{
		FS: s.opts.FS, Dirs: s.directories(), ClusterID: clusterID, NodeID: s.nodeID,
		Defaults: logConfig(s.opts.Config.Topic), RecoveryThreads: l.RecoveryThreads,
		Exclude:          func(tp ident.TopicPartition) bool { return tp.Topic == metadataTopic },
		InitialTaskDelay: l.InitialTaskDelay, RetentionCheck: l.RetentionCheckInterval, FlushCheck: l.FlushSchedulerInterval,
		CheckpointInterval: l.RecoveryCheckpointInterval, StartOffsetCheckpoint: l.StartOffsetCheckpointInterval,
		ProducerIDExpiration: l.ProducerIDExpiration, ProducerIDCheck: l.ProducerIDExpirationCheck,
		Expiry: s.expiry, Logger: s.opts.Loggers.Logger("kafka.log"), OnDirFailure: s.dirFailed,
	})
	if err != nil {
		return err
	}
	s.storage = m
	s.onStop(func(context.Context) {
		if err := m.Close(); err != nil {
			s.log.Error("the log directories were not closed cleanly", "error", err)
		}
	})
	return nil
}

// dirFailed takes a failed directory's replicas offline and tells the controller.
func (s *Server) dirFailed(dir string, cause error) {
	s.log.Error("log directory failed: its replicas are offline until the disk is mended and the broker restarted", "dir", dir, "error", cause)
	if s.replicas == nil {
		return
	}
	s.replicas.DirFailed(dir, cause)
	s.life.nudge()
	if !slices.ContainsFunc(s.storage.Dirs(), func(d storage.DirInfo) bool { return d.Err == nil }) {
		s.fail(fmt.Errorf("all log directories have failed, the last one is %s: %w", dir, cause))
	}
}

func (s *Server) controllerConfig(clusterID string, node *lateNode, first []quorum.Voter) (controller.Config, error) {
	cfg := s.opts.Config
	var voters []ident.BrokerID
	for _, v := range first {
		voters = append(voters, v.ID)
	}
	features, more, err := s.bootstrapRecords()
	if err != nil {
		return controller.Config{}, err
	}
	return controller.Config{
		Features: features, BootstrapRecords: more,
		NodeID: s.nodeID, ClusterID: clusterID, Schema: configSchema{s.opts.Layers}, Quorum: quorumInfo{s.nodeID, node},
		Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), Voters: voters,
		DefaultPartitions: cfg.Topics.NumPartitions, DefaultReplicationFactor: cfg.Topics.ReplicationFactor, MinInsyncReplicas: int32(cfg.Topic.MinISR),
		SessionTimeout: cfg.Quorum.SessionTimeout, DisableTopicDeletion: !cfg.Topics.DeleteEnable,
		AutoLeaderRebalance: cfg.Topics.LeaderRebalance, LeaderImbalanceInterval: cfg.Topics.RebalanceInterval,
		MaxIdleInterval: cfg.Duration("metadata.max.idle.interval.ms"),
	}, nil
}

func (s *Server) quorumConfig(clusterID string, voters []quorum.Voter) quorum.Config {
	q := s.opts.Config.Quorum
	c := quorum.Config{
		NodeID: s.nodeID, ClusterID: clusterID, FS: s.opts.FS, Dir: s.opts.Config.MetadataLogDir, Voters: voters,
		ElectionTimeout: q.ElectionTimeout, SegmentBytes: q.SegmentBytes, SegmentMs: q.SegmentAge.Milliseconds(),
		SnapshotBytes: q.SnapshotBytes, SnapshotInterval: q.SnapshotInterval, RetentionBytes: q.RetentionBytes, RetentionMs: q.RetentionAge.Milliseconds(),
		Logger:    s.opts.Loggers.Logger("kafka.raft"),
		OnFailure: func(err error) { s.fail(fmt.Errorf("metadata log: %w", err)) },
	}
	if c.SnapshotInterval == 0 {
		c.SnapshotInterval = -1 // Kafka's 0 turns snapshots by time off
	}
	for _, d := range s.storage.Dirs() {
		if d.Path == c.Dir {
			c.DirectoryID = d.DirectoryID
		}
	}
	return c
}

// embeddedQuorum is a metadataSource with a voter in this process.
type embeddedQuorum struct {
	controller *controller.Controller
	router     leaderRouter
	brokers    *api.BrokerConnections
	late       *lateNode
	cluster    string
}

// Request is for this node's broker: its own requests, and those that it forwards for clients.
func (q *embeddedQuorum) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	return q.router.submit(ctx, &controller.Context{InProcess: true, Forwarded: true, PartitionQuota: controller.PartitionQuotaOf(ctx)}, req)
}

func (q *embeddedQuorum) clusterID() string { return q.cluster }

func (q *embeddedQuorum) activeController() ident.BrokerID { return q.router.active() }

func (q *embeddedQuorum) close() error {
	q.brokers.Close()
	err := q.router.close()
	q.controller.Close()
	if n := q.late.node.Load(); n != nil {
		err = errors.Join(err, n.Close())
	}
	return err
}

// quorumInfo describes the quorum for DescribeQuorum: controller.QuorumInfo.
type quorumInfo struct {
	nodeID ident.BrokerID
	late   *lateNode
}

// DescribeQuorum is the quorum as this node sees it.
func (q quorumInfo) DescribeQuorum() controller.QuorumState {
	n := q.late.node.Load()
	if n == nil {
		return controller.QuorumState{LeaderID: ident.NoBroker}
	}
	leader, epoch := n.Leader()
	state := controller.QuorumState{LeaderID: leader, LeaderEpoch: epoch, HighWatermark: n.HighWatermark()}
	for _, m := range n.Members() {
		r := controller.QuorumReplica{ID: m.ID, DirectoryID: m.DirectoryID, LogEndOffset: m.LogEndOffset, LastFetchTime: m.LastFetchTime, LastCaughtUpTime: m.LastCaughtUpTime}
		for _, e := range m.Endpoints {
			r.Listeners = append(r.Listeners, metadata.Endpoint{Name: e.Name, Host: e.Host, Port: e.Port})
		}
		state.Voters = append(state.Voters, r)
	}
	for _, o := range n.Observers() {
		r := controller.QuorumReplica{ID: o.ID, DirectoryID: o.DirectoryID, LogEndOffset: o.LogEndOffset, LastFetchTime: time.UnixMilli(o.LastFetchMs)}
		if o.LastCaughtUpMs >= 0 {
			r.LastCaughtUpTime = time.UnixMilli(o.LastCaughtUpMs)
		}
		state.Observers = append(state.Observers, r)
	}
	return state
}
