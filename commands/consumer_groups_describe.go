package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// groupView is one group of kgo consumer-groups --describe. The epochs are null for groups of the classic protocol.
type groupView struct {
	Group string `json:"group"`
	Type  string `json:"type"` // classic or consumer
	State string `json:"state"`
	coordinatorView
	AssignmentStrategy    string            `json:"assignment_strategy"`
	GroupEpoch            *int32            `json:"group_epoch"`
	TargetAssignmentEpoch *int32            `json:"target_assignment_epoch"`
	Members               []groupMemberView `json:"members"`
	Offsets               []groupOffsetView `json:"offsets,omitempty"`

	err error
}

// groupMemberView is one member of a group.
type groupMemberView struct {
	MemberID         string                `json:"member_id"`
	InstanceID       *string               `json:"instance_id"`
	Host             string                `json:"host"`
	ClientID         string                `json:"client_id"`
	Epoch            *int32                `json:"epoch"`
	Assignment       []topicPartitionsView `json:"assignment"`
	TargetAssignment []topicPartitionsView `json:"target_assignment,omitempty"`
}

// groupOffsetView is one partition that a group reads. Unknown numbers are null, and so is the member of a partition nobody reads.
type groupOffsetView struct {
	Topic         string  `json:"topic"`
	Partition     int32   `json:"partition"`
	LeaderEpoch   *int32  `json:"leader_epoch"`
	CurrentOffset *int64  `json:"current_offset"`
	LogEndOffset  *int64  `json:"log_end_offset"`
	Lag           *int64  `json:"lag"`
	MemberID      *string `json:"member_id"`
	Host          *string `json:"host"`
	ClientID      *string `json:"client_id"`
}

func (g groupView) failure() error { return g.err }

func (g groupView) clients() []string {
	var out []string
	for _, m := range g.Members {
		out = append(out, clientOn(m.ClientID, m.Host))
	}
	return out
}

func (o *consumerGroupsOptions) describe(ctx context.Context, cl *client.Client) error {
	return describeSelected(ctx, cl, &o.groupTool, describeGroups, addOffsets, o.printGroup)
}

// describeGroups asks for groups of the newer protocol first and then for the others, as classic groups.
func describeGroups(ctx context.Context, cl *client.Client, names []string) (groups []groupView, err error) {
	err = untilCoordinated(ctx, func() error {
		if groups, err = describeGroupsOnce(ctx, cl, names); err != nil {
			return err
		}
		for _, g := range groups {
			if g.err != nil && !errors.Is(g.err, kerr.GroupIDNotFound) {
				return g.err
			}
		}
		return nil
	})
	return groups, err
}

func describeGroupsOnce(ctx context.Context, cl *client.Client, names []string) ([]groupView, error) {
	found := make(map[string]groupView, len(names))
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = names
	for _, shard := range cl.RequestSharded(ctx, req) {
		if isUnsupported(shard.Err) {
			continue
		}
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, g := range shard.Resp.(*kmsg.ConsumerGroupDescribeResponse).Groups {
			if g.ErrorCode == 0 {
				v := newProtocolView(&g)
				v.coordinatorView = coordinatorOf(shard)
				found[g.Group] = v
			} else if err := serverError(g.ErrorCode, g.ErrorMessage); !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnsupportedVersion) {
				found[g.Group] = groupView{Group: g.Group, err: err}
			}
		}
	}
	classic := kmsg.NewPtrDescribeGroupsRequest()
	for _, name := range names {
		if _, ok := found[name]; !ok {
			classic.Groups = append(classic.Groups, name)
		}
	}
	if len(classic.Groups) > 0 {
		for _, shard := range cl.RequestSharded(ctx, classic) {
			if shard.Err != nil {
				return nil, shard.Err
			}
			for _, g := range shard.Resp.(*kmsg.DescribeGroupsResponse).Groups {
				v := classicView(&g)
				v.coordinatorView = coordinatorOf(shard)
				found[g.Group] = v
			}
		}
	}
	views := make([]groupView, 0, len(names))
	for _, name := range names {
		if v, ok := found[name]; ok {
			views = append(views, v)
		}
	}
	return views, nil
}

