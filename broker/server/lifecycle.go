package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/storage"
)

// lifecycle makes the broker known to the controller and keeps it so: registration, heartbeats, controlled shutdown (KIP-631).
//
//	registering --> fenced (catching up) --> running --> shutting down --> gone
//	     ^                                      |
//	     +----- the controller forgot us -------+
type lifecycle struct {
	nodeID        ident.BrokerID
	clusterID     string
	incarnationID ident.UUID
	registration  func() *kmsg.BrokerRegistrationRequest // listeners, rack, directories; the rest is filled in here
	controller    requester
	offlineDirs   func() []ident.UUID
	previousEpoch int64             // of the last run, where that ended cleanly; -1: it didn't, or there was none
	registered    func(epoch int64) // told of each new epoch
	session       time.Duration     // broker.session.timeout.ms
	heartbeat     time.Duration
	patience      time.Duration // initial.broker.registration.timeout.ms
	log           *slog.Logger

	lease     lease
	epoch     atomic.Int64 // -1 while not registered
	following atomic.Bool  // the broker acts on the metadata
	amended   atomic.Bool  // the registration has changed, and the controller is to hear of it

	seen      atomic.Pointer[metadata.Image] // what all publishers before this one, which is the last, have acted on
	known     chan struct{}                  // closed when it is registered for the first time
	know      sync.Once
	unfenced  chan struct{}
	unfence   sync.Once
	wantStop  chan struct{}
	stopOnce  sync.Once
	mayStop   chan struct{} // closed when the controller has moved the leaders away, or nothing more can be waited for
	done      chan struct{}
	wake      chan struct{} // something to tell before the next heartbeat is due
	runFailed atomic.Pointer[error]
}

