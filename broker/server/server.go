package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/coordinator/group"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/storage/clean"
	"github.com/kgo-project/kgo/broker/wire"
)

// metadataTopic is the metadata log's name among the logs of a directory.
const metadataTopic = "__cluster_metadata"

// Server is a running node: a broker, a controller, or both.
type Server struct {
	opts   Options
	nodeID ident.BrokerID
	log    *slog.Logger
	state  dynamicConfig // the configuration in force

	sockets  sockets
	expiry   *clock.Expiry // by which records and offsets expire
	storage  *storage.Manager
	store    *metadata.Store
	quorum   metadataSource
	replicas *replica.Manager
	groups   *group.Service
	// topicsVersion counts the changes of metadata that brought or took topics.
	topicsVersion atomic.Int64
	copying       *replicationQuotas
	fetchers      *replica.Fetchers
	quotas        *quota.Manager
	incoming      *quota.Connections
	cleaner       *clean.Cleaner
	life          *lifecycle
	beating       atomic.Pointer[lifecycle] // life, once it has begun
	handlers      *api.Handlers
	wire          *wire.Server
	admin         *adminServer

	closers  []func(context.Context) // what is running, in the order of starting
	wg       sync.WaitGroup
	ready    atomic.Bool
	failed   chan struct{} // closed when the node can't go on
	stopping chan struct{} // closed when it begins to stop
	failure  atomic.Pointer[error]
	once     sync.Once
}

// metadataSource is where the metadata log comes from: the embedded quorum, or one followed from afar.
type metadataSource interface {
	requester
	// clusterID is known once the source is open.
	clusterID() string
	// activeController is who leads the quorum now.
	activeController() ident.BrokerID
	close() error
}