func newProtocolView(g *kmsg.ConsumerGroupDescribeResponseGroup) groupView {
	v := groupView{
		Group: g.Group, Type: "consumer", State: g.State, AssignmentStrategy: g.AssignorName,
		GroupEpoch: &g.Epoch, TargetAssignmentEpoch: &g.AssignmentEpoch, Members: []groupMemberView{},
	}
	view := func(a kmsg.Assignment) []topicPartitionsView {
		out := []topicPartitionsView{}
		for _, tp := range a.TopicPartitions {
			out = append(out, topicPartitionsView{tp.Topic, tp.Partitions})
		}
		return sortedPartitions(out)
	}
	for i := range g.Members {
		m := &g.Members[i]
		v.Members = append(v.Members, groupMemberView{
			MemberID: m.MemberID, InstanceID: m.InstanceID, Host: m.ClientHost, ClientID: m.ClientID, Epoch: &m.MemberEpoch,
			Assignment: view(m.Assignment), TargetAssignment: view(m.TargetAssignment),
		})
	}
	return v
}

func classicView(g *kmsg.DescribeGroupsResponseGroup) groupView {
	v := groupView{Group: g.Group, Type: "classic", State: g.State, AssignmentStrategy: g.Protocol, Members: []groupMemberView{}}
	v.err = serverError(g.ErrorCode, g.ErrorMessage)
	if v.err == nil && g.State == "Dead" { // how brokers before 4.0 answer
		text := "Group " + g.Group + " not found."
		v.err = serverError(kerr.GroupIDNotFound.Code, &text)
	}
	for _, m := range g.Members {
		member := groupMemberView{MemberID: m.MemberID, InstanceID: m.InstanceID, Host: m.ClientHost, ClientID: m.ClientID, Assignment: []topicPartitionsView{}}
		var a kmsg.ConsumerMemberAssignment
		if g.ProtocolType == "consumer" && a.ReadFrom(m.MemberAssignment) == nil {
			for _, t := range a.Topics {
				member.Assignment = append(member.Assignment, topicPartitionsView{t.Topic, t.Partitions})
			}
			sortedPartitions(member.Assignment)
		}
		v.Members = append(v.Members, member)
	}
	return v
}

// partitionKey names a partition.
type partitionKey struct {
	topic     string
	partition int32
}

