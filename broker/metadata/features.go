package metadata

import "strconv"

// The features that a cluster finalizes a level of (KIP-584, KIP-1022).
const (
	FeatureMetadataVersion = "metadata.version"
	FeatureKRaftVersion    = "kraft.version"
	FeatureElr             = "eligible.leader.replicas.version"
	FeatureGroup           = "group.version"
	FeatureShare           = "share.version"
	FeatureStreams         = "streams.version"
	FeatureTransaction     = "transaction.version"
)

// MetadataVersion is a level of metadata.version: which records, and which versions of them, the log may contain.
type MetadataVersion int16

// The range of levels that this software can read and write: Apache Kafka 4.3's.
const (
	MinMetadataVersion    MetadataVersion = 7  // 3.3-IV3
	LatestMetadataVersion MetadataVersion = 30 // 4.3-IV0
)

// changedRecords has the levels that brought new records or fields: going below one of them would lose metadata.
var changedRecords = map[MetadataVersion]bool{7: true, 8: true, 11: true, 13: true, 14: true, 15: true, 17: true, 23: true, 30: true}

// DowngradeLoses reports whether the levels between lower and v brought records that lower can't hold.
func (v MetadataVersion) DowngradeLoses(lower MetadataVersion) bool {
	for level := v; level > lower; level-- {
		if changedRecords[level] {
			return true
		}
	}
	return false
}

// BumpLeaderEpochOnShrink reports whether a smaller ISR needs a new leader epoch, as followers before 3.6 did.
func (v MetadataVersion) BumpLeaderEpochOnShrink() bool { return v < 12 }

// Transactions reports whether the log may group records between Begin and End (KIP-868).
func (v MetadataVersion) Transactions() bool { return v >= 13 }

// ControllerRegistration reports whether controllers register themselves (KIP-919).
func (v MetadataVersion) ControllerRegistration() bool { return v >= 15 }

// DirectoryAssignment reports whether partitions know their log directories (KIP-858).
func (v MetadataVersion) DirectoryAssignment() bool { return v >= 17 }

// CordonedDirectories reports whether brokers may close directories to new replicas (KIP-1066).
func (v MetadataVersion) CordonedDirectories() bool { return v >= 30 }

// PartitionVersion is the version of PartitionRecord and PartitionChangeRecord.
func (v MetadataVersion) PartitionVersion() int16 {
	switch {
	case v >= 23: // KIP-966
		return 2
	case v.DirectoryAssignment():
		return 1
	}
	return 0
}

// RegisterBrokerVersion is the version of RegisterBrokerRecord.
func (v MetadataVersion) RegisterBrokerVersion() int16 {
	switch {
	case v.CordonedDirectories():
		return 4
	case v.DirectoryAssignment():
		return 3
	case v >= 8:
		return 2
	}
	return 1
}

var metadataVersionNames = [...]string{
	7: "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
	"3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0",
	"4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0",
}

// String is Kafka's name of the level, 4.3-IV0 for instance; a number where the level has no name.
func (v MetadataVersion) String() string {
	if v >= MinMetadataVersion && int(v) < len(metadataVersionNames) {
		return metadataVersionNames[v]
	}
	return strconv.Itoa(int(v))
}

// ParseMetadataVersion reads a level's name. A release (4.3) means its highest level.
func ParseMetadataVersion(s string) (MetadataVersion, bool) {
	for v := LatestMetadataVersion; v >= MinMetadataVersion; v-- {
		if name := metadataVersionNames[v]; name == s || len(s) >= 3 && name[:len(name)-4] == s {
			return v, true
		}
	}
	return 0, false
}

// SupportedFeatures returns the ranges this software works with, as brokers and controllers register them.
func SupportedFeatures() []FeatureRange {
	return []FeatureRange{
		{FeatureElr, 0, 1},
		{FeatureGroup, 0, 1},
		{FeatureKRaftVersion, 0, 1},
		{FeatureMetadataVersion, int16(MinMetadataVersion), int16(LatestMetadataVersion)},
		{FeatureShare, 0, 1},
		{FeatureStreams, 0, 1},
		{FeatureTransaction, 0, 2},
	}
}

// DefaultFeatures returns the levels that a new cluster starts with, metadata.version first.
func DefaultFeatures() []FeatureLevel {
	return []FeatureLevel{
		{FeatureMetadataVersion, int16(LatestMetadataVersion)},
		{FeatureElr, 1},
		{FeatureGroup, 1},
		{FeatureShare, 1},
		{FeatureStreams, 1},
		{FeatureTransaction, 2},
	}
}

// FeatureLevel is a feature with one level.
type FeatureLevel struct {
	Name  string
	Level int16
}
