package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

func (o *shareGroupsOptions) deleteGroups(ctx context.Context, cl *client.Client) error {
	existing, err := o.existing(ctx, cl)
	if err != nil {
		return err
	}
	groups := o.among(existing)
	if err := o.confirmDelete("share group", groups, "what they have acknowledged"); err != nil {
		return err
	}
	known, failed := ofThoseKnown(groups, existing, "Group '%[1]s' could not be deleted due to: java.lang.IllegalArgumentException: Group '%[1]s' is not a share group.")
	deleted, more, err := o.deleteByName(ctx, cl, known)
	if err != nil {
		return err
	}
	return o.reportDeleted(deleted, append(failed, more...))
}

// deletedTopicView is one topic of kgo share-groups --delete-offsets; an empty error means success.
type deletedTopicView struct {
	Topic string `json:"topic"`
	Error string `json:"error"`
}

func (o *shareGroupsOptions) deleteOffsets(ctx context.Context, cl *client.Client) error {
	group := o.Groups[0]
	topics := sortedSet(o.Topics)
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
			say(w, "\nError: %s\n", failure)
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
			fmt.Fprintf(o.IO.ErrOut, "Share group '%s' is not empty.\n", group)
			o.nameMembers(group, g.clients())
			return ErrSilent
		}
	}
	keys, err := o.partitionsToReset(ctx, cl)
	if err != nil {
		return err
	}
	if o.Scenario == "to-datetime" {
		if _, err := o.timestamp(); err != nil {
			return err
		}
	}
	reset, err := o.plan(ctx, cl, group, nil, keys)
	if err != nil {
		return err
	}
	if o.Execute && len(reset) > 0 {
		if err := alterShareOffsets(ctx, cl, group, reset); err != nil {
			return err
		}
	}
	return o.printReset(append([]resetView{}, reset...))
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