// addOffsets adds what each group has committed and how far the logs go, with one request for the logs of all groups.
func addOffsets(ctx context.Context, cl *client.Client, groups []groupView) error {
	names := make([]string, 0, len(groups))
	for i := range groups {
		names = append(names, groups[i].Group)
	}
	fetched := cl.Admin.FetchManyOffsets(ctx, names...)
	topics := make(kadm.TopicsSet)
	for i := range groups {
		g := &groups[i]
		committed := fetched[g.Group]
		if committed.Err != nil {
			return committed.Err
		}
		g.addCommitted(committed.Fetched)
		for _, row := range g.Offsets {
			topics.Add(row.Topic, row.Partition)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	ends, err := cl.Admin.ListEndOffsets(ctx, topics.Topics()...)
	if err != nil {
		return err
	}
	for i := range groups {
		for j := range groups[i].Offsets {
			row := &groups[i].Offsets[j]
			end, ok := ends.Lookup(row.Topic, row.Partition)
			if !ok || end.Err != nil {
				continue
			}
			row.LogEndOffset = &end.Offset
			if row.CurrentOffset != nil {
				lag := end.Offset - *row.CurrentOffset
				row.Lag = &lag
			}
		}
	}
	return nil
}

// addCommitted makes a row for each partition that is committed or assigned.
func (g *groupView) addCommitted(fetched kadm.OffsetResponses) {
	rows := make(map[partitionKey]*groupOffsetView)
	row := func(topic string, partition int32) *groupOffsetView {
		key := partitionKey{topic, partition}
		if rows[key] == nil {
			rows[key] = &groupOffsetView{Topic: topic, Partition: partition}
		}
		return rows[key]
	}
	fetched.Each(func(r kadm.OffsetResponse) {
		if r.Err != nil || r.At < 0 {
			return
		}
		v := row(r.Topic, r.Partition)
		v.CurrentOffset = &r.At
		if r.LeaderEpoch >= 0 {
			v.LeaderEpoch = &r.LeaderEpoch
		}
	})
	for i := range g.Members {
		m := &g.Members[i]
		for _, a := range m.Assignment {
			for _, p := range a.Partitions {
				v := row(a.Topic, p)
				v.MemberID, v.Host, v.ClientID = &m.MemberID, &m.Host, &m.ClientID
			}
		}
	}
	g.Offsets = make([]groupOffsetView, 0, len(rows))
	for _, v := range rows {
		g.Offsets = append(g.Offsets, *v)
	}
	slices.SortFunc(g.Offsets, func(a, b groupOffsetView) int { return comparePartitions(a.Topic, a.Partition, b.Topic, b.Partition) })
}

func (o *consumerGroupsOptions) printGroup(w io.Writer, g *groupView) {
	switch g.State {
	case "Empty":
		fmt.Fprintf(o.IO.ErrOut, "\nConsumer group '%s' has no active members.\n", g.Group)
	case "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling":
		say(o.IO.ErrOut, "\nWarning: Consumer group '%s' is rebalancing.\n", g.Group)
	}
	switch o.View {
	case "members":
		o.printMembers(w, g)
	case "state":
		o.printState(w, g)
	default:
		if len(g.Offsets) > 0 {
			o.printOffsets(w, g)
		}
	}
}

func (o *consumerGroupsOptions) printOffsets(w io.Writer, g *groupView) {
	header := []string{"GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"}
	widths := []int{15, 15, 10, 15, 15, 15, 15, 15, 15, 0}
	rows := [][]string{header}
	for _, r := range g.Offsets {
		rows = append(rows, []string{
			g.Group, r.Topic, strconv.Itoa(int(r.Partition)), number(r.LeaderEpoch), number(r.CurrentOffset), number(r.LogEndOffset),
			number(r.Lag), dash(r.MemberID), dash(r.Host), dash(r.ClientID),
		})
	}
	printColumns(w, o.verboseOnly(widths, rows, 3), rows, "")
}

func (o *consumerGroupsOptions) printMembers(w io.Writer, g *groupView) {
	static := slices.ContainsFunc(g.Members, func(m groupMemberView) bool { return m.InstanceID != nil })
	header := []string{"GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"}
	widths := []int{15, 15, 17, 15, 15, 15, 15, 20, 15, 20}
	rows := [][]string{header}
	for _, m := range g.Members {
		partitions := 0
		for _, a := range m.Assignment {
			partitions += len(a.Partitions)
		}
		target := "-"
		if g.Type == "consumer" {
			target = assignment(m.TargetAssignment)
		}
		rows = append(rows, []string{
			g.Group, m.MemberID, dash(m.InstanceID), m.Host, m.ClientID, strconv.Itoa(partitions), number(m.Epoch),
			assignment(m.Assignment), number(g.TargetAssignmentEpoch), target,
		})
	}
	for i := range rows {
		if !o.Verbose {
			rows[i] = rows[i][:6]
		}
		if !static {
			rows[i] = slices.Delete(rows[i], 2, 3)
		}
	}
	if !static {
		widths = slices.Delete(widths, 2, 3)
	}
	end := " "
	if o.Verbose {
		end = ""
	}
	printColumns(w, widths[:len(rows[0])], rows, end)
}

func (o *consumerGroupsOptions) printState(w io.Writer, g *groupView) {
	header := []string{"GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "#MEMBERS"}
	widths := []int{15, 25, 20, 20, 15, 25, 0}
	strategy := g.AssignmentStrategy
	if strategy == "" {
		strategy = "-"
	}
	rows := [][]string{header, {
		g.Group, g.text("  "), strategy, g.State,
		number(g.GroupEpoch), number(g.TargetAssignmentEpoch), strconv.Itoa(len(g.Members)),
	}}
	printColumns(w, o.verboseOnly(widths, rows, 4, 5), rows, "")
}
