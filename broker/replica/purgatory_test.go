package replica

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// TestPurgatoryTimes runs an hour of waiting in virtual time: requests are answered when their time is up, and not before.
func TestPurgatoryTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, 1)
		f.brokers(1, 2)
		f.topic("t", 1, 1, 2)
		start := time.Now()
		fetch := f.fetch(consumer(20*time.Minute, 1), at("t", 0, 0))
		produce := f.produce(AcksAll, 40*time.Minute, tpOf("t", 0), records(1))
		deletion := f.deleteRecords(time.Hour, DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: 0})
		if r := (<-fetch)[0]; r.Err != nil || time.Since(start) != 20*time.Minute {
			t.Errorf("fetch: %v after %v", r.Err, time.Since(start))
		}
		if r := <-produce; !errors.Is(r.Err, kerr.RequestTimedOut) || time.Since(start) != 40*time.Minute {
			t.Errorf("produce: %v after %v", r.Err, time.Since(start))
		}
		if r := (<-deletion)[0]; !errors.Is(r.Err, kerr.RequestTimedOut) || time.Since(start) != time.Hour {
			t.Errorf("deletion: %v after %v", r.Err, time.Since(start))
		}
		synctest.Wait()
	})
}

// TestIdleFollowerLeavesTheIsr lets a follower be silent for longer than replica.lag.time.max.ms, in virtual time.
func TestIdleFollowerLeavesTheIsr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &controllerStub{}
		f := newFixture(t, func(cfg *Config) { cfg.Controller = c }, 1)
		f.brokers(1, 2)
		f.topic("t", 1, 1, 2)
		f.fetchOne(asFollower(2), at("t", 0, 0))
		f.mustProduce("t", 0, 1)
		<-time.After(9 * time.Second)
		synctest.Wait()
		if n := c.requests.Load(); n != 0 {
			t.Errorf("%d ISR changes after 9 s, with a limit of 10 s", n)
		}
		<-time.After(11 * time.Second)
		synctest.Wait()
		if s := f.partition("t", 0).State(); len(s.Isr) != 1 || s.HighWatermark != 1 {
			t.Errorf("after 20 s: %+v, %d ISR changes", s, c.requests.Load())
		}
	})
}