// Start starts a node and returns when it serves: all partitions that it leads have their leader, and clients may come.
func Start(ctx context.Context, opts Options) (*Server, error) {
	opts.fill()
	s := &Server{opts: opts, log: opts.Loggers.Logger("kafka.server"), failed: make(chan struct{}), stopping: make(chan struct{})}
	s.state.init(opts.Layers, opts.Config)
	if err := s.start(ctx); err != nil {
		s.stop(ctx)
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	cfg := s.opts.Config
	if err := s.bind(ctx); err != nil {
		return err
	}
	if err := s.openAdmin(ctx); err != nil {
		return err
	}
	if err := s.openMetadata(ctx); err != nil {
		return err
	}
	if cfg.IsBroker {
		s.startBroker()        //nolint:contextcheck // what it starts ends by Close, not with the start's context
		if !cfg.IsController { // a broker whose id is another's must not act on what the metadata says of that one
			if err := s.awaitRegistered(ctx); err != nil {
				return err
			}
		}
		s.followMetadata() //nolint:contextcheck // as above
	}
	s.serve() //nolint:contextcheck // as above: names in its limits are looked up again while it runs
	if q, ok := s.quorum.(*embeddedQuorum); ok {
		s.startMembership(q) //nolint:contextcheck // it ends by Close
	}
	s.startAdmin()
	if cfg.IsBroker {
		s.life.follow() // its listeners are where the dynamic configuration wants them, which the controller hears of first
		if err := s.awaitUnfenced(ctx); err != nil {
			return err
		}
		s.replicas.MarkStrays(s.store.Current()) // unfenced means caught up with the metadata
	}
	s.ready.Store(true)
	return nil
}

// onStop remembers how to stop what was just started.
func (s *Server) onStop(fn func(context.Context)) { s.closers = append(s.closers, fn) }

// startBroker starts everything that a broker has besides the metadata.
func (s *Server) startBroker() {
	cfg := s.state.config()
	s.life = newLifecycle()
	s.copying = newReplicationQuotas(s.NodeID, cfg)
	s.fetchers = s.newFetchers()
	s.replicas = replica.New(replica.Config{
		BrokerID: s.nodeID, Storage: s.storage, Metadata: s.store, LogConfig: s.state.topicLogConfig,
		ReplicaLagTimeMax: cfg.Replica.LagTimeMax, CheckpointInterval: cfg.Replica.HWCheckpointInterval, FetchSessionSlots: cfg.Replica.FetchSessions,
		Controller: s.quorum, BrokerEpoch: s.life.epoch.Load, IncarnationID: s.life.incarnationID, MayLead: s.life.lease.held, Leadership: (*leaderships)(s), Fetcher: s.fetchers, LeaderThrottle: s.copying.leader, DirThrottle: s.copying.dirs, Selector: s.replicaSelector(), Logger: s.opts.Loggers.Logger("kafka.cluster"),
	})
	groups := groupConfig(cfg, s.opts.Loggers.Logger("kafka.coordinator.group"))
	groups.Expiry = s.expiry
	groups.AssignmentInterval = func() time.Duration { return s.state.config().Groups.ConsumerAssignmentInterval }
	groups.GroupConfig = func(id string) map[string]string { return s.store.Current().Config(metadata.ConfigGroup, id) }
	s.groups = group.NewService(groups, group.Dependencies{
		Writer: s.replicas, Loader: &logLoader{replicas: s.replicas, readBytes: cfg.Groups.LoadBufferBytes}, Topics: imageTopics{s.store, &s.topicsVersion}, Absent: s.absentCoordinator,
	})
	s.quotas, s.incoming = quota.NewManager(), quota.NewConnections()
	s.handlers = api.NewHandlers(api.Deps{
		NodeID: s.nodeID, Config: s.state.config, Layers: s.state.layers, Metadata: s.store, Controller: s.quorum, Groups: s.groups,
		Data:        &api.Data{Replica: s.replicas, Metadata: s.store, FetchMaxBytes: cfg.Replica.ConsumerFetchMaxBytes, Quotas: s.quotas, Traffic: s.topicMetrics(), Logger: s.opts.Loggers.Logger("kafka.request")},
		ProducerIDs: &producerIDs{nodeID: s.nodeID, controller: s.quorum, epoch: s.life.epoch.Load},
		InTouch:     s.life.lease.await,
		ControllerHere: func() bool {
			q, embedded := s.quorum.(*embeddedQuorum)
			return embedded && q.activeController() == s.nodeID
		},
		Quotas: s.quotas, Loggers: s.opts.Loggers, Logger: s.opts.Loggers.Logger("kafka.request"),
	})
	s.onStop(func(context.Context) { s.groups.Close() })
	s.onStop(func(context.Context) {
		if err := s.replicas.Close(); err != nil {
			s.log.Error("high watermarks could not be written", "error", err)
		}
	})
	s.startLifecycle()
}

// followMetadata has the broker's parts act on the metadata.
func (s *Server) followMetadata() {
	cfg := s.state.config()
	// The order matters: the configuration before who reads it, the replicas before who waits for them.
	for _, p := range []metadata.Publisher{&s.state, clientQuotas{s.quotas, s.incoming, s.addressesOf}, s.copying, s.replicas, (*leaderships)(s), s.handlers, s.life} {
		s.store.Subscribe(p)
	}
	s.storage.Start()
	s.replicas.Start()
	if cfg.Log.CleanerEnable {
		s.cleaner = clean.New(cleanerConfig(cfg, s.opts.Loggers.Logger("kafka.log.LogCleaner")), s.storage)
		s.cleaner.Start()
		s.onStop(func(context.Context) { _ = s.cleaner.Close() })
	}
}

func (s *Server) awaitRegistered(ctx context.Context) error {
	select {
	case <-s.life.known:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the controller to register the broker: %w", ctx.Err())
	}
}

// startLifecycle begins to register the broker.
func (s *Server) startLifecycle() {
	cfg, l := s.state.config(), s.life
	l.nodeID, l.clusterID = s.nodeID, s.quorum.clusterID()
	l.previousEpoch, l.registered, l.session = s.storage.PreviousBrokerEpoch(), s.storage.SetBrokerEpoch, cfg.Quorum.SessionTimeout
	l.registration, l.controller = s.registration, s.quorum
	l.offlineDirs = s.offlineDirectories
	l.heartbeat, l.patience, l.log = cfg.Quorum.HeartbeatInterval, cfg.Quorum.RegistrationWait, s.log
	ctx, cancel := context.WithCancel(context.Background())
	s.beating.Store(l)
	s.wg.Go(func() {
		l.run(ctx)
		if err := l.runFailed.Load(); err != nil {
			s.fail(*err)
		}
	})
	s.onStop(func(context.Context) { cancel() })
	s.wg.Go(func() { l.lease.keepWhileNobodyCouldFence(ctx, l.session, s.quorumProbes()) })
}

// quorumProbes connect to each member of the quorum; its error says what is there.
func (s *Server) quorumProbes() (probes []func(context.Context) error) {
	addresses, _ := quorumAddresses(s.opts.Config)
	for _, a := range addresses {
		probes = append(probes, func(ctx context.Context) error {
			conn, err := s.opts.Network.DialContext(ctx, a)
			if err == nil {
				_ = conn.Close()
			}
			return err
		})
	}
	return probes
}

// registration is what the broker tells of itself.
func (s *Server) registration() *kmsg.BrokerRegistrationRequest {
	cfg := s.opts.Config
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.Rack = cfg.Rack
	for _, l := range s.advertised() {
		row := kmsg.NewBrokerRegistrationRequestListener()
		row.Name, row.Host, row.Port, row.SecurityProtocol = l.Name, advertisedHost(l.Host), uint16(s.advertisedPort(l)), securityProtocols[l.Protocol]
		req.Listeners = append(req.Listeners, row)
	}
	for _, f := range metadata.SupportedFeatures() {
		row := kmsg.NewBrokerRegistrationRequestFeature()
		row.Name, row.MinSupportedVersion, row.MaxSupportedVersion = f.Name, f.Min, f.Max
		req.Features = append(req.Features, row)
	}
	for _, d := range s.storage.Dirs() {
		if d.Err == nil {
			req.LogDirs = append(req.LogDirs, d.DirectoryID)
		}
	}
	slices.SortFunc(req.LogDirs, func(a, b [16]byte) int { return slices.Compare(a[:], b[:]) })
	return req
}

var securityProtocols = map[string]int16{"PLAINTEXT": 0, "SSL": 1, "SASL_PLAINTEXT": 2, "SASL_SSL": 3}

func (s *Server) offlineDirectories() []ident.UUID {
	var ids []ident.UUID
	for _, d := range s.storage.Dirs() {
		if d.Err != nil && !d.DirectoryID.IsZero() {
			ids = append(ids, d.DirectoryID)
		}
	}
	return ids
}

func (s *Server) awaitUnfenced(ctx context.Context) error {
	select {
	case <-s.life.unfenced:
		return nil
	case <-s.failed:
		return *s.failure.Load()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the controller to let the broker in: %w", ctx.Err())
	}
}

// fail ends the node because of err: Failed is closed, and whoever runs the server shuts it down.
func (s *Server) fail(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		close(s.failed)
	}
}

