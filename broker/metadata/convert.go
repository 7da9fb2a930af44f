package metadata

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// noLeaderChange is PartitionChangeRecord.Leader where the leader stays.
const noLeaderChange = -2

// partitionOf is a partition as its record says. All lists that hold the same ids in the same order share one array: in a healthy cluster
// Isr equals Replicas, and there are many partitions.
func partitionOf(r *record.PartitionRecord) *Partition {
	p := &Partition{
		Replicas: brokerIDs(r.Replicas), AddingReplicas: brokerIDs(r.AddingReplicas), RemovingReplicas: brokerIDs(r.RemovingReplicas),
		Elr: brokerIDs(r.EligibleLeaderReplicas), LastKnownElr: brokerIDs(r.LastKnownElr),
		Leader: ident.BrokerID(r.Leader), LeaderEpoch: r.LeaderEpoch, PartitionEpoch: r.PartitionEpoch,
		LeaderRecoveryState: LeaderRecoveryState(r.LeaderRecoveryState),
	}
	p.Isr = p.sharedIDs(r.Isr)
	p.Directories = directoriesOf(r.Directories, len(r.Replicas))
	return p
}

// Merge returns the partition after a change. Every change raises the partition epoch, and a record that names a leader, even the one it
// has, raises the leader epoch.
func (p *Partition) Merge(r *record.PartitionChangeRecord) (*Partition, error) {
	next := *p
	next.PartitionEpoch++
	if r.Replicas != nil {
		next.Replicas = brokerIDs(r.Replicas)
	}
	if r.Directories != nil {
		next.Directories = slices.Clone(r.Directories)
	}
	if len(next.Directories) > 0 && len(next.Directories) != len(next.Replicas) {
		return nil, fmt.Errorf("%w: %d replicas, but %d directories", ErrReplay, len(next.Replicas), len(next.Directories))
	}
	next.Directories = directoriesOf(next.Directories, len(next.Replicas))
	if r.Isr != nil {
		next.Isr = next.sharedIDs(r.Isr)
	}
	if r.AddingReplicas != nil {
		next.AddingReplicas = brokerIDs(r.AddingReplicas)
	}
	if r.RemovingReplicas != nil {
		next.RemovingReplicas = brokerIDs(r.RemovingReplicas)
	}
	if r.EligibleLeaderReplicas != nil {
		next.Elr = brokerIDs(r.EligibleLeaderReplicas)
	}
	if r.LastKnownElr != nil {
		next.LastKnownElr = brokerIDs(r.LastKnownElr)
	}
	if r.Leader != noLeaderChange {
		next.Leader = ident.BrokerID(r.Leader)
		next.LeaderEpoch++
	}
	if r.LeaderRecoveryState >= 0 {
		next.LeaderRecoveryState = LeaderRecoveryState(r.LeaderRecoveryState)
	}
	return &next, nil
}

// sharedIDs converts ids, or returns p.Replicas where it holds just those.
func (p *Partition) sharedIDs(ids []int32) []ident.BrokerID {
	if slices.EqualFunc(ids, p.Replicas, func(a int32, b ident.BrokerID) bool { return ident.BrokerID(a) == b }) {
		return p.Replicas
	}
	return brokerIDs(ids)
}

// directoriesOf returns one directory for each replica. A record from before directories had ids has none, which counts as migrating.
func directoriesOf(dirs []ident.UUID, replicas int) []ident.UUID {
	if len(dirs) == replicas {
		return dirs
	}
	migrating := make([]ident.UUID, replicas)
	for i := range migrating {
		migrating[i] = DirectoryMigrating
	}
	return migrating
}

func brokerIDs(ids []int32) []ident.BrokerID {
	if len(ids) == 0 {
		return nil
	}
	out := make([]ident.BrokerID, len(ids))
	for i, id := range ids {
		out[i] = ident.BrokerID(id)
	}
	return out
}

// Int32s converts broker ids to the protocol's form. The result is never nil, which records and responses take for "no change" or null.
func Int32s(ids []ident.BrokerID) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}

func sortedUUIDs(ids []ident.UUID) []ident.UUID {
	out := slices.Clone(ids)
	if out == nil {
		out = []ident.UUID{}
	}
	slices.SortFunc(out, compareUUIDs)
	return out
}

func compareUUIDs(a, b ident.UUID) int { return bytes.Compare(a[:], b[:]) }

func brokerOf(r *record.RegisterBrokerRecord) *Broker {
	b := &Broker{
		ID: ident.BrokerID(r.BrokerId), Epoch: r.BrokerEpoch, IncarnationID: r.IncarnationId, Rack: r.Rack,
		Fenced: r.Fenced, InControlledShutdown: r.InControlledShutdown, Directories: sortedUUIDs(r.LogDirs),
	}
	if r.CordonedLogDirs != nil {
		b.CordonedDirectories = sortedUUIDs(r.CordonedLogDirs)
	}
	for _, e := range r.EndPoints {
		b.Endpoints = append(b.Endpoints, Endpoint{e.Name, e.Host, e.Port, SecurityProtocol(e.SecurityProtocol)})
	}
	for _, f := range r.Features {
		b.Features = append(b.Features, FeatureRange{f.Name, f.MinSupportedVersion, f.MaxSupportedVersion})
	}
	sortFeatures(b.Features)
	return b
}

func controllerOf(r *record.RegisterControllerRecord) *Controller {
	c := &Controller{ID: ident.BrokerID(r.ControllerId), IncarnationID: r.IncarnationId}
	for _, e := range r.EndPoints {
		c.Endpoints = append(c.Endpoints, Endpoint{e.Name, e.Host, e.Port, SecurityProtocol(e.SecurityProtocol)})
	}
	for _, f := range r.Features {
		c.Features = append(c.Features, FeatureRange{f.Name, f.MinSupportedVersion, f.MaxSupportedVersion})
	}
	sortFeatures(c.Features)
	return c
}

func sortFeatures(features []FeatureRange) {
	slices.SortFunc(features, func(a, b FeatureRange) int { return cmp.Compare(a.Name, b.Name) })
}

func aclOf(r *record.AccessControlEntryRecord) *ACL {
	return &ACL{
		ID: r.Id, ResourceType: r.ResourceType, ResourceName: r.ResourceName, PatternType: r.PatternType,
		Principal: r.Principal, Host: r.Host, Operation: r.Operation, PermissionType: r.PermissionType,
	}
}

func tokenOf(r *record.DelegationTokenRecord) *DelegationToken {
	return &DelegationToken{
		TokenID: r.TokenId, Owner: r.Owner, Requester: r.Requester, Renewers: r.Renewers,
		IssueTimestamp: r.IssueTimestamp, MaxTimestamp: r.MaxTimestamp, ExpirationTimestamp: r.ExpirationTimestamp,
	}
}
