package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// shareGroupView is one group of kgo share-groups --describe.
type shareGroupView struct {
	Group string `json:"group"`
	State string `json:"state"`
	coordinatorView
	GroupEpoch      int32                  `json:"group_epoch"`
	AssignmentEpoch int32                  `json:"assignment_epoch"`
	Members         []shareGroupMemberView `json:"members"`
	Offsets         []shareOffsetView      `json:"offsets,omitempty"`

	err error
}

type shareGroupMemberView struct {
	MemberID   string                `json:"member_id"`
	Host       string                `json:"host"`
	ClientID   string                `json:"client_id"`
	Epoch      int32                 `json:"epoch"`
	Assignment []topicPartitionsView `json:"assignment"`
}

// shareOffsetView is one partition that a share group reads. What is not known yet is null.
type shareOffsetView struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	LeaderEpoch *int32 `json:"leader_epoch"`
	StartOffset *int64 `json:"start_offset"`
	Lag         *int64 `json:"lag"`
}

func (g shareGroupView) failure() error { return g.err }

func (g shareGroupView) clients() []string {
	var out []string
	for _, m := range g.Members {
		out = append(out, clientOn(m.ClientID, m.Host))
	}
	return out
}

func (o *shareGroupsOptions) describe(ctx context.Context, cl *client.Client) error {
	return describeSelected(ctx, cl, &o.groupTool, describeShareGroups, addShareOffsets, o.printGroup)
}

func describeShareGroups(ctx context.Context, cl *client.Client, names []string) ([]shareGroupView, error) {
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = names
	return askCoordinators(ctx, cl, names, req, func(shard kgo.ResponseShard) map[string]shareGroupView {
		groups := make(map[string]shareGroupView)
		for _, g := range shard.Resp.(*kmsg.ShareGroupDescribeResponse).Groups {
			groups[g.GroupID] = newShareGroupView(&g, coordinatorOf(shard))
		}
		return groups
	})
}

func newShareGroupView(g *kmsg.ShareGroupDescribeResponseGroup, by coordinatorView) shareGroupView {
	v := shareGroupView{
		Group: g.GroupID, State: g.GroupState, coordinatorView: by, GroupEpoch: g.GroupEpoch, AssignmentEpoch: g.AssignmentEpoch,
		Members: []shareGroupMemberView{}, err: serverError(g.ErrorCode, g.ErrorMessage),
	}
	for _, m := range g.Members {
		view := shareGroupMemberView{MemberID: m.MemberID, Host: m.ClientHost, ClientID: m.ClientID, Epoch: m.MemberEpoch, Assignment: []topicPartitionsView{}}
		for _, tp := range m.Assignment.TopicPartitions {
			view.Assignment = append(view.Assignment, topicPartitionsView{tp.Topic, tp.Partitions})
		}
		sortedPartitions(view.Assignment)
		v.Members = append(v.Members, view)
	}
	return v
}

func addShareOffsets(ctx context.Context, cl *client.Client, groups []shareGroupView) (err error) {
	for i := range groups {
		if groups[i].Offsets, err = shareOffsets(ctx, cl, groups[i].Group); err != nil {
			return err
		}
	}
	return nil
}

// shareOffsets asks how far a share group is, in all of its partitions.
func shareOffsets(ctx context.Context, cl *client.Client, group string) ([]shareOffsetView, error) {
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	g := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	g.GroupID, g.Topics = group, nil
	req.Groups = append(req.Groups, g)
	rows := []shareOffsetView{}
	err := untilCoordinated(ctx, func() error {
		resp, err := req.RequestWith(ctx, cl.Client)
		if err != nil {
			return err
		}
		rows = rows[:0]
		for _, g := range resp.Groups {
			if err := serverError(g.ErrorCode, g.ErrorMessage); err != nil {
				return err
			}
			for _, t := range g.Topics {
				for _, p := range t.Partitions {
					row := shareOffsetView{Topic: t.Topic, Partition: p.Partition}
					if p.ErrorCode == 0 && p.StartOffset >= 0 {
						row.StartOffset, row.LeaderEpoch = &p.StartOffset, &p.LeaderEpoch
						if p.Lag >= 0 {
							row.Lag = &p.Lag
						}
					}
					rows = append(rows, row)
				}
			}
		}
		return nil
	})
	slices.SortFunc(rows, func(a, b shareOffsetView) int { return comparePartitions(a.Topic, a.Partition, b.Topic, b.Partition) })
	return rows, err
}

func (o *shareGroupsOptions) printGroup(w io.Writer, g *shareGroupView) {
	switch o.View {
	case "members":
		if len(g.Members) > 0 {
			o.printMembers(w, g)
		}
	case "state":
		o.printState(w, g)
	default:
		if len(g.Offsets) > 0 {
			o.printOffsets(w, g)
		}
		return
	}
	if len(g.Members) == 0 {
		fmt.Fprintf(o.IO.ErrOut, "\nShare group '%s' has no active members.\n", g.Group)
	}
}

func (o *shareGroupsOptions) printOffsets(w io.Writer, g *shareGroupView) {
	rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", "START-OFFSET", "LAG"}}
	for _, r := range g.Offsets {
		rows = append(rows, []string{g.Group, r.Topic, strconv.Itoa(int(r.Partition)), number(r.LeaderEpoch), number(r.StartOffset), number(r.Lag)})
	}
	printColumns(w, o.verboseOnly([]int{15, 15, 10, 13, 13, 0}, rows, 3), rows, "")
}

func (o *shareGroupsOptions) printMembers(w io.Writer, g *shareGroupView) {
	rows := [][]string{{"GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "MEMBER-EPOCH", "ASSIGNMENT"}}
	for _, m := range g.Members {
		partitions := 0
		for _, a := range m.Assignment {
			partitions += len(a.Partitions)
		}
		assigned := assignment(m.Assignment)
		if partitions == 0 {
			assigned = ""
		}
		rows = append(rows, []string{g.Group, m.MemberID, m.Host, m.ClientID, strconv.Itoa(partitions), strconv.Itoa(int(m.Epoch)), assigned})
	}
	printColumns(w, o.verboseOnly([]int{15, 15, 15, 15, 12, 13, 0}, rows, 5), rows, "")
}

func (o *shareGroupsOptions) printState(w io.Writer, g *shareGroupView) {
	rows := [][]string{{"GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "ASSIGNMENT-EPOCH", "#MEMBERS"}, {
		g.Group, g.text("  "), g.State,
		strconv.Itoa(int(g.GroupEpoch)), strconv.Itoa(int(g.AssignmentEpoch)), strconv.Itoa(len(g.Members)),
	}}
	printColumns(w, o.verboseOnly([]int{15, 25, 15, 12, 17, 0}, rows, 3, 4), rows, "")
}
