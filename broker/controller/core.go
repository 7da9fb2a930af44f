package controller

import (
	"cmp"
	"fmt"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// Record is a metadata record and the version to write it at.
type Record struct {
	Message record.Message
	Version int16
}

// maxRecordsPerBatch bounds what one request may write in one piece, as Apache Kafka bounds it. What need not be atomic is split.
const maxRecordsPerBatch = 10_000

// Result is what a handler wants: records to be written, and the response once they are committed. Both may be empty.
type Result struct {
	Records  []Record
	Response kmsg.Response
	Atomic   bool // all records or none: they must fit one batch
}

// Core is the controller as a state machine. It is not safe for concurrent use.
//
// Its replicated state is image, which only Replay changes. Everything else is derived from it (index) or is
// what a leader knows from watching (heartbeats), and a new leader starts with neither.
type Core struct {
	cfg        Config
	image      *metadata.Image
	index      index
	indexed    *metadata.Image // what index is of, while the core isn't active; nil: of none that is known
	heartbeats heartbeats
	timers     timers
}

// NewCore returns a core that has seen what image holds and isn't active yet.
func NewCore(cfg Config, image *metadata.Image) *Core {
	cfg.SessionTimeout = cmp.Or(cfg.SessionTimeout, 9*time.Second)
	cfg.UncleanElectionInterval = cmp.Or(cfg.UncleanElectionInterval, 5*time.Minute)
	return &Core{cfg: cfg, image: image}
}

// Image is the state after all records replayed so far.
func (c *Core) Image() *metadata.Image { return c.image }

// Activate makes the core the active controller, continuing from image, the committed state. It returns the records to write first: those of
// a new cluster if the log is empty, and the end of a transaction that the leader before left open.
func (c *Core) Activate(image *metadata.Image, inTransaction bool, now time.Time) []Record {
	c.image = image
	if c.indexed != image {
		c.index.rebuild(image)
	}
	c.indexed = nil // from here on it goes with the speculative image
	c.heartbeats = newHeartbeats(c.cfg.SessionTimeout)
	for b := range image.Brokers() {
		c.heartbeats.register(b)
		if !b.Fenced { // it may be alive: it gets a whole session to show itself
			c.heartbeats.contact(b.ID, b.Epoch, now)
		}
	}
	c.timers.start(&c.cfg, now)
	return c.activationRecords(inTransaction)
}

// Follow keeps the index of a core that isn't active in step with the committed image: to build it for 200,000 partitions when the controller before has died would be a part of
// the time that the cluster has none.
func (c *Core) Follow(delta *metadata.Delta, image *metadata.Image) {
	if c.indexed != nil && c.indexed == delta.Old {
		c.index.apply(delta)
	} else {
		c.index.rebuild(image)
	}
	c.indexed = image
}

// Handle answers one request. An error means that the request as a whole is refused; it wraps a *kerr.Error.
func (c *Core) Handle(ctx *Context, req kmsg.Request, now time.Time) (Result, error) {
	h, ok := handlers[req.Key()]
	if !ok {
		return Result{}, failf(kerr.UnsupportedVersion, "The controller does not handle %s.", kmsg.NameForKey(req.Key()))
	}
	res, err := h(&call{Core: c, ctx: ctx, now: now}, req)
	if err == nil && res.Atomic && len(res.Records) > maxRecordsPerBatch {
		return Result{}, failf(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")
	}
	return res, err
}

// Replay applies records to the image: those that a handler just wanted, as if they were committed. An error means a bug: the handler
// wrote what doesn't fit the state it saw.
func (c *Core) Replay(records []Record) error {
	b := metadata.NewBuilder(c.image)
	for i, r := range records {
		if err := b.Replay(r.Message); err != nil {
			return fmt.Errorf("replay of record %d of %d: %w", i+1, len(records), err)
		}
	}
	end := c.image.Provenance
	end.LastOffset += int64(len(records))
	image, delta := b.Build(end)
	c.image = image
	c.index.apply(delta)
	c.heartbeats.apply(delta)
	c.checkInvariants(delta)
	return nil
}

// Committed tells the core how far the log is committed and what that changed. Offsets of records that aren't committed yet are a forecast, which
// control records of the quorum can falsify; here it is put right.
func (c *Core) Committed(delta *metadata.Delta, image *metadata.Image) {
	for _, ch := range delta.ChangedBrokers {
		if ch.New != nil && (ch.Old == nil || ch.Old.Epoch != ch.New.Epoch) {
			if s := c.heartbeats.brokers[ch.ID]; s != nil && s.epoch == ch.New.Epoch {
				s.registeredAt = image.Provenance.LastOffset
			}
		}
	}
	if image.Provenance.LastOffset > c.image.Provenance.LastOffset {
		c.image = c.image.At(image.Provenance)
	}
}

// call is one request being handled: what a handler may look at. Handlers read c.image and write to out.
type call struct {
	*Core
	ctx *Context
	now time.Time
	out []Record
	// changed has the partitions as the records in out leave them: a request may name one twice.
	changed map[partitionKey]*metadata.Partition
}

type partitionKey struct {
	topic     ident.TopicID
	partition int32
}

// partition is a partition as this request has left it so far, nil where there is none.
func (c *call) partition(t *metadata.Topic, id int32) *metadata.Partition {
	if p, ok := c.changed[partitionKey{t.ID, id}]; ok {
		return p
	}
	return t.Partition(id)
}

func (c *call) emit(m record.Message, version int16) { c.out = append(c.out, Record{m, version}) }

// emitChange adds what a partition change comes to, if to anything.
func (c *call) emitChange(b *partitionChange) *record.PartitionChangeRecord {
	r := b.build()
	if r == nil {
		return nil
	}
	c.emit(r, c.image.MetadataVersion().PartitionVersion())
	if next, err := b.partition.Merge(r); err == nil { // the error comes again when the record is replayed, and is dealt with there
		if c.changed == nil {
			c.changed = make(map[partitionKey]*metadata.Partition)
		}
		c.changed[partitionKey{b.topicID, b.partitionID}] = next
	}
	return r
}

// handlerFunc is a handler for any request; on makes it from one for a certain type.
type handlerFunc func(c *call, req kmsg.Request) (Result, error)

func on[R kmsg.Request](h func(c *call, req R) (Result, error)) handlerFunc {
	return func(c *call, req kmsg.Request) (Result, error) {
		typed, ok := req.(R)
		if !ok {
			return Result{}, fmt.Errorf("request is a %T, its key says %s", req, reflect.TypeFor[R]())
		}
		return h(c, typed)
	}
}

// responseTo returns req's response with default values and req's version.
func responseTo[R kmsg.Response](req kmsg.Request) R { return req.ResponseKind().(R) }

// isActive reports whether a broker is registered, unfenced and not shutting down.
func (c *Core) isActive(id ident.BrokerID) bool { return c.image.Broker(id).Active() }

// leaderAcceptor narrows live by the partition's log directories: a broker can't lead from one that is offline.
func (c *Core) leaderAcceptor(p *metadata.Partition, live func(ident.BrokerID) bool) func(ident.BrokerID) bool {
	return func(id ident.BrokerID) bool {
		b := c.image.Broker(id)
		return b != nil && live(id) && b.HasOnlineDirectory(p.Directory(id))
	}
}

func (c *Core) elrEnabled() bool { return c.image.FeatureLevel(metadata.FeatureElr) > 0 }

// defaultDirectory is where a broker's new replica will be: known at once if the broker has but one directory.
func (c *Core) defaultDirectory(id ident.BrokerID) ident.UUID {
	switch b := c.image.Broker(id); {
	case !c.image.MetadataVersion().DirectoryAssignment():
		return metadata.DirectoryMigrating
	case b == nil:
		return metadata.DirectoryUnassigned
	case len(b.Directories) == 0:
		return metadata.DirectoryMigrating
	case len(b.Directories) == 1:
		return b.Directories[0]
	}
	return metadata.DirectoryUnassigned
}

// checkBrokerEpoch refuses requests of a broker's earlier incarnation.
func (c *Core) checkBrokerEpoch(id int32, epoch int64) (*metadata.Broker, error) {
	b := c.image.Broker(ident.BrokerID(id))
	if b == nil {
		return nil, failf(kerr.StaleBrokerEpoch, "No broker registration found for broker id %d", id)
	}
	if b.Epoch != epoch {
		return nil, failf(kerr.StaleBrokerEpoch, "Expected broker epoch %d, but got broker epoch %d", b.Epoch, epoch)
	}
	return b, nil
}

// randomID makes a topic id. Like Apache Kafka's it is never one of the reserved ids and never starts with a dash in its text form, which
// command lines would take for an option.
func (c *Core) randomID() ident.UUID {
	for {
		var id ident.UUID
		for i := 0; i < len(id); i += 8 {
			v := c.cfg.Rand.Uint64()
			for j := range 8 {
				id[i+j] = byte(v >> (8 * j))
			}
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a version 4 UUID
		if !metadata.DirectoryReserved(id) && id.String()[0] != '-' {
			return id
		}
	}
}
