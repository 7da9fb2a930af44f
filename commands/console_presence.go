package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
)

const (
	presenceDelay    = 300 * time.Millisecond // who reads a few records and ends leaves no group behind
	presenceFarewell = time.Second            // how long the end waits for the group's coordinator
)

// presence shows a console consumer without --group as what the original makes of it: the only member of the group console-consumer-N, which commits
// nothing. Records don't wait for that group (the original's do, three seconds by default): the member only sits there, and all its partitions are paused.
type presence struct {
	stop context.CancelFunc
	done sync.WaitGroup
}

// showPresence begins to be seen, in the background and unless it ends before. Whatever goes wrong, no permission for groups for example, the
// consumer reads on.
func (o *consoleConsumerOptions) showPresence(ctx context.Context) *presence {
	p := new(presence)
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.done.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(presenceDelay):
		}
		props := maps.Clone(o.Props)
		props["group.id"] = fmt.Sprintf("console-consumer-%d", rand.IntN(100000))
		props["enable.auto.commit"] = "false"
		opts, err := client.ConsumerOptions(props)
		if err != nil {
			return
		}
		cl, err := client.New(ctx, props, append(append(opts, o.subscription()...), kgo.WithHooks(p),
			kgo.OnPartitionsAssigned(func(_ context.Context, cl *kgo.Client, assigned map[string][]int32) {
				cl.PauseFetchPartitions(assigned)
			}))...)
		if err != nil {
			return
		}
		<-ctx.Done()
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), presenceFarewell)
		defer cancel()
		_ = cl.LeaveGroupContext(leave) // or it is removed when its session ends
		cl.Close()
	})
	return p
}

// OnGroupManageError implements kgo.HookGroupManageError: who may not use groups doesn't try again and again.
func (p *presence) OnGroupManageError(err error) {
	if errors.Is(err, kerr.GroupAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) {
		p.stop()
	}
}

// end leaves the group.
func (p *presence) end() {
	p.stop()
	p.done.Wait()
}
