package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/commands/client"
)

func (o *streamsGroupsOptions) deleteGroups(ctx context.Context, cl *client.Client) error {
	existing, err := o.existing(ctx, cl)
	if err != nil {
		return err
	}
	groups := o.among(existing)
	known, failed := ofThoseKnown(groups, existing, "Group '%[1]s' could not be deleted due to: java.lang.IllegalArgumentException: Group '%[1]s' does not exist or is not a streams group.")
	internal := make(map[string][]string)
	if o.DeleteAllInternal {
		described, err := describeStreamsGroups(ctx, cl, known)
		if err != nil {
			return err
		}
		for i := range described {
			internal[described[i].Group] = described[i].internalTopics()
		}
	}
	what := "the committed offsets"
	if o.DeleteAllInternal {
		what += " and internal topics"
	}
	if err := o.confirmDelete("streams group", groups, what); err != nil {
		return err
	}
	deleted, more, err := o.deleteByName(ctx, cl, known)
	if err != nil {
		return err
	}
	notDeleted := o.deleteInternalOf(ctx, cl, deleted, internal)
	failed = append(failed, more...)
	slices.Sort(failed)
	names := "'" + strings.Join(deleted, "', '") + "'"
	if len(failed) == 0 {
		fmt.Fprintf(o.IO.Out, "Deletion of requested streams groups (%s) was successful.\n", names)
	} else {
		say(o.IO.Out, "\nError: Deletion of some streams groups failed:\n%s\n", strings.Join(failed, "\n"))
		if len(deleted) > 0 {
			fmt.Fprintf(o.IO.Out, "\nThese streams groups were deleted successfully: %s.\n", names)
		}
	}
	switch {
	case len(notDeleted) > 0:
		fmt.Fprintf(o.IO.Out, "Deletion of some associated internal topics failed:\n%s\n", strings.Join(notDeleted, "\n"))
	case o.DeleteAllInternal && len(deleted) > 0:
		fmt.Fprintf(o.IO.Out, "Deletion of associated internal topics of the streams groups (%s) was successful.\n", names)
	}
	if len(failed) > 0 || len(notDeleted) > 0 {
		return ErrSilent
	}
	return nil
}

// deleteInternalOf deletes the internal topics of groups that are gone, and returns a line for each group of which it could not.
func (o *streamsGroupsOptions) deleteInternalOf(ctx context.Context, cl *client.Client, deleted []string, internal map[string][]string) (failed []string) {
	for _, g := range deleted {
		if len(internal[g]) == 0 {
			continue
		}
		if err := deleteTopics(ctx, cl, internal[g], func(topic string) { fmt.Fprintf(o.IO.Out, "Failed to delete internal topic: %s\n", topic) }); err != nil {
			failed = append(failed, fmt.Sprintf("* Internal topics of the streams group '%s' could not be deleted due to: %s", g, javaError(err)))
		}
	}
	return failed
}

// deleteTopics deletes topics, names those that could not be and returns the first reason.
func deleteTopics(ctx context.Context, cl *client.Client, topics []string, failed func(topic string)) error {
	results, err := cl.Admin.DeleteTopics(ctx, topics...)
	if err != nil {
		return err
	}
	var reason error
	for _, r := range results.Sorted() {
		if r.Err != nil {
			failed(r.Topic)
			if reason == nil {
				reason = r.Err
			}
		}
	}
	return reason
}

// internalTopics lists the topics that the application made for itself.
func (g *streamsGroupView) internalTopics() []string {
	var topics []string
	if g.topology == nil {
		return nil
	}
	for _, s := range g.topology.Subtopologies {
		for _, t := range s.StateChangelogTopics {
			topics = append(topics, t.Topic)
		}
		for _, t := range s.RepartitionSourceTopics {
			topics = append(topics, t.Topic)
		}
	}
	topics = slices.DeleteFunc(topics, func(t string) bool { return !strings.HasPrefix(t, g.Group+"-") })
	slices.Sort(topics)
	return slices.Compact(topics)
}

// inputOffsets are the committed offsets of the topics that the application reads and has not made itself.
func (g *streamsGroupView) inputOffsets(ctx context.Context, cl *client.Client) (kadm.OffsetResponses, error) {
	committed, err := committedOffsets(ctx, cl, g.Group)
	if err != nil || g.topology == nil {
		return committed, err
	}
	var sources []string
	for _, s := range g.topology.Subtopologies {
		sources = append(sources, s.SourceTopics...)
	}
	for topic := range committed {
		if !slices.Contains(sources, topic) {
			delete(committed, topic)
		}
	}
	return committed, nil
}

