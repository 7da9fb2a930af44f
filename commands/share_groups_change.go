package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

func (o *shareGroupsOptions) deleteGroups(ctx context.Context, cl *client.Client) error {
	existing, err := selectedGroups(ctx, cl, nil, true, "share")
	if err != nil {
		return err
	}
	groups := existing
	if !o.AllGroups {
		groups = slices.Clone(o.Groups)
		slices.Sort(groups)
		groups = slices.Compact(groups)
	}
	if !o.Yes && len(groups) > 0 {
		if err := confirm(o.IO, fmt.Sprintf("Delete %s and what they have acknowledged?", quantity(len(groups), "share group", groups))); err != nil {
			return err
		}
	}
	known, failed := ofThoseKnown(groups, existing, "Group '%[1]s' could not be deleted due to: java.lang.IllegalArgumentException: Group '%[1]s' is not a share group.")
	return deleteGroupsOf(ctx, cl, o.IO, "share", known, failed)
}

// ofThoseKnown separates the groups that exist from the others, for which it words a refusal.
func ofThoseKnown(groups, existing []string, refusal string) (known, refused []string) {
	for _, g := range groups {
		if slices.Contains(existing, g) {
			known = append(known, g)
		} else {
			refused = append(refused, fmt.Sprintf("* "+refusal, g))
		}
	}
	return known, refused
}

// deleteGroupsOf deletes groups of a type and prints what became of them, and of those that were refused before.
func deleteGroupsOf(ctx context.Context, cl *client.Client, streams *IOStreams, kind string, groups, failed []string) error {
	deleted, more, err := deleteGroupsByName(ctx, cl, kind, groups)
	if err != nil {
		return err
	}
	failed = append(failed, more...)
	slices.Sort(failed)
	quoted := "'" + strings.Join(deleted, "', '") + "'"
	if len(deleted) == 0 {
		quoted = ""
	}
	if len(failed) == 0 {
		fmt.Fprintf(streams.Out, "Deletion of requested %s groups (%s) was successful.\n", kind, quoted)
		return nil
	}
	fmt.Fprintf(streams.Out, "\nError: Deletion of some %s groups failed:\n%s\n", kind, strings.Join(failed, "\n"))
	if len(deleted) > 0 {
		fmt.Fprintf(streams.Out, "\nThese %s groups were deleted successfully: %s\n", kind, quoted)
	}
	return ErrSilent
}

// deleteGroupsByName deletes groups of a kind; failed has a line for each that could not be.
func deleteGroupsByName(ctx context.Context, cl *client.Client, kind string, groups []string) (deleted, failed []string, err error) {
	if len(groups) == 0 {
		return nil, nil, nil
	}
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = groups
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, nil, shard.Err
		}
		for _, g := range shard.Resp.(*kmsg.DeleteGroupsResponse).Groups {
			switch err := serverError(g.ErrorCode, g.ErrorMessage); {
			case kind == "share" && errors.Is(err, kerr.NonEmptyGroup):
				failed = append(failed, fmt.Sprintf("* Group '%[1]s' could not be deleted due to: org.apache.kafka.common.errors.GroupNotEmptyException: Share group '%[1]s' is not EMPTY.", g.Group))
			case err != nil:
				failed = append(failed, fmt.Sprintf("* Group '%s' could not be deleted due to: %s", g.Group, javaError(err)))
			default:
				deleted = append(deleted, g.Group)
			}
		}
	}
	slices.Sort(deleted)
	return deleted, failed, nil
}

// deletedTopicView is one topic of kgo share-groups --delete-offsets; an empty error means success.
type deletedTopicView struct {
	Topic string `json:"topic"`
	Error string `json:"error"`
}

func (o *shareGroupsOptions) deleteOffsets(ctx context.Context, cl *client.Client) error {
	group := o.Groups[0]
	topics := slices.Clone(o.Topics)
	slices.Sort(topics)
	topics = slices.Compact(topics)
	req := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
	req.GroupID = group
	for _, t := range topics {
		topic := kmsg.NewDeleteShareGroupOffsetsRequestTopic()
		topic.Topic = t
		req.Topics = append(req.Topics, topic)
	}
	var failure error
	errs := make(map[string]error)
	err := untilCoordinated(ctx, func() error {
		resp, err := req.RequestWith(ctx, cl.Client)
		if err != nil {
			return err
		}
		failure = serverError(resp.ErrorCode, resp.ErrorMessage)
		for _, t := range resp.Topics {
			errs[t.Topic] = serverError(t.ErrorCode, t.ErrorMessage)
		}
		if isCoordinatorError(failure) {
			return failure
		}
		return nil
	})
	if err != nil {
		return err
	}
	views := []deletedTopicView{}
	failed := false
	for _, t := range topics {
		v := deletedTopicView{Topic: t}
		if err := errors.Join(failure, errs[t]); err != nil {
			v.Error, failed = firstLine(err), true
		}
		views = append(views, v)
	}
	err = o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		if failure != nil {
			fmt.Fprintf(w, "\nError: %s\n", failure)
		}
		rows := [][]string{{"TOPIC", "STATUS"}}
		for _, v := range views {
			status := "Successful"
			if v.Error != "" {
				status = "Error: " + v.Error
			}
			rows = append(rows, []string{v.Topic, status})
		}
		printColumns(w, []int{15, 0}, rows, "")
		return nil
	})
	if err == nil && failed {
		return ErrSilent
	}
	return err
}

