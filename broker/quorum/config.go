package quorum

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Endpoint is where a voter listens.
type Endpoint struct {
	Name string // the listener's
	Host string
	Port uint16
}

// Voter is a member of the quorum.
type Voter struct {
	ID          ident.BrokerID
	DirectoryID ident.UUID // zero where it isn't known: a static voter's
	Endpoints   []Endpoint

	// Incarnation is that of the disk which was added; zero for a voter by configuration. A voter whose disk is another one has lost what it promised.
	Incarnation ident.UUID
}

func (v Voter) equal(o Voter) bool {
	return v.ID == o.ID && v.DirectoryID == o.DirectoryID && v.Incarnation == o.Incarnation && slices.Equal(v.Endpoints, o.Endpoints)
}

// Config says who a replica is, where its log lies and when things happen. The zero durations and sizes mean Kafka's defaults.
type Config struct {
	NodeID      ident.BrokerID
	DirectoryID ident.UUID
	ClusterID   string
	Voters      []Voter // the static voters; a log that holds a voters record overrides them. Without this node in it, it observes.

	FS  vfs.FS // nil: the operating system's
	Dir string // metadata.log.dir; the log is in __cluster_metadata-0 below it

	ElectionTimeout   time.Duration // controller.quorum.election.timeout.ms: without a leader for so long, a voter stands for election
	HeartbeatInterval time.Duration // how often a leader makes itself heard; at most a third of ElectionTimeout
	Linger            time.Duration // how long a proposal waits for others to share its fsync; 0 takes what came during the last one

	SegmentBytes        int           // metadata.log.segment.bytes
	SegmentMs           int64         // metadata.log.segment.ms
	SnapshotBytes       int64         // metadata.log.max.record.bytes.between.snapshots
	SnapshotInterval    time.Duration // metadata.log.max.snapshot.interval.ms; negative: never because of time
	RetentionBytes      int64         // metadata.max.retention.bytes: of log and snapshots together; -1: no limit
	RetentionMs         int64         // metadata.max.retention.ms: of superseded snapshots; -1: no limit
	MaxUncommittedBytes int           // proposals above this are refused until earlier ones are committed
	Logger              *slog.Logger
	OnFailure           func(error) // the first I/O error: the replica has stopped and must be restarted; may be nil
}

// Kafka's defaults, and limits of our own.
const (
	defaultElectionTimeout  = time.Second
	defaultHeartbeat        = 100 * time.Millisecond
	defaultSegmentBytes     = 1 << 30
	defaultSegmentMs        = 7 * 24 * 60 * 60 * 1000
	defaultSnapshotBytes    = 20 << 20
	defaultSnapshotInterval = time.Hour
	defaultRetentionBytes   = 100 << 20
	defaultRetentionMs      = 7 * 24 * 60 * 60 * 1000
	defaultMaxUncommitted   = 64 << 20

	// MaxBatchBytes bounds a proposal's batch, as in Apache Kafka's quorum.
	MaxBatchBytes = 8 << 20
	// maxMessageBytes bounds the entries of one raft message. A larger entry travels alone.
	maxMessageBytes = 1 << 20
	// maxInflightMessages bounds the unacknowledged messages to one follower.
	maxInflightMessages = 64
)

func (c Config) withDefaults() (Config, error) {
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.ElectionTimeout = cmp.Or(c.ElectionTimeout, defaultElectionTimeout)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, min(defaultHeartbeat, c.ElectionTimeout/3))
	c.SegmentBytes = cmp.Or(c.SegmentBytes, defaultSegmentBytes)
	c.SegmentMs = cmp.Or(c.SegmentMs, defaultSegmentMs)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, defaultSnapshotBytes)
	c.SnapshotInterval = cmp.Or(c.SnapshotInterval, defaultSnapshotInterval)
	c.RetentionBytes = cmp.Or(c.RetentionBytes, defaultRetentionBytes)
	c.RetentionMs = cmp.Or(c.RetentionMs, defaultRetentionMs)
	c.MaxUncommittedBytes = cmp.Or(c.MaxUncommittedBytes, defaultMaxUncommitted)
	switch {
	case c.NodeID < 0:
		return c, fmt.Errorf("node.id %d: must not be negative", c.NodeID)
	case c.Dir == "":
		return c, errors.New("metadata.log.dir is not set")
	case len(c.Voters) == 0:
		return c, errors.New("the quorum has no voters: set controller.quorum.voters, or the server.N lines of a ZooKeeper-style file")
	case c.HeartbeatInterval*3 > c.ElectionTimeout:
		return c, fmt.Errorf("heartbeat interval %v: must be at most a third of the election timeout %v", c.HeartbeatInterval, c.ElectionTimeout)
	}
	c.Voters = slices.SortedFunc(slices.Values(c.Voters), func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
	for i, v := range c.Voters {
		if v.ID < 0 {
			return c, fmt.Errorf("voter id %d: must not be negative", v.ID)
		}
		if i > 0 && c.Voters[i-1].ID == v.ID {
			return c, fmt.Errorf("voter id %d is there twice", v.ID)
		}
	}
	return c, nil
}

// electionTicks is the election timeout in raft's ticks; one tick is a heartbeat interval.
func (c *Config) electionTicks() int { return int(c.ElectionTimeout / c.HeartbeatInterval) }

// raft's ids start at 1, Kafka's node ids at 0.
func raftID(id ident.BrokerID) uint64   { return uint64(id) + 1 }
func nodeID(raft uint64) ident.BrokerID { return ident.BrokerID(int64(raft) - 1) } // 0, raft's "nobody", is ident.NoBroker
