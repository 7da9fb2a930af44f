package config

import "time"

// Scope is the kind of thing a key configures.
type Scope uint8

// The scopes, as they are named in keys.tsv.
const (
	ScopeBroker Scope = iota
	ScopeTopic
	ScopeGroup
	ScopeClientMetrics
	ScopeUser
	ScopeClient
	ScopeIP
	numScopes
)

// Type is a key's type, with the protocol's numbers (DescribeConfigs' config_type).
type Type int8

// The types of Kafka's ConfigDef.
const (
	TypeUnknown Type = iota
	TypeBoolean
	TypeString
	TypeInt
	TypeShort
	TypeLong
	TypeDouble
	TypeList
	TypeClass
	TypePassword
)

// Source says which layer a value comes from, with the protocol's numbers (DescribeConfigs' config_source).
type Source int8

// The sources of a value.
const (
	SourceUnknown              Source = 0
	SourceDynamicTopic         Source = 1
	SourceDynamicBroker        Source = 2
	SourceDynamicDefaultBroker Source = 3
	SourceStaticBroker         Source = 4
	SourceDefault              Source = 5
	SourceDynamicBrokerLogger  Source = 6
	SourceClientMetrics        Source = 7
	SourceGroup                Source = 8
)

// Mode says how a key may be changed while the server runs.
type Mode uint8

// The update modes.
const (
	ReadOnly    Mode = iota
	PerBroker        // only for one broker by its id
	ClusterWide      // for one broker, or for all as the cluster's default
	DynamicOnly      // only ever through AlterConfigs: topics, groups, quotas, throttles
)

// Use says what kgo does with a key.
type Use uint8

// The uses.
const (
	Used     Use = iota
	Accepted     // known and checked, but without use in kgo
	Removed      // gone from Kafka 4; accepted, so that older files load
)

// Origin says where a setting was written: a file and line, "--override", or an environment variable's name.
type Origin struct {
	File string
	Line int
}

// Setting is one key given to the server.
type Setting struct {
	Key, Value string
	Origin     Origin
}

// Listener is one entry of listeners or advertised.listeners.
type Listener struct {
	Name     string // CLIENT in "CLIENT://:9092": upper case
	Host     string // empty: all interfaces
	Port     int32  // 0: any free port
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, by listener.security.protocol.map
}

// HostPort is a server's address.
type HostPort struct {
	Host string
	Port int32
}

// Voter is one entry of controller.quorum.voters.
type Voter struct {
	ID int32
	HostPort
}

// Broker is the resolved configuration of one server process. The groups hold what one part of the server needs; any other key
// is read with Int, Long, Bool, String, List and Duration.
type Broker struct {
	NodeID         int32 // node.id, else broker.id; -1: not given, to be taken from meta.properties or assigned
	IsBroker       bool  // process.roles holds broker, or the file is ZooKeeper-style
	IsController   bool  // process.roles holds controller
	ZooKeeperStyle bool  // no process.roles: the quorum is elsewhere, at Quorum.ZooKeeper
	Rack           *string

	LogDirs        []string
	MetadataLogDir string // metadata.log.dir, else the first of LogDirs

	Network     Network
	Quorum      Quorum
	Log         LogManagement
	Topic       Topic // the defaults of topics
	Topics      Topics
	Replica     Replica
	Groups      Groups
	Transaction Transaction

	values values // every key that is set
}

// Network is what the socket server needs.
type Network struct {
	Listeners           []Listener // all of listeners, the controller's included
	Advertised          []Listener // what clients are told; never the controller's
	InterBroker         string     // the listener brokers use among themselves
	ControllerListeners []string   // controller.listener.names

	MaxRequestBytes      int   // socket.request.max.bytes
	QueuedRequestBytes   int64 // queued.max.request.bytes; -1: the server chooses
	QueuedRequests       int   // queued.max.requests
	MaxConnections       int   // max.connections
	MaxConnectionsPerIP  int   // max.connections.per.ip
	PerIPOverrides       map[string]int
	ConnectionsMaxIdle   time.Duration // 0 or less: never closed
	FailedAuthDelay      time.Duration
	SendBuffer           int           // socket.send.buffer.bytes; -1: the system's own
	ReceiveBuffer        int           // socket.receive.buffer.bytes; -1: the system's own
	Backlog              int           // socket.listen.backlog.size; 0: the system's own
	RequestTimeout       time.Duration // request.timeout.ms
	MaxConnectionCreates int           // max.connection.creation.rate, per second
}