func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

func (o *shareGroupsOptions) resetOffsets(ctx context.Context, cl *client.Client) error {
	group := o.Groups[0]
	described, err := describeShareGroups(ctx, cl, []string{group})
	if err != nil {
		return err
	}
	for i := range described {
		g := &described[i]
		switch {
		case errors.Is(g.err, kerr.GroupIDNotFound): // it is made by the reset
		case g.err != nil:
			return g.err
		case len(g.Members) > 0 || g.State != "Empty" && g.State != "Dead":
			return o.refuseReset(g)
		}
	}
	keys, err := o.partitionsToReset(ctx, cl)
	if err != nil {
		return err
	}
	views, err := o.planReset(ctx, cl, group, keys)
	if err != nil {
		return err
	}
	if o.Execute && len(views) > 0 {
		if err := alterShareOffsets(ctx, cl, group, views); err != nil {
			return err
		}
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"}}
		for _, v := range views {
			rows = append(rows, []string{v.Group, v.Topic, strconv.Itoa(int(v.Partition)), strconv.FormatInt(v.NewOffset, 10)})
		}
		printColumns(w, []int{15, 15, 10, 0}, rows, "")
		return nil
	})
}

// refuseReset says why the offsets of a group in use stay as they are, and who uses it.
func (o *shareGroupsOptions) refuseReset(g *shareGroupView) error {
	fmt.Fprintf(o.IO.ErrOut, "Share group '%s' is not empty.\n", g.Group)
	members := make([]string, 0, len(g.Members))
	for _, m := range g.Members {
		members = append(members, m.ClientID+" on "+strings.TrimPrefix(m.Host, "/"))
	}
	slices.Sort(members)
	if len(members) > 0 {
		fmt.Fprintf(o.IO.ErrOut, "Members of the group '%s': %s. Stop them first.\n", g.Group, quantity(len(members), "client", members))
	}
	return ErrSilent
}

// partitionsToReset lists the partitions in scope: those of the topics that the group reads, or those named.
func (o *shareGroupsOptions) partitionsToReset(ctx context.Context, cl *client.Client) ([]partitionKey, error) {
	topics := o.Topics
	if o.AllTopics && len(topics) == 0 {
		rows, err := shareOffsets(ctx, cl, o.Groups[0])
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, err
		}
		for _, r := range rows {
			if !slices.Contains(topics, r.Topic) {
				topics = append(topics, r.Topic)
			}
		}
	}
	if err := checkPartitionsOf(topics); err != nil {
		return nil, err
	}
	return namedPartitions(ctx, cl, topics)
}

// planReset computes the new start offsets of partitions.
func (o *shareGroupsOptions) planReset(ctx context.Context, cl *client.Client, group string, keys []partitionKey) ([]resetView, error) {
	views := []resetView{}
	if o.Scenario == "to-datetime" {
		if _, err := parseDateTime(o.Value); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return views, nil
	}
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return nil, err
	}
	target := func(k partitionKey) (int64, error) {
		start, end := b.of(k)
		if o.Scenario == "to-earliest" {
			return start, nil
		}
		return end, nil
	}
	if o.Scenario == "to-datetime" {
		millis, err := parseDateTime(o.Value)
		if err != nil {
			return nil, err
		}
		if target, err = offsetsSince(ctx, cl, o.IO, millis, b, keys); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		offset, err := target(k)
		if err != nil {
			return nil, err
		}
		views = append(views, resetView{group, k.topic, k.partition, offset})
	}
	return views, nil
}

// alterShareOffsets sets the start offsets of a share group.
func alterShareOffsets(ctx context.Context, cl *client.Client, group string, views []resetView) error {
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	req.GroupID = group
	for _, v := range views {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != v.Topic {
			topic := kmsg.NewAlterShareGroupOffsetsRequestTopic()
			topic.Topic = v.Topic
			req.Topics = append(req.Topics, topic)
		}
		p := kmsg.NewAlterShareGroupOffsetsRequestTopicPartition()
		p.Partition, p.StartOffset = v.Partition, v.NewOffset
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, p)
	}
	return untilCoordinated(ctx, func() error {
		resp, err := req.RequestWith(ctx, cl.Client)
		if err != nil {
			return err
		}
		if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := serverError(p.ErrorCode, p.ErrorMessage); err != nil {
					return fmt.Errorf("%s-%d: %w", t.Topic, p.Partition, err)
				}
			}
		}
		return nil
	})
}
