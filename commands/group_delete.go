package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// among returns the groups that the command is about, of those that exist.
func (o *groupTool) among(existing []groupListing) []string {
	if o.AllGroups {
		return namesOf(existing)
	}
	return sortedSet(o.Groups)
}

// confirmDelete asks before groups are deleted, and what goes with them.
func (o *groupTool) confirmDelete(thing string, groups []string, with string) error {
	if o.Yes || len(groups) == 0 {
		return nil
	}
	return confirm(o.IO, fmt.Sprintf("Delete %s and %s?", quantity(len(groups), thing, groups), with))
}

// ofThoseKnown separates the groups that exist from the others, for which it words a refusal.
func ofThoseKnown(groups []string, existing []groupListing, refusal string) (known, refused []string) {
	for _, g := range groups {
		if slices.ContainsFunc(existing, func(e groupListing) bool { return e.Group == g }) {
			known = append(known, g)
		} else {
			refused = append(refused, fmt.Sprintf("* "+refusal, g))
		}
	}
	return known, refused
}

// deleteByName deletes groups; failed has a line for each that could not be.
func (o *groupTool) deleteByName(ctx context.Context, cl *client.Client, groups []string) (deleted, failed []string, err error) {
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
			err := serverError(g.ErrorCode, nil)
			if err == nil {
				deleted = append(deleted, g.Group)
				continue
			}
			reason := javaError(err)
			if o.kind.notEmpty != "" && errors.Is(err, kerr.NonEmptyGroup) {
				reason = fmt.Sprintf(o.kind.notEmpty, g.Group)
			}
			failed = append(failed, fmt.Sprintf("* Group '%s' could not be deleted due to: %s", g.Group, reason))
		}
	}
	slices.Sort(deleted)
	return deleted, failed, nil
}

// reportDeleted prints what became of groups that were to be deleted.
func (o *groupTool) reportDeleted(deleted, failed []string) error {
	names := ""
	if len(deleted) > 0 {
		names = "'" + strings.Join(deleted, "', '") + "'"
	}
	if len(failed) == 0 {
		fmt.Fprintf(o.IO.Out, "Deletion of requested %s groups (%s) was successful.\n", o.kind.name, names)
		return nil
	}
	slices.Sort(failed)
	say(o.IO.Out, "\nError: Deletion of some %s groups failed:\n%s\n", o.kind.name, strings.Join(failed, "\n"))
	if len(deleted) > 0 {
		fmt.Fprintf(o.IO.Out, "\nThese %s groups were deleted successfully: %s\n", o.kind.name, names)
	}
	return ErrSilent
}

// deletedOffsetView is one partition of --delete-offsets; an empty error means success.
type deletedOffsetView struct {
	Topic     string `json:"topic"`
	Partition *int32 `json:"partition"`
	Error     string `json:"error"`
}

// deleteCommitted deletes what the group has committed for topics, NAME or NAME:0,1,2.
func (o *groupTool) deleteCommitted(ctx context.Context, cl *client.Client, topics []string) error {
	group := o.Groups[0]
	views, set, err := offsetsToDelete(ctx, cl, topics)
	if err != nil {
		return err
	}
	var topLevel error
	if len(set) > 0 {
		results, err := cl.Admin.DeleteOffsets(ctx, group, set)
		if err != nil && !isGroupError(err) {
			return err
		}
		topLevel = err
		for _, topic := range set.Sorted() {
			for _, p := range topic.Partitions {
				v := deletedOffsetView{Topic: topic.Topic, Partition: &p}
				if err := topLevel; err != nil {
					v.Error = javaError(err)
				} else if err, ok := results.Lookup(topic.Topic, p); ok && err != nil {
					v.Error = javaError(err)
				}
				views = append(views, v)
			}
		}
	}
	failed := slices.ContainsFunc(views, func(v deletedOffsetView) bool { return v.Error != "" })
	partly := slices.ContainsFunc(views, func(v deletedOffsetView) bool { return v.Error != "" && v.Partition != nil })
	err = o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		switch {
		case topLevel != nil:
			var kind *kerr.Error
			errors.As(topLevel, &kind)
			say(w, "\nError: %s\n", kind.Description)
		case partly:
			say(w, "\nError: Encountered some partition-level error, see the follow-up details.\n")
		default:
			fmt.Fprintf(w, "Request succeeded for deleting offsets from group %s.\n", group)
		}
		width := 15
		for _, v := range views {
			width = max(width, len(v.Topic))
		}
		fmt.Fprintf(w, "\n%-*s %-10s %-15s", width, "TOPIC", "PARTITION", "STATUS")
		for _, v := range views {
			status := "Successful"
			if v.Error != "" {
				status = "Error: " + v.Error
			}
			fmt.Fprintf(w, "\n%-*s %-10s %-15s", width, v.Topic, number(v.Partition), status)
		}
		fmt.Fprintln(w)
		return nil
	})
	if err == nil && failed {
		return ErrSilent
	}
	return err
}

func isGroupError(err error) bool {
	var kind *kerr.Error
	return errors.As(err, &kind)
}

// offsetsToDelete lists the partitions behind --topic, and the topics that do not exist.
func offsetsToDelete(ctx context.Context, cl *client.Client, topics []string) ([]deletedOffsetView, kadm.TopicsSet, error) {
	views := []deletedOffsetView{}
	set := make(kadm.TopicsSet)
	var whole []string
	for _, t := range topics {
		name, partitions, err := parseTopicPartitions(t)
		if err != nil {
			return nil, nil, err
		}
		if partitions == nil {
			whole = append(whole, name)
		}
		for _, p := range partitions {
			set.Add(name, p)
		}
	}
	if len(whole) == 0 {
		return views, set, nil
	}
	details, err := cl.Admin.ListTopicsWithInternal(ctx, whole...)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range details.Sorted() {
		if t.Err != nil {
			views = append(views, deletedOffsetView{Topic: t.Topic, Error: javaError(t.Err)})
		}
		for _, p := range t.Partitions.Numbers() {
			set.Add(t.Topic, p)
		}
	}
	return views, set, nil
}

// parseTopicPartitions reads NAME or NAME:0,1,2; nil stands for all partitions.
func parseTopicPartitions(text string) (topic string, partitions []int32, err error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return text, nil, nil
	}
	for p := range strings.SplitSeq(text[i+1:], ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(p), 10, 32)
		if err != nil {
			return "", nil, fmt.Errorf("For input string: \"%s\"", p)
		}
		partitions = append(partitions, int32(n))
	}
	return text[:i], partitions, nil
}

// checkPartitionsOf refuses NAME:PARTITIONS where the partitions are no numbers.
func checkPartitionsOf(topics []string) error {
	for _, t := range topics {
		name, list, partitioned := strings.Cut(t, ":")
		for p := range strings.SplitSeq(list, ",") {
			if _, err := strconv.ParseInt(strings.TrimSpace(p), 10, 32); partitioned && err != nil {
				return opt.Usagef("Invalid partition '%s' specified in topic arg '%s:%s''", p, name, list)
			}
		}
	}
	return nil
}