// Failed is closed when the node can't go on; Err says why.
func (s *Server) Failed() <-chan struct{} { return s.failed }

// Err is why the node failed, nil while it works.
func (s *Server) Err() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// NodeID is the node's id, given or found.
func (s *Server) NodeID() ident.BrokerID { return s.nodeID }

// ClusterID is the id of the cluster that the node belongs to.
func (s *Server) ClusterID() string { return s.quorum.clusterID() }

// Shutdown hands leadership over, finishes the requests in progress and closes the logs cleanly. When ctx ends, it stops waiting.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() {
		s.ready.Store(false)
		if s.life != nil && s.opts.Config.Quorum.ControlledShutdown && s.Err() == nil {
			began := time.Now()
			s.life.shutdown(ctx)
			s.log.Info("controlled shutdown", "took", time.Since(began))
		}
		s.stop(ctx)
	})
	return s.Err()
}

// stop stops what was started, last first.
func (s *Server) stop(ctx context.Context) {
	close(s.stopping)
	for _, fn := range slices.Backward(s.closers) {
		fn(ctx)
	}
	s.closers = nil
	s.wg.Wait()
}

// serve begins to answer on all listeners.
func (s *Server) serve() {
	cfg := s.opts.Config.Network
	s.wire = wire.NewServer(wire.Config{
		MaxRequestBytes: cfg.MaxRequestBytes, RequestMemory: cfg.QueuedRequestBytes, MaxInHandlers: cfg.QueuedRequests,
		IdleTimeout: cfg.ConnectionsMaxIdle, SendBuffer: cfg.SendBuffer, ReceiveBuffer: cfg.ReceiveBuffer,
		Logger: s.opts.Loggers.Logger("kafka.network"), Metrics: s.requestMetrics(),
	}, wire.NewTable(nil))
	s.onStop(func(ctx context.Context) {
		if err := s.wire.Shutdown(ctx); err != nil {
			s.log.Warn("connections were cut while requests were in progress", "error", err)
		}
	})
	s.limitConnections(s.state.config())
	s.serveSockets()
	s.state.onChange(s.configChanged)
	if q, ok := s.quorum.(*embeddedQuorum); ok {
		s.onStop(func(context.Context) { q.brokers.Close() }) // before the connections are closed from here
	}
}
