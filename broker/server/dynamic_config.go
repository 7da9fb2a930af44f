package server

import (
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/coordinator/group"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/storage/clean"
)

// dynamicConfig is the configuration in force: what was given at the start, under what AlterConfigs has set since (KIP-226).
type dynamicConfig struct {
	current atomic.Pointer[resolved]
	// changed is called with the new configuration after a change, once the server is complete.
	changed atomic.Pointer[func(*config.Broker)]
	log     *slog.Logger
}

type resolved struct {
	layers *config.Layers
	config *config.Broker
}

func (d *dynamicConfig) init(layers *config.Layers, cfg *config.Broker) {
	d.current.Store(&resolved{layers, cfg})
}

func (d *dynamicConfig) config() *config.Broker { return d.current.Load().config }
func (d *dynamicConfig) layers() *config.Layers { return d.current.Load().layers }

// onChange calls fn now and after each change: what was set before the server was complete counts as well.
func (d *dynamicConfig) onChange(fn func(*config.Broker)) {
	d.changed.Store(&fn)
	fn(d.config())
}

// topicLogConfig resolves a topic's configuration from its own settings over the broker's.
func (d *dynamicConfig) topicLogConfig(_ string, own map[string]string) storage.LogConfig {
	t, err := d.config().ResolveTopic(own)
	if err != nil {
		d.log.Error("a topic's configuration holds a value that doesn't fit; it is left out", "error", err)
	}
	return logConfig(t)
}

// OnMetadata takes over changed broker configs.
func (d *dynamicConfig) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	own := strconv.Itoa(int(d.config().NodeID))
	for _, c := range delta.ChangedConfigs {
		if c.Type != metadata.ConfigBroker || c.Name != "" && c.Name != own {
			continue
		}
		layers := d.layers().WithDynamic(image.Config(metadata.ConfigBroker, ""), image.Config(metadata.ConfigBroker, own))
		cfg, err := layers.Resolve()
		if err != nil {
			d.log.Error("a dynamic broker config does not fit; the configuration stays as it is", "error", err)
			return
		}
		cfg.NodeID = d.config().NodeID
		d.current.Store(&resolved{layers, cfg})
		if changed := d.changed.Load(); changed != nil {
			(*changed)(cfg)
		}
		return
	}
}

// configChanged has what was built from the configuration at the start heed what it is now. Logs resolve theirs anew by themselves.
func (s *Server) configChanged(cfg *config.Broker) {
	s.limitConnections(cfg)
	if s.life != nil {
		s.relisten(cfg)
	}
	if s.copying != nil {
		s.copying.setRates(cfg)
		s.fetchers.SetFetchers(cfg.Replica.Fetchers)
	}
	if s.storage != nil {
		s.storage.SetProducerIDExpiration(cfg.Log.ProducerIDExpiration)
	}
	if s.cleaner != nil {
		s.cleaner.Reconfigure(cleanerConfig(cfg, nil))
	}
}

func groupConfig(cfg *config.Broker, log *slog.Logger) group.Config {
	c := group.DefaultConfig()
	g := cfg.Groups
	c.OffsetsTopicPartitions = g.Partitions
	c.MinSessionTimeout, c.MaxSessionTimeout, c.InitialRebalanceDelay, c.MaxSize = g.MinSessionTimeout, g.MaxSessionTimeout, g.InitialRebalanceDelay, g.MaxSize
	c.OffsetMetadataMaxBytes, c.OffsetsRetention, c.OffsetsRetentionCheckInterval = g.OffsetMetadataMax, g.OffsetsRetention, g.RetentionCheckInterval
	c.OffsetCommitTimeout = g.CommitTimeout
	c.Compression = batch.Compression{Codec: batch.Codec(g.CompressionCodec)}
	c.AppendLinger = g.AppendLinger
	c.ConsumerProtocol = slices.Contains(g.Protocols, "consumer")
	c.ConsumerSessionTimeout, c.ConsumerHeartbeatInterval, c.ConsumerMaxSize = g.ConsumerSessionTimeout, g.ConsumerHeartbeatInterval, g.ConsumerMaxSize
	c.ConsumerAssignors, c.ConsumerAssignmentInterval = g.ConsumerAssignors, g.ConsumerAssignmentInterval
	c.OnlineUpgrade = g.MigrationPolicy == "bidirectional" || g.MigrationPolicy == "upgrade"
	c.OnlineDowngrade = g.MigrationPolicy == "bidirectional" || g.MigrationPolicy == "downgrade"
	c.Logger = log
	return c
}

func cleanerConfig(cfg *config.Broker, log *slog.Logger) clean.Config {
	l := cfg.Log
	return clean.Config{
		Threads: l.CleanerThreads, DedupeBufferSize: l.CleanerDedupeBytes, IOBufferSize: l.CleanerIOBytes, DedupeLoadFactor: l.CleanerLoadFactor,
		IOMaxBytesPerSecond: l.CleanerMaxBytesPerS, Backoff: l.CleanerBackoff, Logger: log,
	}
}
