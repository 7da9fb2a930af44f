package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// streamsGroupView is one group of kgo streams-groups --describe.
type streamsGroupView struct {
	Group string `json:"group"`
	State string `json:"state"`
	coordinatorView
	GroupEpoch            int32               `json:"group_epoch"`
	TargetAssignmentEpoch int32               `json:"target_assignment_epoch"`
	Members               []streamsMemberView `json:"members"`
	Offsets               []streamsOffsetView `json:"offsets,omitempty"`

	topology *kmsg.StreamsGroupDescribeResponseGroupTopology
	err      error
}

type streamsMemberView struct {
	MemberID      string           `json:"member_id"`
	ProcessID     string           `json:"process_id"`
	ClientID      string           `json:"client_id"`
	Host          string           `json:"host"`
	Epoch         int32            `json:"epoch"`
	TopologyEpoch int32            `json:"topology_epoch"`
	Protocol      string           `json:"protocol"` // streams or classic
	Assignment    streamsTasksView `json:"assignment"`
	Target        streamsTasksView `json:"target_assignment"`
}

type streamsTasksView struct {
	Active  []subtopologyTasks `json:"active"`
	Standby []subtopologyTasks `json:"standby"`
	Warmup  []subtopologyTasks `json:"warmup"`
}

type subtopologyTasks struct {
	Subtopology string  `json:"subtopology"`
	Partitions  []int32 `json:"partitions"`
}

// streamsOffsetView is one partition that a streams group reads. What is not committed is null.
type streamsOffsetView struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	LeaderEpoch   *int32 `json:"leader_epoch"`
	CurrentOffset *int64 `json:"current_offset"`
	LogEndOffset  int64  `json:"log_end_offset"`
	Lag           int64  `json:"lag"`
}

func (g streamsGroupView) failure() error { return g.err }

func (g streamsGroupView) clients() []string {
	var out []string
	for _, m := range g.Members {
		out = append(out, clientOn(m.ClientID, m.Host))
	}
	return out
}

func (o *streamsGroupsOptions) describe(ctx context.Context, cl *client.Client) error {
	return describeSelected(ctx, cl, &o.groupTool, describeStreamsGroups, addStreamsOffsets, o.printGroup)
}

func describeStreamsGroups(ctx context.Context, cl *client.Client, names []string) ([]streamsGroupView, error) {
	req := kmsg.NewPtrStreamsGroupDescribeRequest()
	req.Groups = names
	return askCoordinators(ctx, cl, names, req, func(shard kgo.ResponseShard) map[string]streamsGroupView {
		groups := make(map[string]streamsGroupView)
		for _, g := range shard.Resp.(*kmsg.StreamsGroupDescribeResponse).Groups {
			groups[g.Group] = newStreamsGroupView(&g, coordinatorOf(shard))
		}
		return groups
	})
}

func newStreamsGroupView(g *kmsg.StreamsGroupDescribeResponseGroup, by coordinatorView) streamsGroupView {
	v := streamsGroupView{
		Group: g.Group, State: g.State, coordinatorView: by, GroupEpoch: g.Epoch, TargetAssignmentEpoch: g.AssignmentEpoch,
		Members: []streamsMemberView{}, topology: g.Topology, err: serverError(g.ErrorCode, g.ErrorMessage),
	}
	for i := range g.Members {
		m := &g.Members[i]
		protocol := "streams"
		if m.IsClassic {
			protocol = "classic"
		}
		v.Members = append(v.Members, streamsMemberView{
			MemberID: m.MemberID, ProcessID: m.ProcessID, ClientID: m.ClientID, Host: m.ClientHost, Epoch: m.MemberEpoch,
			TopologyEpoch: m.TopologyEpoch, Protocol: protocol, Assignment: tasksOf(&m.Assignment), Target: tasksOf(&m.TargetAssignment),
		})
	}
	return v
}

func tasksOf(a *kmsg.StreamsAssignment) streamsTasksView {
	sorted := func(list []kmsg.TaskIDs) []subtopologyTasks {
		out := []subtopologyTasks{}
		for _, t := range list {
			slices.Sort(t.Partitions)
			out = append(out, subtopologyTasks{t.SubtopologyID, t.Partitions})
		}
		slices.SortFunc(out, func(a, b subtopologyTasks) int { return strings.Compare(a.Subtopology, b.Subtopology) })
		return out
	}
	return streamsTasksView{sorted(a.ActiveTasks), sorted(a.StandbyTasks), sorted(a.WarmupTasks)}
}

func addStreamsOffsets(ctx context.Context, cl *client.Client, groups []streamsGroupView) (err error) {
	for i := range groups {
		if groups[i].Offsets, err = streamsOffsets(ctx, cl, &groups[i]); err != nil {
			return err
		}
	}
	return nil
}

