package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

func (o *reassignOptions) list(ctx context.Context, cl *client.Client) error {
	views, err := reassignments(ctx, cl)
	if err != nil {
		return err
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		if len(views) == 0 {
			_, err := fmt.Fprintln(w, "No partition reassignments found.")
			return err
		}
		fmt.Fprintln(w, "Current partition reassignments:")
		for _, v := range views {
			fmt.Fprintf(w, "%s-%d: replicas: %s.", v.Topic, v.Partition, commaList(v.Replicas))
			if len(v.Adding) > 0 {
				fmt.Fprintf(w, " adding: %s.", commaList(v.Adding))
			}
			if len(v.Removing) > 0 {
				fmt.Fprintf(w, " removing: %s.", commaList(v.Removing))
			}
			fmt.Fprintln(w)
		}
		return nil
	})
}

// readTopicsToMove reads {"topics": [{"topic": "foo"}], "version": 1}.
func readTopicsToMove(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Unable to read file %s", path)
	}
	var file struct {
		Version int `json:"version"`
		Topics  []struct {
			Topic string `json:"topic"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s is not a list of topics: %w", path, err)
	}
	var topics []string
	for _, t := range file.Topics {
		if slices.Contains(topics, t.Topic) {
			return nil, fmt.Errorf("List of topics to reassign contains duplicate entries: %s", t.Topic)
		}
		topics = append(topics, t.Topic)
	}
	return topics, nil
}

// currentAssignment reads where the replicas of topics are; with is called for each partition to keep it or not.
func currentAssignment(ctx context.Context, cl *client.Client, topics []string, with func(partitionKey) bool) ([]plannedReplicas, error) {
	var details kadm.TopicDetails
	if len(topics) > 0 {
		var err error
		if details, err = cl.Admin.ListTopicsWithInternal(ctx, topics...); err != nil {
			return nil, err
		}
	}
	var plan []plannedReplicas
	for _, t := range details.Sorted() {
		if errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			text := "Topic " + t.Topic + " not found."
			return nil, serverError(kerr.UnknownTopicOrPartition.Code, &text)
		}
		if t.Err != nil {
			return nil, t.Err
		}
		for _, p := range t.Partitions.Sorted() {
			if with(partitionKey{t.Topic, p.Partition}) {
				plan = append(plan, plannedReplicas{Topic: t.Topic, Partition: p.Partition, Replicas: p.Replicas})
			}
		}
	}
	return plan, nil
}

// replicaKey names one replica.
type replicaKey struct {
	partitionKey
	broker int32
}

// replicaDirs are the log directories of replicas: where each is and, while it moves, where it moves to.
type replicaDirs struct{ current, future map[replicaKey]string }

func readReplicaDirs(ctx context.Context, cl *client.Client, plan []plannedReplicas) (replicaDirs, error) {
	dirs := replicaDirs{make(map[replicaKey]string), make(map[replicaKey]string)}
	topics := make(kadm.TopicsSet)
	for _, p := range plan {
		topics.Add(p.Topic, p.Partition)
	}
	all, err := cl.Admin.DescribeAllLogDirs(ctx, topics)
	if err != nil && len(all) == 0 {
		return dirs, err
	}
	for broker, described := range all {
		for _, d := range described {
			d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				key := replicaKey{partitionKey{p.Topic, p.Partition}, broker}
				if p.IsFuture {
					dirs.future[key] = d.Dir
				} else {
					dirs.current[key] = d.Dir
				}
			})
		}
	}
	return dirs, nil
}

// withDirs fills in the log directories of an assignment.
func (d replicaDirs) withDirs(plan []plannedReplicas) []plannedReplicas {
	out := slices.Clone(plan)
	for i := range out {
		out[i].LogDirs = nil
		for _, b := range out[i].Replicas {
			dir := d.current[replicaKey{out[i].key(), b}]
			out[i].LogDirs = append(out[i].LogDirs, first(dir, "any"))
		}
	}
	return out
}

// generate proposes an assignment that spreads the partitions evenly over the brokers, racks in turn.
func (o *reassignOptions) generate(ctx context.Context, cl *client.Client, topics []string) error {
	current, err := currentAssignment(ctx, cl, topics, func(partitionKey) bool { return true })
	if err != nil {
		return err
	}
	cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	proposed, err := propose(current, o.usableBrokers(cluster.Brokers))
	if err != nil {
		return err
	}
	dirs, err := readReplicaDirs(ctx, cl, current)
	if err != nil {
		return err
	}
	before, err := formatAssignment(dirs.withDirs(current))
	if err != nil {
		return err
	}
	after, err := formatAssignment(proposed)
	if err != nil {
		return err
	}
	view := map[string]json.RawMessage{"current": json.RawMessage(before), "proposed": json.RawMessage(after)}
	return o.Output.write(o.IO.Out, view, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Current partition replica assignment\n%s\n\nProposed partition reassignment configuration\n%s\n", before, after)
		return err
	})
}

// propose gives every partition as many replicas as it has, on brokers in turn.
func propose(current []plannedReplicas, brokers []int32) ([]plannedReplicas, error) {
	if len(brokers) == 0 {
		return nil, errors.New("All brokers are currently fenced, or have all their log directories cordoned.")
	}
	proposed := make([]plannedReplicas, 0, len(current))
	for first, p := range current {
		if len(p.Replicas) > len(brokers) {
			return nil, fmt.Errorf("The target replication factor of %d cannot be reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.", len(p.Replicas), len(brokers))
		}
		n := plannedReplicas{Topic: p.Topic, Partition: p.Partition}
		for i := range p.Replicas {
			n.Replicas = append(n.Replicas, brokers[(first+i)%len(brokers)])
		}
		proposed = append(proposed, n)
	}
	return proposed, nil
}

// usableBrokers are the listed ones that exist, those of each rack in turn so that neighbours in the list have different racks.
func (o *reassignOptions) usableBrokers(all []kmsg.MetadataResponseBroker) []int32 {
	racks := make(map[string][]int32)
	var names []string
	for _, b := range all {
		if !slices.Contains(o.Brokers, b.NodeID) {
			continue
		}
		rack := ""
		if b.Rack != nil && !o.DisableRackAware {
			rack = *b.Rack
		}
		if racks[rack] == nil {
			names = append(names, rack)
		}
		racks[rack] = append(racks[rack], b.NodeID)
	}
	slices.Sort(names)
	var out []int32
	for i := 0; ; i++ {
		before := len(out)
		for _, name := range names {
			slices.Sort(racks[name])
			if i < len(racks[name]) {
				out = append(out, racks[name][i])
			}
		}
		if len(out) == before {
			return out
		}
	}
}

func (o *reassignOptions) execute(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	moving, err := reassignments(ctx, cl)
	if err != nil {
		return err
	}
	if len(moving) > 0 && !o.Additional {
		return &terseError{"Cannot execute because there is an existing partition assignment.  Use --additional to override this and create a new partition assignment in addition to the existing one. The --additional flag can also be used to change the throttle by resubmitting the current reassignment."}
	}
	if err := checkBrokers(ctx, cl, plan); err != nil {
		return err
	}
	wanted := make(map[partitionKey]bool)
	var topics []string
	for _, p := range plan {
		wanted[p.key()] = true
		topics = append(topics, p.Topic)
	}
	current, err := currentAssignment(ctx, cl, slices.Compact(topics), func(k partitionKey) bool { return wanted[k] })
	if err != nil {
		return err
	}
	dirs, err := readReplicaDirs(ctx, cl, plan)
	if err != nil {
		return err
	}
	before, err := formatAssignment(dirs.withDirs(current))
	if err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Current partition replica assignment\n\n%s\n\nSave this to use as the --reassignment-json-file option during rollback\n", before)
	if o.Throttle >= 0 || o.LogDirThrottle >= 0 {
		say(o.IO.Out, "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed.\n")
		if err := o.throttle(ctx, cl, plan, current, moving); err != nil {
			return err
		}
	}
	if err := o.start(ctx, cl, plan); err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Successfully started partition reassignment%s for %s\n", plural(len(plan)), planNames(plan))
	return o.moveDirs(ctx, cl, plan, dirs)
}

func checkBrokers(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, p := range plan {
		for _, id := range p.Replicas {
			if !slices.ContainsFunc(cluster.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id }) {
				return fmt.Errorf("Unknown broker id %d", id)
			}
		}
	}
	return nil
}

// alterAssignment asks the controller for assignments; replicas nil cancels. It returns the errors by partition.
func alterAssignment(ctx context.Context, cl *client.Client, plan []plannedReplicas, keepFactor bool) ([]string, error) {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.TimeoutMillis, req.AllowReplicationFactorChange = millisLeft(ctx), !keepFactor
	for _, p := range plan {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.Topic {
			t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			t.Topic = p.Topic
			req.Topics = append(req.Topics, t)
		}
		r := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		r.Partition, r.Replicas = p.Partition, p.Replicas
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, r)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	var failures []string
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := serverError(p.ErrorCode, p.ErrorMessage); err != nil {
				failures = append(failures, fmt.Sprintf("%s-%d: %s", t.Topic, p.Partition, err))
			}
		}
	}
	return failures, nil
}

func (o *reassignOptions) start(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	failures, err := alterAssignment(ctx, cl, plan, o.DisallowFactor)
	if err != nil {
		return err
	}
	if len(failures) > 0 {
		return &terseError{"Error reassigning partition(s):\n" + strings.Join(failures, "\n")}
	}
	return nil
}

func (o *reassignOptions) cancel(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	moving, err := reassignments(ctx, cl)
	if err != nil {
		return err
	}
	var active []plannedReplicas
	for _, p := range plan {
		if slices.ContainsFunc(moving, func(m movingView) bool { return m.Topic == p.Topic && m.Partition == p.Partition }) {
			active = append(active, plannedReplicas{Topic: p.Topic, Partition: p.Partition})
		}
	}
	if len(active) == 0 {
		fmt.Fprintln(o.IO.Out, "None of the specified partition reassignments are active.")
	} else {
		failures, err := alterAssignment(ctx, cl, active, false)
		if err != nil {
			return err
		}
		if len(failures) > 0 {
			return &terseError{fmt.Sprintf("Error cancelling partition reassignment%s for:\n%s", plural(len(failures)), strings.Join(failures, "\n"))}
		}
		fmt.Fprintf(o.IO.Out, "Successfully cancelled partition reassignment%s for: %s\n", plural(len(active)), planNames(active))
	}
	if err := o.cancelDirs(ctx, cl, plan); err != nil {
		return err
	}
	if o.PreserveThrottles {
		return nil
	}
	return o.clearThrottles(ctx, cl, plan)
}

func (o *reassignOptions) verify(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	moving, err := reassignments(ctx, cl)
	if err != nil {
		return err
	}
	var topics []string
	for _, p := range plan {
		topics = append(topics, p.Topic)
	}
	details, err := cl.Admin.ListTopicsWithInternal(ctx, slices.Compact(topics)...)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, "Status of partition reassignment:")
	ongoing := false
	for _, p := range plan {
		now := details[p.Topic].Partitions[p.Partition].Replicas
		switch {
		case slices.ContainsFunc(moving, func(m movingView) bool { return m.Topic == p.Topic && m.Partition == p.Partition }):
			ongoing = true
			fmt.Fprintf(o.IO.Out, "Reassignment of partition %s is still in progress.\n", p.name())
		case slices.Equal(now, p.Replicas):
			fmt.Fprintf(o.IO.Out, "Reassignment of partition %s is completed.\n", p.name())
		default:
			fmt.Fprintf(o.IO.Out, "There is no active reassignment of partition %s, but replica set is %s rather than %s.\n", p.name(), commaList(now), commaList(p.Replicas))
		}
	}
	dirsOngoing, err := o.verifyDirs(ctx, cl, plan)
	if err != nil {
		return err
	}
	if ongoing || dirsOngoing || o.PreserveThrottles {
		return nil
	}
	return o.clearThrottles(ctx, cl, plan)
}
