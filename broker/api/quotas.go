package api

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// quotaClient is whom a request's traffic is put down to.
func quotaClient(r *wire.Request) quota.Client {
	return quota.Client{User: r.Conn.Principal().Name, ID: clientIDOf(r)}
}

// fetchQuota accounts for what a consumer is about to get. When it has to wait it gets nothing, and nothing is put down to it.
func (d *Data) fetchQuota(r *wire.Request, ctx *replica.FetchContext, results []replica.FetchResult) time.Duration {
	if ctx.FromFollower() {
		return 0
	}
	size := fetchEnvelopeBytes
	for i := range results {
		size += fetchRowBytes
		if records := results[i].Records; records != nil {
			size += records.Size()
		}
	}
	now, client := time.Now(), quotaClient(r)
	wait := max(d.Quotas.Record(quota.Fetch, client, size, now), r.Charge())
	if wait > 0 {
		d.Quotas.TakeBack(quota.Fetch, client, size, now)
	}
	return wait
}

// ChargeTime accounts for the time that a request took (request_percentage), and returns how long its client has to wait.
func (h *Handlers) ChargeTime(r *wire.Request, spent time.Duration) time.Duration {
	if !h.Quotas.LimitsTime() {
		return 0
	}
	return h.Quotas.RecordTime(quotaClient(r), spent, time.Now())
}

// strictMutation reports whether a request that makes or removes partitions is refused when its client is beyond controller_mutation_rate;
// older versions are only told to wait (KIP-599).
func strictMutation(key, version int16) bool {
	switch key {
	case 19:
		return version >= 6
	case 20:
		return version >= 5
	default:
		return version >= 3
	}
}

// withMutationQuota lets the controller charge the client for partitions. throttle is how long the client has to wait afterwards.
//
// DEVIATION(kafka): it is this broker that counts, not the controller for all brokers.
func (h *Handlers) withMutationQuota(ctx context.Context, r *wire.Request) (_ context.Context, throttle func() time.Duration) {
	if r.Key != 19 && r.Key != 20 && r.Key != 37 {
		return ctx, func() time.Duration { return 0 }
	}
	var wait time.Duration // written by the controller's goroutine before it answers
	client, strict := quotaClient(r), strictMutation(r.Key, r.Version)
	charge := func(partitions int) error {
		next, ok := h.Quotas.Spend(quota.ControllerMutation, client, partitions, strict, time.Now())
		wait = max(wait, next)
		if !ok {
			return &wire.Refusal{Code: kerr.ThrottlingQuotaExceeded} // without words, as in Apache Kafka
		}
		return nil
	}
	return controller.WithPartitionQuota(ctx, charge), func() time.Duration { return wait }
}

// spendMutations charges the client for a request that goes to a controller elsewhere: as a whole, as that one doesn't know the client. It returns the answer to a
// request that is refused.
func (h *Handlers) spendMutations(ctx context.Context, req kmsg.Request) kmsg.Response {
	charge := controller.PartitionQuotaOf(ctx)
	if charge == nil || h.ControllerHere == nil || h.ControllerHere() {
		return nil
	}
	n := mutations(h.Metadata.Current(), h.Config().Topics, req)
	if n == 0 {
		return nil
	}
	if err := charge(n); err != nil {
		return controller.ErrorResponse(req, err)
	}
	return nil
}

// throttled tells the client of resp to wait.
func throttled(r *wire.Request, resp kmsg.Response, wait time.Duration) {
	if wait <= 0 {
		return
	}
	if t, ok := resp.(kmsg.SetThrottleResponse); ok {
		t.SetThrottle(int32(wait.Milliseconds()))
	}
	r.Throttle(wait)
}