// streamsOffsets lists the partitions that the group's active tasks read, and how far they are.
func streamsOffsets(ctx context.Context, cl *client.Client, g *streamsGroupView) ([]streamsOffsetView, error) {
	keys := g.readPartitions()
	if len(keys) == 0 {
		return nil, nil
	}
	committed, err := committedOffsets(ctx, cl, g.Group)
	if err != nil {
		return nil, err
	}
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return nil, err
	}
	rows := make([]streamsOffsetView, 0, len(keys))
	for _, k := range keys {
		start, end := b.of(k)
		row := streamsOffsetView{Topic: k.topic, Partition: k.partition, LogEndOffset: end, Lag: end - start}
		if r, ok := committed.Lookup(k.topic, k.partition); ok && r.Err == nil && r.At >= 0 {
			row.CurrentOffset, row.Lag = &r.At, end-r.At
			if r.LeaderEpoch >= 0 {
				row.LeaderEpoch = &r.LeaderEpoch
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// readPartitions lists the partitions of the topics that the active tasks read.
func (g *streamsGroupView) readPartitions() []partitionKey {
	topics := make(map[string][]string) // by subtopology
	if g.topology != nil {
		for _, s := range g.topology.Subtopologies {
			topics[s.SubtopologyID] = slices.Clone(s.SourceTopics)
			for _, t := range s.RepartitionSourceTopics {
				topics[s.SubtopologyID] = append(topics[s.SubtopologyID], t.Topic)
			}
		}
	}
	var keys []partitionKey
	for _, m := range g.Members {
		for _, task := range m.Assignment.Active {
			for _, topic := range topics[task.Subtopology] {
				for _, p := range task.Partitions {
					keys = append(keys, partitionKey{topic, p})
				}
			}
		}
	}
	sortPartitions(keys)
	return slices.Compact(keys)
}

func (o *streamsGroupsOptions) printGroup(w io.Writer, g *streamsGroupView) {
	switch {
	case o.View == "state":
		if g.State == "Empty" || g.State == "Dead" {
			what := "has no active members."
			if g.State == "Dead" {
				what = "group state is DEAD."
			}
			say(w, "\nError: Streams group '%s' %s\n", g.Group, what)
		}
		o.printState(w, g)
	case len(g.Members) == 0:
	case o.View == "members":
		o.printMembers(w, g)
	case len(g.Offsets) > 0:
		o.printOffsets(w, g)
	}
}

func (o *streamsGroupsOptions) printState(w io.Writer, g *streamsGroupView) {
	rows := [][]string{{"GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "#MEMBERS"}, {
		g.Group, g.text(" "), g.State, strconv.Itoa(int(g.GroupEpoch)), strconv.Itoa(int(g.TargetAssignmentEpoch)), strconv.Itoa(len(g.Members)),
	}}
	widths := o.verboseOnly([]int{15, 25, 25, 15, 25, 0}, rows, 3, 4)
	printTable(w, widths, rows, "")
}

func (o *streamsGroupsOptions) printMembers(w io.Writer, g *streamsGroupView) {
	rows := [][]string{{"GROUP", "TARGET-ASSIGNMENT-EPOCH", "TOPOLOGY-EPOCH", "MEMBER", "MEMBER-PROTOCOL", "MEMBER-EPOCH", "PROCESS", "CLIENT-ID", "ASSIGNMENTS"}}
	for _, m := range g.Members {
		tasks := m.Assignment.text("")
		if o.Verbose {
			tasks += m.Target.text("TARGET-")
		}
		rows = append(rows, []string{
			g.Group, strconv.Itoa(int(g.TargetAssignmentEpoch)), strconv.Itoa(int(m.TopologyEpoch)), m.MemberID, m.Protocol, strconv.Itoa(int(m.Epoch)),
			m.ProcessID, m.ClientID, tasks,
		})
	}
	widths := o.verboseOnly([]int{15, 25, 14, 15, 15, 15, 15, 15, 0}, rows, 1, 2, 4, 5)
	printTable(w, widths, rows, "")
}

// text prints ACTIVE: 0:[0,1,2]; 1:[0]; STANDBY: ...
func (v *streamsTasksView) text(prefix string) string {
	var out strings.Builder
	for _, kind := range []struct {
		name  string
		tasks []subtopologyTasks
	}{{"ACTIVE", v.Active}, {"STANDBY", v.Standby}, {"WARMUP", v.Warmup}} {
		if len(kind.tasks) == 0 {
			continue
		}
		out.WriteString(prefix + kind.name + ": ")
		for _, t := range kind.tasks {
			fmt.Fprintf(&out, "%s:[%s]; ", t.Subtopology, commaList(t.Partitions))
		}
	}
	return out.String()
}

func (o *streamsGroupsOptions) printOffsets(w io.Writer, g *streamsGroupView) {
	rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LEADER-EPOCH", "LOG-END-OFFSET", "OFFSET-LAG"}}
	for _, r := range g.Offsets {
		rows = append(rows, []string{
			g.Group, r.Topic, strconv.Itoa(int(r.Partition)), number(r.CurrentOffset), number(r.LeaderEpoch), number(&r.LogEndOffset), number(&r.Lag),
		})
	}
	lag := 0 // wide only where other columns are shown
	if o.Verbose {
		lag = 15
	}
	widths := o.verboseOnly([]int{15, 15, 10, 15, 15, 15, lag}, rows, 3, 4, 5)
	printTable(w, widths, rows, "")
}