// one describes the group that the command is about.
func (o *streamsGroupsOptions) one(ctx context.Context, cl *client.Client, group string) (*streamsGroupView, error) {
	described, err := describeStreamsGroups(ctx, cl, []string{group})
	switch {
	case err != nil:
		return nil, err
	case len(described) == 0:
		return nil, fmt.Errorf("group %s: no answer", group)
	case described[0].err != nil:
		return nil, &kafkaError{kind: kindOf(described[0].err), text: "java.util.concurrent.ExecutionException: " + javaError(described[0].err)}
	}
	return &described[0], nil
}

func (o *streamsGroupsOptions) deleteOffsets(ctx context.Context, cl *client.Client) error {
	if !o.AllTopics {
		if err := checkPartitionsOf(o.Topics); err != nil {
			return err
		}
		return o.deleteCommitted(ctx, cl, o.Topics)
	}
	g, err := o.one(ctx, cl, o.Groups[0])
	if err != nil {
		return err
	}
	committed, err := g.inputOffsets(ctx, cl)
	if err != nil {
		return err
	}
	var topics []string
	for topic, partitions := range committed {
		var numbers []int32
		for p := range partitions {
			numbers = append(numbers, p)
		}
		slices.Sort(numbers)
		topics = append(topics, topic+":"+commaList(numbers))
	}
	slices.Sort(topics)
	return o.deleteCommitted(ctx, cl, topics)
}

func (o *streamsGroupsOptions) resetOffsets(ctx context.Context, cl *client.Client) error {
	groups, err := o.selected(ctx, cl)
	if err != nil {
		return err
	}
	if err := checkPartitionsOf(o.Topics); err != nil {
		return err
	}
	if o.Scenario == "by-duration" || o.Scenario == "to-datetime" {
		if _, err := o.timestamp(); err != nil {
			return err
		}
	}
	views := []resetView{}
	failed := false
	for _, group := range groups {
		g, err := o.one(ctx, cl, group)
		fromCommitted := o.Scenario == "shift-by" || o.Scenario == "to-current"
		if errors.Is(err, kerr.GroupIDNotFound) && !o.AllTopics && !fromCommitted { // offsets may be set for an application that never ran
			g, err = &streamsGroupView{Group: group, State: "Empty"}, nil
		}
		if err != nil {
			return err
		}
		if g.State != "Empty" && g.State != "Dead" {
			o.refuseReset(g.Group, g.State, g.clients())
			failed = true
			continue
		}
		reset, whole, err := o.planReset(ctx, cl, g)
		if err != nil {
			return err
		}
		failed = failed || !whole
		if o.Execute {
			if err := commitReset(ctx, cl, group, reset); err != nil {
				return err
			}
			if err := o.deleteInternal(ctx, cl, g); err != nil {
				say(o.IO.Out, "\nError: %s\n", err)
				failed = true
			}
		}
		views = append(views, reset...)
	}
	if err := o.printReset(views); err != nil {
		return err
	}
	if failed {
		return ErrSilent
	}
	return nil
}

// planReset computes a group's new offsets; whole is false when topics were named that the group does not read.
func (o *streamsGroupsOptions) planReset(ctx context.Context, cl *client.Client, g *streamsGroupView) (reset []resetView, whole bool, err error) {
	if o.Scenario == "from-file" {
		reset, err = o.fromFile(ctx, cl, g.Group)
		return reset, true, err
	}
	committed, err := g.inputOffsets(ctx, cl)
	if err != nil {
		return nil, false, err
	}
	keys := committedPartitions(committed)
	if !o.AllTopics {
		if keys, err = namedPartitions(ctx, cl, o.Topics); err != nil {
			return nil, false, err
		}
		for _, k := range keys {
			if _, ok := committed.Lookup(k.topic, k.partition); !ok {
				say(o.IO.Out, "\nError: One or more topics are not part of the group '%s'.\n", g.Group)
				return nil, false, nil
			}
		}
	}
	reset, err = o.plan(ctx, cl, g.Group, committed, keys)
	return reset, true, err
}

// deleteInternal deletes the internal topics that --execute was asked to delete. Unlike the original, it deletes no topic that
// the application has not made itself.
func (o *streamsGroupsOptions) deleteInternal(ctx context.Context, cl *client.Client, g *streamsGroupView) error {
	if !o.DeleteAllInternal && len(o.DeleteInternal) == 0 {
		return nil
	}
	topics := g.internalTopics()
	if !o.DeleteAllInternal {
		for _, t := range o.DeleteInternal {
			if !slices.Contains(topics, t) {
				return fmt.Errorf("Deleting internal topics for group '%s' failed because the topics do not exist.", g.Group)
			}
		}
		topics = o.DeleteInternal
	}
	existing, err := cl.Admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	topics = slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return !existing.Has(t) })
	if len(topics) == 0 {
		return fmt.Errorf("Deleting internal topics for group '%s' failed because the topics do not exist.", g.Group)
	}
	if err := deleteTopics(ctx, cl, topics, func(string) {}); err != nil {
		return fmt.Errorf("Deleting internal topics for group '%s' failed due to %w", g.Group, err)
	}
	return nil
}
