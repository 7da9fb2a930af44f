package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// Settings by which replication is throttled.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	logDirRate       = "replica.alter.log.dirs.io.max.bytes.per.second"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// settings are changes to the settings of topics or brokers; a nil value removes a key.
type settings map[string]map[string]*string // by entity

func (s settings) set(entity, key string, value *string) {
	if s[entity] == nil {
		s[entity] = make(map[string]*string)
	}
	s[entity][key] = value
}

func (s settings) apply(ctx context.Context, cl *client.Client, kind kmsg.ConfigResourceType) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for entity, values := range s {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, entity
		for key, value := range values {
			c := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Op: kmsg.IncrementalAlterConfigOpSet, Value: value}
			if value == nil {
				c.Op = kmsg.IncrementalAlterConfigOpDelete
			}
			r.Configs = append(r.Configs, c)
		}
		req.Resources = append(req.Resources, r)
	}
	if len(req.Resources) == 0 {
		return nil
	}
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return shard.Err
		}
		resp, ok := shard.Resp.(*kmsg.IncrementalAlterConfigsResponse)
		if !ok {
			continue
		}
		for _, r := range resp.Resources {
			if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
				return err
			}
		}
	}
	return nil
}

// throttle limits the rate at which the replicas of the plan are copied.
func (o *reassignOptions) throttle(ctx context.Context, cl *client.Client, plan, current []plannedReplicas, moving []movingView) error {
	brokers, topics := make(settings), make(settings)
	if o.Throttle >= 0 {
		rate := strconv.FormatInt(o.Throttle, 10)
		leaders, followers := make(map[string][]string), make(map[string][]string)
		for _, p := range plan {
			sources := sourcesOf(p, current, moving)
			for _, b := range sources {
				leaders[p.Topic] = append(leaders[p.Topic], fmt.Sprintf("%d:%d", p.Partition, b))
				brokers.set(strconv.Itoa(int(b)), leaderRate, &rate)
				brokers.set(strconv.Itoa(int(b)), followerRate, &rate)
			}
			for _, b := range p.Replicas {
				if slices.Contains(sources, b) {
					continue
				}
				followers[p.Topic] = append(followers[p.Topic], fmt.Sprintf("%d:%d", p.Partition, b))
				brokers.set(strconv.Itoa(int(b)), leaderRate, &rate)
				brokers.set(strconv.Itoa(int(b)), followerRate, &rate)
			}
		}
		for _, p := range plan {
			topics.set(p.Topic, leaderReplicas, new(strings.Join(leaders[p.Topic], ",")))
			topics.set(p.Topic, followerReplicas, new(strings.Join(followers[p.Topic], ",")))
		}
		if err := topics.apply(ctx, cl, kmsg.ConfigResourceTypeTopic); err != nil {
			return err
		}
		if err := brokers.apply(ctx, cl, kmsg.ConfigResourceTypeBroker); err != nil {
			return err
		}
		fmt.Fprintf(o.IO.Out, "The inter-broker throttle limit was set to %d B/s\n", o.Throttle)
	}
	if o.LogDirThrottle >= 0 {
		rate := strconv.FormatInt(o.LogDirThrottle, 10)
		brokers = make(settings)
		for _, p := range plan {
			for i, b := range p.Replicas {
				if i < len(p.LogDirs) && p.LogDirs[i] != "any" {
					brokers.set(strconv.Itoa(int(b)), logDirRate, &rate)
				}
			}
		}
		if err := brokers.apply(ctx, cl, kmsg.ConfigResourceTypeBroker); err != nil {
			return err
		}
		fmt.Fprintf(o.IO.Out, "The replica-alter-dir throttle limit was set to %d B/s\n", o.LogDirThrottle)
	}
	return nil
}

// sourcesOf are the replicas that a partition is copied from: those it has, less the ones an earlier reassignment still adds.
func sourcesOf(p plannedReplicas, current []plannedReplicas, moving []movingView) []int32 {
	var sources []int32
	for _, c := range current {
		if c.key() == p.key() {
			sources = slices.Clone(c.Replicas)
		}
	}
	for _, m := range moving {
		if m.Topic == p.Topic && m.Partition == p.Partition {
			sources = slices.DeleteFunc(sources, func(b int32) bool { return slices.Contains(m.Adding, b) })
		}
	}
	return sources
}

// clearThrottles removes every throttle from all brokers and from the plan's topics.
func (o *reassignOptions) clearThrottles(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	var ids []int32
	for _, b := range cluster.Brokers {
		ids = append(ids, b.NodeID)
	}
	var names []string
	for _, p := range plan {
		names = append(names, p.Topic)
		ids = append(ids, p.Replicas...)
	}
	slices.Sort(ids)
	slices.Sort(names)
	ids, names = slices.Compact(ids), slices.Compact(names)
	brokers, topics := make(settings), make(settings)
	for _, id := range ids {
		for _, key := range []string{leaderRate, followerRate, logDirRate} {
			brokers.set(strconv.Itoa(int(id)), key, nil)
		}
	}
	for _, name := range names {
		topics.set(name, leaderReplicas, nil)
		topics.set(name, followerReplicas, nil)
	}
	fmt.Fprintf(o.IO.Out, "Clearing broker-level throttles on broker%s %s\n", plural(len(ids)), commaList(ids))
	if err := brokers.apply(ctx, cl, kmsg.ConfigResourceTypeBroker); err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Clearing topic-level throttles on topic%s %s\n", plural(len(names)), strings.Join(names, ","))
	return topics.apply(ctx, cl, kmsg.ConfigResourceTypeTopic)
}

