package commands

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/commands/client"
)

func (o *consumerGroupsOptions) resetOffsets(ctx context.Context, cl *client.Client) error {
	groups, err := o.selected(ctx, cl)
	if err != nil {
		return err
	}
	described, err := describeGroups(ctx, cl, groups)
	if err != nil {
		return err
	}
	views := []resetView{}
	refused := false
	for i := range described {
		g := &described[i]
		if g.err != nil && !errors.Is(g.err, kerr.GroupIDNotFound) {
			return errors.New(javaError(g.err))
		}
		if g.err == nil && g.State != "Empty" && g.State != "Dead" {
			o.refuseReset(g.Group, g.State, g.clients())
			refused = true
			continue
		}
		reset, err := o.planReset(ctx, cl, g.Group)
		if err != nil {
			return err
		}
		if o.Execute {
			if err := commitReset(ctx, cl, g.Group, reset); err != nil {
				return err
			}
		}
		views = append(views, reset...)
	}
	if err := o.printReset(views); err != nil {
		return err
	}
	if refused {
		return ErrSilent
	}
	return nil
}

// planReset computes the new offsets of a group: of the partitions that it has committed, or of those named.
func (o *consumerGroupsOptions) planReset(ctx context.Context, cl *client.Client, group string) ([]resetView, error) {
	if o.Scenario == "from-file" {
		return o.fromFile(ctx, cl, group)
	}
	committed, err := committedOffsets(ctx, cl, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, err
	}
	keys := committedPartitions(committed)
	if !o.AllTopics {
		if keys, err = namedPartitions(ctx, cl, o.Topics); err != nil {
			return nil, err
		}
	}
	return o.plan(ctx, cl, group, committed, keys)
}