func newLifecycle() *lifecycle {
	l := &lifecycle{incarnationID: storage.NewUUID(), known: make(chan struct{}), unfenced: make(chan struct{}), wantStop: make(chan struct{}), mayStop: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	l.epoch.Store(-1)
	return l
}

// run keeps the broker registered until ctx ends or its shutdown is granted.
func (l *lifecycle) run(ctx context.Context) {
	defer close(l.done)
	for first := true; ctx.Err() == nil; first = false {
		err := l.register(ctx, first)
		if err == nil {
			err = l.beat(ctx)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if errors.Is(err, errFatalRegistration) {
			l.runFailed.Store(&err)
			l.log.Error("the controller refuses this broker", "error", err)
			return
		}
		l.epoch.Store(-1)
		l.log.Warn("registering anew", "error", err)
	}
}

// heartbeatRetry is how soon a heartbeat that wasn't answered is sent again: until the quorum has heard of it, the session runs out.
const heartbeatRetry = 100 * time.Millisecond

const (
	heartbeatPatience = 2 * time.Second // for the answer to one heartbeat
	goodbyePatience   = 3 * time.Second // for a controller that doesn't answer, when the broker wants to stop: nobody may be left to take over
)

// errFatalRegistration marks refusals that asking again doesn't mend.
var errFatalRegistration = errors.New("registration refused")

// register announces the broker and retries until the controller accepts. The first registration of a process gives up after patience.
func (l *lifecycle) register(ctx context.Context, first bool) error {
	began, backoff := time.Now(), 10*time.Millisecond
	for {
		epoch, err := l.announce(ctx)
		switch {
		case err == nil:
			l.previousEpoch = epoch
			l.epoch.Store(epoch)
			l.registered(epoch)
			l.know.Do(func() { close(l.known) })
			l.log.Info("broker registered", "broker", l.nodeID, "broker_epoch", epoch)
			return nil
		case errors.Is(err, kerr.InconsistentClusterID), errors.Is(err, kerr.UnsupportedVersion), errors.Is(err, kerr.InvalidRegistration):
			return fmt.Errorf("broker %d: %w: %w", l.nodeID, errFatalRegistration, err)
		case errors.Is(err, kerr.DuplicateBrokerRegistration) && time.Since(began) > l.patience:
			return fmt.Errorf("broker id %d is taken: another live broker has registered it; give each its own node.id (broker.id): %w", l.nodeID, errFatalRegistration)
		}
		if first && time.Since(began) > l.patience {
			return fmt.Errorf("no registration within initial.broker.registration.timeout.ms (%v): %w: %w", l.patience, errFatalRegistration, err)
		}
		l.log.Debug("registration not accepted yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, time.Second)
	}
}

// announce sends the registration, and returns the epoch that the controller gives the broker. The same process keeps its epoch.
func (l *lifecycle) announce(ctx context.Context) (epoch int64, err error) {
	l.amended.Store(false) // what changes from here on is told anew
	req := l.registration()
	req.BrokerID, req.ClusterID, req.IncarnationID = int32(l.nodeID), l.clusterID, l.incarnationID
	req.PreviousBrokerEpoch = l.previousEpoch
	resp, err := l.controller.Request(ctx, req)
	if err != nil {
		return 0, err
	}
	r := resp.(*kmsg.BrokerRegistrationResponse)
	return r.BrokerEpoch, kerr.ErrorForCode(r.ErrorCode)
}

// amend has the controller hear of a registration that has changed: at once, and until it has.
func (l *lifecycle) amend() {
	l.amended.Store(true)
	l.nudge()
}

// tellAmended announces what has changed in the registration.
func (l *lifecycle) tellAmended(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, heartbeatPatience)
	defer cancel()
	if _, err := l.announce(ctx); err != nil {
		l.log.Warn("the controller could not be told of the broker's endpoints; it is asked again", "error", err)
		l.amended.Store(true)
		return
	}
	l.log.Info("the controller was told of the broker's endpoints")
}

// beat sends heartbeats until the controller lets the broker go (nil) or doesn't know it any more.
func (l *lifecycle) beat(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	registered, heard := l.epoch.Load(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case <-l.wake:
		}
		stopping, following := l.stopping(), l.following.Load() // in this order with amended: who follows has amended what there was to amend
		if !stopping && l.amended.Load() {
			l.tellAmended(ctx)
		}
		req := kmsg.NewPtrBrokerHeartbeatRequest()
		req.BrokerID, req.BrokerEpoch = int32(l.nodeID), registered
		req.CurrentMetadataOffset = l.image().Provenance.LastOffset
		// The broker stays fenced until it has seen its own registration: then it knows all partitions it has a part in. And until its endpoints are known.
		req.WantFence = req.CurrentMetadataOffset < registered || !following || l.amended.Load()
		req.WantShutdown = stopping
		for _, d := range l.offlineDirs() {
			req.OfflineLogDirs = append(req.OfflineLogDirs, d)
		}
		sent := time.Now()
		patience, cancel := context.WithTimeout(ctx, heartbeatPatience)
		resp, err := l.controller.Request(patience, req)
		cancel()
		wait := l.heartbeat
		if stopping && err != nil && time.Since(heard) > goodbyePatience {
			l.log.Warn("stopping without the controller's leave: it doesn't answer", "error", err)
			l.letGo()
			return nil
		}
		if err != nil {
			l.log.Warn("heartbeat failed", "error", err)
			wait = min(wait, heartbeatRetry)
		} else {
			heard = time.Now()
			hb := resp.(*kmsg.BrokerHeartbeatResponse)
			if err := kerr.ErrorForCode(hb.ErrorCode); err != nil {
				if errors.Is(err, kerr.StaleBrokerEpoch) || errors.Is(err, kerr.BrokerIDNotRegistered) {
					if stopping {
						l.letGo()
						return nil
					}
					return err
				}
				l.log.Warn("heartbeat refused", "error", err)
				wait = min(wait, heartbeatRetry)
			} else if hb.ShouldShutdown && stopping {
				l.letGo()
				return nil
			} else if !hb.IsFenced {
				l.lease.renew(sent, l.session)
				if b := l.image().Broker(l.nodeID); b != nil && !b.Fenced {
					l.unfence.Do(func() { close(l.unfenced) })
				} else {
					wait = min(wait, heartbeatRetry) // whoever asks this broker is to find it in the answer; OnMetadata says when
				}
			} else {
				wait = min(wait, 10*time.Millisecond) // catching up: not to be slower than the metadata comes
			}
			if stopping {
				wait = min(wait, 50*time.Millisecond)
			}
		}
		timer.Reset(wait)
	}
}

// image is the metadata that the broker acts on; what is newer its other parts may not have heard of yet.
func (l *lifecycle) image() *metadata.Image {
	if image := l.seen.Load(); image != nil {
		return image
	}
	return metadata.NewImage(l.clusterID)
}

func (l *lifecycle) stopping() bool {
	select {
	case <-l.wantStop:
		return true
	default:
		return false
	}
}

func (l *lifecycle) letGo() { close(l.mayStop) }

// follow says that the broker acts on the metadata from now on, and so may be unfenced.
func (l *lifecycle) follow() {
	l.following.Store(true)
	l.nudge()
}

// nudge sends the next heartbeat now.
func (l *lifecycle) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// OnMetadata makes lifecycle a metadata.Publisher: what the controller waits to hear is told at once.
func (l *lifecycle) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	l.seen.Store(image)
	fencedUs := slices.ContainsFunc(delta.ChangedBrokers, func(c metadata.BrokerChange) bool {
		return c.ID == l.nodeID && c.New != nil && c.New.Fenced && c.New.Epoch == l.epoch.Load()
	})
	select {
	case <-l.unfenced:
		if !l.stopping() && !fencedUs {
			return
		}
	default:
	}
	if slices.ContainsFunc(delta.ChangedBrokers, func(c metadata.BrokerChange) bool { return c.ID == l.nodeID }) || l.stopping() {
		l.nudge()
	}
}

// shutdown asks the controller to move leaders away and waits until it has, at most until ctx ends.
func (l *lifecycle) shutdown(ctx context.Context) {
	l.stopOnce.Do(func() { close(l.wantStop) })
	if l.epoch.Load() < 0 {
		return // it leads nothing
	}
	l.nudge()
	select {
	case <-l.mayStop:
	case <-l.done:
	case <-ctx.Done():
	}
}
