package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// BrokerRegistration: v0-v4
//
// A broker that starts says who and where it is and gets its epoch, which is the offset of its registration record.
//
//   - The broker starts fenced; its heartbeats unfence it.
//   - An id whose broker is still heard of is refused to any other process (DUPLICATE_BROKER_REGISTRATION) until that broker's session ends.
//   - A new incarnation first leaves all ISRs, and after an unclean shutdown all ELRs.
//   - The same incarnation again amends its registration and keeps its epoch.
//
// v1: ZooKeeper migration, refused. v2: log directories (KIP-858). v3: the epoch before, to tell clean shutdowns (KIP-966).
func (c *call) brokerRegistration(req *kmsg.BrokerRegistrationRequest) (Result, error) {
	if req.ClusterID != c.cfg.ClusterID {
		return Result{}, failf(kerr.InconsistentClusterID, "Expected cluster ID %s, but got cluster ID %s", c.cfg.ClusterID, req.ClusterID)
	}
	id, incarnation := ident.BrokerID(req.BrokerID), ident.UUID(req.IncarnationID)
	existing := c.image.Broker(id)
	// DEVIATION(kafka): a node that runs broker and controller in one process may register again at once after a crash. It holds the lock of
	// its log directories, so that nobody else can be that broker; Apache Kafka makes it wait until its own old session has run out. The same holds for
	// whoever comes with the directories of the old registration: their locks are not given to two processes.
	ownNode := c.ctx.InProcess && id == c.cfg.NodeID
	if existing != nil && existing.IncarnationID != incarnation && !ownNode && !sameDirectories(existing, req.LogDirs) && c.heartbeats.hasValidSession(id, existing.Epoch, c.now) {
		return Result{}, failf(kerr.DuplicateBrokerRegistration, "Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.")
	}
	if req.IsMigratingZkBroker {
		return Result{}, failf(kerr.BrokerIDNotRegistered, "Controller does not support registering ZK brokers.")
	}
	if err := c.checkDirectories(id, req.LogDirs); err != nil {
		return Result{}, err
	}
	if err := c.checkFeatures(req.Features); err != nil {
		return Result{}, err
	}
	b := registrationOf(req)
	if existing != nil && existing.IncarnationID == incarnation {
		b.Fenced, b.InControlledShutdown, b.Epoch = existing.Fenced, existing.InControlledShutdown, existing.Epoch
	} else {
		c.newIncarnation(id, existing != nil && req.Version >= 3 && existing.Epoch == req.PreviousBrokerEpoch)
		b.Epoch = c.image.Provenance.LastOffset + 1
	}
	mv := c.image.MetadataVersion()
	c.emit(b.Record(mv), mv.RegisterBrokerVersion())
	resp := responseTo[*kmsg.BrokerRegistrationResponse](req)
	resp.BrokerEpoch = b.Epoch
	return Result{Records: c.out, Response: resp}, nil
}

// sameDirectories reports whether a broker comes with the log directories, or some of them, that its id is registered with, and no others.
func sameDirectories(existing *metadata.Broker, dirs [][16]byte) bool {
	return len(dirs) > 0 && !slices.ContainsFunc(dirs, func(d [16]byte) bool { return !slices.Contains(existing.Directories, d) })
}

func (c *call) checkDirectories(id ident.BrokerID, dirs [][16]byte) error {
	if !c.image.MetadataVersion().DirectoryAssignment() {
		return nil
	}
	if len(dirs) == 0 {
		return failf(kerr.InvalidRegistration, "No directories specified in request")
	}
	if slices.ContainsFunc(dirs, func(d [16]byte) bool { return metadata.DirectoryReserved(d) }) {
		return failf(kerr.InvalidRegistration, "Reserved directory ID in request")
	}
	seen := make(map[ident.UUID]bool, len(dirs))
	for _, dir := range dirs {
		if seen[dir] {
			return failf(kerr.InvalidRegistration, "Duplicate directory ID in request")
		}
		seen[dir] = true
	}
	for _, dir := range dirs {
		if owner, ok := c.index.directories[dir]; ok && owner != id {
			return failf(kerr.InvalidRegistration, "Broker %d is already registered with directory %s", owner, ident.UUID(dir))
		}
	}
	return nil
}

// checkFeatures refuses a broker that can't work at the finalized level of some feature. A feature that it doesn't name, it doesn't have.
func (c *call) checkFeatures(features []kmsg.BrokerRegistrationRequestFeature) error {
	named := make(map[string]bool, len(features))
	for _, f := range features {
		named[f.Name] = true
		if err := c.checkFeature(f.Name, f.MinSupportedVersion, f.MaxSupportedVersion); err != nil {
			return err
		}
	}
	if !named[metadata.FeatureMetadataVersion] {
		return failf(kerr.InvalidRegistration, "Request features do not contain 'metadata.version'")
	}
	for name := range c.image.Features() {
		if !named[name] {
			if err := c.checkFeature(name, 0, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) checkFeature(name string, lowest, highest int16) error {
	if level := c.image.FeatureLevel(name); level < lowest || level > highest {
		return failf(kerr.UnsupportedVersion, "Unable to register because the broker does not support finalized version %d of %s. The broker wants a version between %d and %d, inclusive.", level, name, lowest, highest)
	}
	return nil
}

func registrationOf(req *kmsg.BrokerRegistrationRequest) *metadata.Broker {
	b := &metadata.Broker{ID: ident.BrokerID(req.BrokerID), IncarnationID: req.IncarnationID, Rack: req.Rack, Fenced: true}
	for _, l := range req.Listeners {
		b.Endpoints = append(b.Endpoints, metadata.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: metadata.SecurityProtocol(l.SecurityProtocol)})
	}
	for _, f := range req.Features {
		b.Features = append(b.Features, metadata.FeatureRange{Name: f.Name, Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion})
	}
	for _, dir := range req.LogDirs {
		b.Directories = append(b.Directories, dir)
	}
	return b
}