// Quorum says where the metadata quorum is and how patient its members are.
type Quorum struct {
	Voters    []Voter    // controller.quorum.voters
	Bootstrap []HostPort // controller.quorum.bootstrap.servers
	ZooKeeper []HostPort // zookeeper.connect
	Chroot    string     // the path after zookeeper.connect's hosts, "" or "/path"

	ElectionTimeout    time.Duration
	FetchTimeout       time.Duration
	RequestTimeout     time.Duration
	RetryBackoff       time.Duration
	AppendLinger       time.Duration
	SnapshotBytes      int64         // metadata.log.max.record.bytes.between.snapshots
	SnapshotInterval   time.Duration // metadata.log.max.snapshot.interval.ms
	SegmentBytes       int           // metadata.log.segment.bytes
	SegmentAge         time.Duration
	RetentionBytes     int64
	RetentionAge       time.Duration
	HeartbeatInterval  time.Duration // broker.heartbeat.interval.ms
	SessionTimeout     time.Duration // broker.session.timeout.ms
	RegistrationWait   time.Duration // initial.broker.registration.timeout.ms
	ControlledShutdown bool
}

// LogManagement is what the log manager and the cleaner need beyond a topic's own configuration.
type LogManagement struct {
	RetentionCheckInterval        time.Duration
	FlushSchedulerInterval        time.Duration
	RecoveryCheckpointInterval    time.Duration
	StartOffsetCheckpointInterval time.Duration
	InitialTaskDelay              time.Duration
	RecoveryThreads               int
	ProducerIDExpiration          time.Duration
	ProducerIDExpirationCheck     time.Duration
	DirFailureTimeout             time.Duration

	CleanerEnable        bool
	CleanerThreads       int
	CleanerDedupeBytes   int64
	CleanerIOBytes       int
	CleanerLoadFactor    float64
	CleanerMaxBytesPerS  float64
	CleanerBackoff       time.Duration
	CleanerMaxMessageLen int // message.max.bytes
}

// Topics rules how topics come and go.
type Topics struct {
	AutoCreate         bool
	DeleteEnable       bool
	NumPartitions      int32
	ReplicationFactor  int16
	LeaderRebalance    bool
	RebalanceInterval  time.Duration
	MaxPartitionsReply int // max.request.partition.size.limit
}

// Replica is what replication and fetching need.
type Replica struct {
	FetchMaxBytes         int // replica.fetch.max.bytes, per partition
	FetchResponseMaxBytes int
	FetchMinBytes         int
	FetchWaitMax          time.Duration
	FetchBackoff          time.Duration
	Fetchers              int
	LagTimeMax            time.Duration
	SocketTimeout         time.Duration
	HWCheckpointInterval  time.Duration
	ConsumerFetchMaxBytes int // fetch.max.bytes: the ceiling of any fetch
	FetchSessions         int // max.incremental.fetch.session.cache.slots
}

// Groups is what the group coordinator and the offsets topic need.
type Groups struct {
	MinSessionTimeout      time.Duration
	MaxSessionTimeout      time.Duration
	MaxSize                int
	InitialRebalanceDelay  time.Duration
	OffsetMetadataMax      int
	OffsetsRetention       time.Duration
	RetentionCheckInterval time.Duration
	CommitTimeout          time.Duration
	Partitions             int32
	ReplicationFactor      int16
	SegmentBytes           int
	CompressionCodec       int8
	LoadBufferBytes        int
	Protocols              []string // group.coordinator.rebalance.protocols
	AppendLinger           time.Duration

	ConsumerSessionTimeout     time.Duration
	ConsumerHeartbeatInterval  time.Duration
	ConsumerMaxSize            int
	ConsumerAssignors          []string
	MigrationPolicy            string // disabled, downgrade, upgrade or bidirectional
	ConsumerAssignmentInterval time.Duration
}

// Transaction is what the transaction coordinator and its topic need.
type Transaction struct {
	MaxTimeout        time.Duration
	IDExpiration      time.Duration
	AbortInterval     time.Duration
	RemoveInterval    time.Duration
	Partitions        int32
	ReplicationFactor int16
	MinISR            int
	SegmentBytes      int
	LoadBufferBytes   int
	Verification      bool
	TwoPhaseCommit    bool
}

// Topic is the resolved configuration of one topic: its own settings over the broker's defaults. Milliseconds and bytes are as
// in Kafka; -1 in a retention means no limit.
type Topic struct {
	Compact, Delete bool // cleanup.policy; both false: an empty policy, nothing is ever removed

	SegmentBytes      int
	SegmentMs         int64
	SegmentJitterMs   int64
	IndexBytes        int // segment.index.bytes
	IndexInterval     int // index.interval.bytes
	FlushMessages     int64
	FlushMs           int64
	RetentionBytes    int64
	RetentionMs       int64
	MaxMessageBytes   int
	DeleteRetentionMs int64
	MinCompactionLag  int64
	MaxCompactionLag  int64
	MinCleanableRatio float64
	FileDeleteDelayMs int64
	Preallocate       bool

	CompressionType string // producer, uncompressed, gzip, snappy, lz4, zstd
	GzipLevel       int    // -1: the codec's default
	LZ4Level        int
	ZstdLevel       int

	LogAppendTime      bool // message.timestamp.type
	TimestampBeforeMax int64
	TimestampAfterMax  int64

	MinISR                int
	UncleanLeaderElection bool

	LeaderThrottled   []string // leader.replication.throttled.replicas
	FollowerThrottled []string
}
