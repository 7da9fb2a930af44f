package controller

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// Context is who asks. Whether they may was decided before the request reached the controller.
type Context struct {
	Principal string // "User:name"
	Forwarded bool   // a broker passes on what its client asked
	InProcess bool   // the node that runs this controller asks for itself
	Detoured  bool   // a member that knows no leader passes it on, and not back
	// KRaftVersion is the quorum's kraft.version, which is no record's.
	KRaftVersion int16
	// DescribeConfigs reports whether the configs of a new topic may be shown to who asks; nil: of any.
	DescribeConfigs func(topic string) bool
	// PartitionQuota is asked before partitions are created or deleted, and may refuse with an error; nil: no quota.
	PartitionQuota func(partitions int) error
}

type partitionQuotaKey struct{}

// WithPartitionQuota is a context whose requests are charged for the partitions that they make and remove: see Context.PartitionQuota.
func WithPartitionQuota(ctx context.Context, charge func(partitions int) error) context.Context {
	return context.WithValue(ctx, partitionQuotaKey{}, charge)
}

// PartitionQuotaOf is what WithPartitionQuota has put into a context, or nil.
func PartitionQuotaOf(ctx context.Context) func(partitions int) error {
	charge, _ := ctx.Value(partitionQuotaKey{}).(func(partitions int) error)
	return charge
}

// ConfigSchema is what the controller needs to know about config keys.
type ConfigSchema interface {
	// Validate checks the whole config that a resource would have after a change. Its error goes to the client, word for word: it
	// should wrap kerr.InvalidConfig, or whatever other code fits.
	Validate(res metadata.ConfigResource, values map[string]string) error
	// IsList reports whether APPEND and SUBTRACT make sense for the key.
	IsList(typ metadata.ConfigResourceType, key string) bool
	// Default returns the value that holds where nothing was set anywhere.
	Default(typ metadata.ConfigResourceType, key string) (value string, ok bool)
	// IsSensitive reports whether the value must not appear in logs.
	IsSensitive(typ metadata.ConfigResourceType, key string) bool
	// Topic returns the configuration in force of a topic, by name: its own values over this node's dynamic ones, over the cluster-wide dynamic
	// ones, over the static file and the defaults.
	Topic(own, thisNode, clusterWide map[string]string) []TopicConfig
	// TopicValue is the value of one key of Topic's result.
	TopicValue(key string, own, thisNode, clusterWide map[string]string) string
}

// TopicConfig is one line of a topic's configuration, as CreateTopics answers it.
type TopicConfig struct {
	Name      string
	Value     *string
	Source    int8 // the protocol's ConfigSource
	ReadOnly  bool
	Sensitive bool
}

// QuorumInfo answers DescribeQuorum: who the voters and observers of the metadata log are, and how far each is.
type QuorumInfo interface {
	DescribeQuorum() QuorumState
}

// QuorumState is the metadata quorum as its leader sees it.
type QuorumState struct {
	LeaderID      ident.BrokerID
	LeaderEpoch   int32
	HighWatermark int64
	Voters        []QuorumReplica
	Observers     []QuorumReplica
}

// QuorumReplica is one member of the metadata quorum.
type QuorumReplica struct {
	ID               ident.BrokerID
	DirectoryID      ident.UUID
	LogEndOffset     int64
	LastFetchTime    time.Time // zero: not known
	LastCaughtUpTime time.Time // zero: not known
	Listeners        []metadata.Endpoint
}

// Config is what a controller needs to be told.
type Config struct {
	NodeID    ident.BrokerID
	ClusterID string
	Schema    ConfigSchema
	Quorum    QuorumInfo       // nil: DescribeQuorum isn't answered
	Rand      *rand.Rand       // places replicas and makes ids
	Voters    []ident.BrokerID // the quorum's members; UpdateFeatures waits until each has registered

	DefaultPartitions        int32                   // num.partitions
	DefaultReplicationFactor int16                   // default.replication.factor
	MinInsyncReplicas        int32                   // min.insync.replicas of the static config
	SessionTimeout           time.Duration           // broker.session.timeout.ms; zero: 9 s
	DisableTopicDeletion     bool                    // delete.topic.enable=false
	AutoLeaderRebalance      bool                    // auto.leader.rebalance.enable
	LeaderImbalanceInterval  time.Duration           // leader.imbalance.check.interval.seconds
	UncleanElectionInterval  time.Duration           // unclean.leader.election.interval.ms; zero: 5 minutes
	MaxIdleInterval          time.Duration           // metadata.max.idle.interval.ms: a NoOp record at least so often; 0: never
	Features                 []metadata.FeatureLevel // a new cluster's features; nil: metadata.DefaultFeatures()
	BootstrapRecords         []Record                // more records for a new cluster: SCRAM users of `storage format --add-scram`
}
