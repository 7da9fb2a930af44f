package controller

import (
	"strconv"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// activationRecords are what a new leader writes first. A new cluster gets its features, metadata.version before all else, in one
// transaction: a leader that dies in between leaves nothing half done.
func (c *Core) activationRecords(inTransaction bool) []Record {
	var out []Record
	if inTransaction {
		abort := record.NewAbortTransactionRecord()
		abort.Reason = new("Controller failover")
		out = append(out, Record{abort, 0})
	}
	if c.image.MetadataVersion() != 0 {
		return out
	}
	features := c.cfg.Features
	if features == nil {
		features = metadata.DefaultFeatures()
	}
	begin := record.NewBeginTransactionRecord()
	begin.Name = new("Bootstrap records")
	out = append(out, Record{begin, 0})
	elr := false
	for _, f := range features {
		out = append(out, Record{&record.FeatureLevelRecord{Name: f.Name, FeatureLevel: f.Level}, 0})
		elr = elr || f.Name == metadata.FeatureElr && f.Level > 0
	}
	out = append(out, c.cfg.BootstrapRecords...)
	if elr {
		// ELRs rest on min.insync.replicas: from now on it comes from the log, not from each node's file.
		value := strconv.Itoa(int(c.cfg.MinInsyncReplicas))
		out = append(out, Record{&record.ConfigRecord{ResourceType: int8(metadata.ConfigBroker), Name: minInsyncReplicas, Value: &value}, 0})
	}
	return append(out, Record{record.NewEndTransactionRecord(), 0})
}
