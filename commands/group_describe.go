package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// describedGroup is a group as --describe shows it.
type describedGroup interface {
	failure() error    // why it could not be described
	clients() []string // its members, as people know them
}

// describeSelected prints the groups that the command is about: as ask describes them, in the view of offsets with what addOffsets
// adds.
func describeSelected[V describedGroup](ctx context.Context, cl *client.Client, o *groupTool, ask func(context.Context, *client.Client, []string) ([]V, error),
	addOffsets func(context.Context, *client.Client, []V) error, printGroup func(io.Writer, *V),
) error {
	names, err := o.selected(ctx, cl)
	if err != nil {
		return err
	}
	groups, err := ask(ctx, cl, names)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := g.failure(); err != nil {
			return errors.New(javaError(err))
		}
	}
	if o.View == "offsets" {
		if err := addOffsets(ctx, cl, groups); err != nil {
			return err
		}
	}
	return o.Output.write(o.IO.Out, groups, func(w io.Writer) error {
		for i := range groups {
			printGroup(w, &groups[i])
		}
		return nil
	})
}

// askCoordinators asks the coordinators of groups about them until none is being found or is loading, and returns the groups by name.
func askCoordinators[V describedGroup](ctx context.Context, cl *client.Client, names []string, req kmsg.Request, read func(kgo.ResponseShard) map[string]V) ([]V, error) {
	groups := []V{}
	if len(names) == 0 {
		return groups, nil
	}
	found := make(map[string]V)
	err := untilCoordinated(ctx, func() error {
		for _, shard := range cl.RequestSharded(ctx, req) {
			if shard.Err != nil {
				return shard.Err
			}
			for name, g := range read(shard) {
				if err := g.failure(); isCoordinatorError(err) {
					return err
				}
				found[name] = g
			}
		}
		return nil
	})
	for _, name := range slices.Sorted(maps.Keys(found)) {
		groups = append(groups, found[name])
	}
	return groups, err
}

// coordinatorView is the broker that coordinates a group.
type coordinatorView struct {
	Coordinator        int32  `json:"coordinator"`
	CoordinatorAddress string `json:"coordinator_address"`
}

func coordinatorOf(shard kgo.ResponseShard) coordinatorView {
	return coordinatorView{shard.Meta.NodeID, fmt.Sprintf("%s:%d", shard.Meta.Host, shard.Meta.Port)}
}

// text prints HOST:PORT (ID), with as much space between them as the tool has there.
func (v coordinatorView) text(space string) string {
	return fmt.Sprintf("%s%s(%d)", v.CoordinatorAddress, space, v.Coordinator)
}

// verboseOnly takes the columns out of a table that are shown with --verbose only, and returns the widths of the others.
func (o *groupTool) verboseOnly(widths []int, rows [][]string, columns ...int) []int {
	if o.Verbose {
		return widths
	}
	return dropColumns(widths, rows, columns...)
}

type topicPartitionsView struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

func sortedPartitions(list []topicPartitionsView) []topicPartitionsView {
	for i := range list {
		slices.Sort(list[i].Partitions)
	}
	slices.SortFunc(list, func(a, b topicPartitionsView) int { return strings.Compare(a.Topic, b.Topic) })
	return list
}

// assignment prints topic:0,1;other:2.
func assignment(list []topicPartitionsView) string {
	parts := make([]string, 0, len(list))
	for _, a := range list {
		parts = append(parts, a.Topic+":"+commaList(a.Partitions))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ";")
}

// number prints a number that may be unknown.
func number[T int32 | int64](n *T) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(int64(*n), 10)
}

func dash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}