// dirTarget is a replica and the log directory it shall be in.
type dirTarget struct {
	replicaKey
	dir string
}

func (t dirTarget) name() string { return fmt.Sprintf("%s-%d", t.topic, t.partition) }

func dirTargets(plan []plannedReplicas) []dirTarget {
	var out []dirTarget
	for _, p := range plan {
		for i, b := range p.Replicas {
			if i < len(p.LogDirs) && p.LogDirs[i] != "any" {
				out = append(out, dirTarget{replicaKey{p.key(), b}, p.LogDirs[i]})
			}
		}
	}
	return out
}

// moveDirs tells the brokers into which of their directories replicas shall move.
func (o *reassignOptions) moveDirs(ctx context.Context, cl *client.Client, plan []plannedReplicas, dirs replicaDirs) error {
	var moves []dirTarget
	for _, t := range dirTargets(plan) {
		if dirs.current[t.replicaKey] != t.dir {
			moves = append(moves, t)
		}
	}
	return o.alterDirs(ctx, cl, moves, func(t dirTarget) {
		fmt.Fprintf(o.IO.Out, "Successfully started moving log directory to %s for replica %s with broker %d \n", t.dir, t.name(), t.broker)
	})
}

func (o *reassignOptions) alterDirs(ctx context.Context, cl *client.Client, moves []dirTarget, done func(dirTarget)) error {
	for _, t := range moves {
		req := make(kadm.AlterReplicaLogDirsReq)
		req.Add(t.dir, kadm.TopicsSet{t.topic: {t.partition: {}}})
		results, err := cl.Admin.AlterBrokerReplicaLogDirs(ctx, t.broker, req)
		if err != nil {
			return err
		}
		var failed error
		results.Each(func(r kadm.AlterReplicaLogDirsResponse) { failed = firstError(failed, r.Err) })
		if failed != nil {
			return fmt.Errorf("Failed to move replica %s on broker %d to %s: %s", t.name(), t.broker, t.dir, javaError(failed))
		}
		done(t)
	}
	return nil
}

// verifyDirs reports the moves between log directories, and whether some are still going on.
func (o *reassignOptions) verifyDirs(ctx context.Context, cl *client.Client, plan []plannedReplicas) (ongoing bool, err error) {
	targets := dirTargets(plan)
	if len(targets) == 0 {
		fmt.Fprintln(o.IO.Out)
		return false, nil
	}
	dirs, err := readReplicaDirs(ctx, cl, plan)
	if err != nil {
		return false, err
	}
	for _, t := range targets {
		replica := fmt.Sprintf("%s-%d", t.name(), t.broker)
		current, future := dirs.current[t.replicaKey], dirs.future[t.replicaKey]
		switch {
		case future == t.dir:
			ongoing = true
			fmt.Fprintf(o.IO.Out, "Reassignment of replica %s is still in progress.\n", replica)
		case future != "":
			fmt.Fprintf(o.IO.Out, "Partition %s on broker %d is being moved to log dir %s instead of %s.\n", t.name(), t.broker, future, t.dir)
		case current == t.dir:
			fmt.Fprintf(o.IO.Out, "Reassignment of replica %s completed successfully.\n", replica)
		case current == "":
			fmt.Fprintf(o.IO.Out, "Partition %s cannot be found in any live log directory on broker %d.\n", t.name(), t.broker)
		default:
			fmt.Fprintf(o.IO.Out, "Partition %s on broker %d is not being moved from log dir %s to %s.\n", t.name(), t.broker, current, t.dir)
		}
	}
	return ongoing, nil
}

// cancelDirs stops moves between log directories by moving the replicas to where they still are.
func (o *reassignOptions) cancelDirs(ctx context.Context, cl *client.Client, plan []plannedReplicas) error {
	targets := dirTargets(plan)
	var back []dirTarget
	if len(targets) > 0 {
		dirs, err := readReplicaDirs(ctx, cl, plan)
		if err != nil {
			return err
		}
		for _, t := range targets {
			if dirs.future[t.replicaKey] == t.dir {
				back = append(back, dirTarget{t.replicaKey, dirs.current[t.replicaKey]})
			}
		}
	}
	if len(back) == 0 {
		fmt.Fprint(o.IO.Out, "None of the specified partition moves are active.")
		return nil
	}
	names := make([]string, 0, len(back))
	for _, t := range back {
		names = append(names, fmt.Sprintf("%s-%d", t.name(), t.broker))
	}
	if err := o.alterDirs(ctx, cl, back, func(dirTarget) {}); err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Successfully cancelled log directory moves for: %s\n", strings.Join(names, ","))
	return nil
}
