package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// reassignOptions is a parsed command line of kgo reassign-partitions.
type reassignOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action            string // generate, execute, verify, cancel, list
	File              string // of --reassignment-json-file or --topics-to-move-json-file
	Brokers           []int32
	Additional        bool
	PreserveThrottles bool
	DisallowFactor    bool
	DisableRackAware  bool
	Throttle          int64 // bytes a second between brokers; -1: none
	LogDirThrottle    int64 // bytes a second between the log directories of a broker; -1: none
	Timeout           time.Duration
	Output            format
}

func newReassignPartitionsCmd(f *Factory, runF func(*reassignOptions) error) *cobra.Command {
	t := &tool{
		spec:        reassignSpec,
		short:       "Move replicas of partitions between brokers and log directories",
		long:        "--generate proposes an assignment of topics to brokers, --execute starts the one in a file, --verify reports how far it\nhas come and removes the throttles when it is done, --cancel stops it, --list shows the reassignments in progress.\nThe assignment before is printed by --execute: keep it for the way back.",
		example:     "  kgo reassign-partitions --generate --topics-to-move-json-file topics.json --broker-list 1,2,3\n  kgo reassign-partitions --execute --reassignment-json-file plan.json --throttle 50000000\n  kgo reassign-partitions --verify --reassignment-json-file plan.json",
		extras:      []opt.Option{extraOutput},
		plainErrors: true,
		fail: func(err error) {
			if terse, ok := errors.AsType[*terseError](err); ok {
				fmt.Fprintln(f.IO.Out, terse.text)
			} else {
				say(f.IO.Out, "Error: %s\n", javaError(err))
			}
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &reassignOptions{IO: f.IO, Client: f.opener(set, "reassign-partitions-tool")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		ctx, cancel := context.WithTimeout(ctx, max(o.Timeout, defaultTimeout))
		defer cancel()
		return reassignRun(ctx, o)
	})
}

// terseError is printed without the word Error in front.
type terseError struct{ text string }

func (e *terseError) Error() string { return e.text }

func (o *reassignOptions) parse(set *opt.Set) error {
	actions := []string{"generate", "execute", "verify", "cancel", "list"}
	if count(set, actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --generate, --execute, --verify, --cancel, --list")
	}
	for _, a := range actions {
		if set.Has(a) {
			o.Action = a
		}
	}
	if set.Has("bootstrap-server") && set.Has("bootstrap-controller") {
		return opt.Usagef("Please don't specify both --bootstrap-server and --bootstrap-controller")
	}
	needs := map[string][]string{
		"verify": {"reassignment-json-file"}, "generate": {"topics-to-move-json-file", "broker-list"},
		"execute": {"reassignment-json-file"}, "cancel": {"reassignment-json-file"},
	}
	if err := required(set, needs[o.Action]...); err != nil {
		return err
	}
	allowed := map[string][]string{
		"verify":   {"bootstrap-server", "command-config", "preserve-throttles"},
		"generate": {"bootstrap-server", "broker-list", "command-config", "disable-rack-aware"},
		"execute": {
			"additional", "bootstrap-server", "command-config", "throttle", "replica-alter-log-dirs-throttle", "timeout",
			"disallow-replication-factor-change",
		},
		"cancel": {"bootstrap-server", "bootstrap-controller", "command-config", "preserve-throttles", "timeout"},
		"list":   {"bootstrap-server", "bootstrap-controller", "command-config"},
	}
	for _, name := range set.Order {
		if name != o.Action && name != "output" && !slices.Contains(needs[o.Action], name) && !slices.Contains(allowed[o.Action], name) {
			return opt.Usagef(`Option "[%s]" can't be used with action "[%s]"`, name, o.Action)
		}
	}
	o.File = first(set.String("reassignment-json-file"), set.String("topics-to-move-json-file"))
	o.Additional, o.PreserveThrottles = set.Has("additional"), set.Has("preserve-throttles")
	o.DisallowFactor, o.DisableRackAware = set.Has("disallow-replication-factor-change"), set.Has("disable-rack-aware")
	o.Throttle, o.LogDirThrottle, o.Timeout = -1, -1, defaultTimeout
	for name, into := range map[string]*int64{"throttle": &o.Throttle, "replica-alter-log-dirs-throttle": &o.LogDirThrottle} {
		if n, ok, err := set.Long(name); err != nil {
			return err
		} else if ok {
			*into = n
		}
	}
	if ms, ok, err := set.Long("timeout"); err != nil {
		return err
	} else if ok {
		o.Timeout = time.Duration(ms) * time.Millisecond
	}
	for b := range strings.SplitSeq(set.String("broker-list"), ",") {
		if b == "" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(b), 10, 32)
		if err != nil {
			return fmt.Errorf("For input string: \"%s\"", b)
		}
		if slices.Contains(o.Brokers, int32(n)) {
			return fmt.Errorf("Broker list contains duplicate entries: %s", b)
		}
		o.Brokers = append(o.Brokers, int32(n))
	}
	var err error
	o.Output, err = outputFormat(set)
	return err
}

// plannedReplicas is where a partition's replicas shall be, one log directory or "any" for each.
type plannedReplicas struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Replicas  []int32  `json:"replicas"`
	LogDirs   []string `json:"log_dirs,omitempty"`
}

func (p plannedReplicas) key() partitionKey { return partitionKey{p.Topic, p.Partition} }
func (p plannedReplicas) name() string      { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

// assignmentFile is the JSON document of an assignment.
type assignmentFile struct {
	Version    int               `json:"version"`
	Partitions []plannedReplicas `json:"partitions"`
}

// formatAssignment prints an assignment on one line, as --execute reads it.
func formatAssignment(plan []plannedReplicas) (string, error) {
	for i := range plan {
		if plan[i].LogDirs == nil {
			plan[i].LogDirs = slices.Repeat([]string{"any"}, len(plan[i].Replicas))
		}
	}
	text, err := json.Marshal(assignmentFile{1, plan})
	return string(text), err
}

func sortPlan(plan []plannedReplicas) {
	slices.SortFunc(plan, func(a, b plannedReplicas) int { return comparePartitions(a.Topic, a.Partition, b.Topic, b.Partition) })
}

// readAssignment reads and checks a reassignment file.
func readAssignment(path string) ([]plannedReplicas, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Unable to read file %s", path)
	}
	file := assignmentFile{Version: 1}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s is not a reassignment: %w", path, err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("Not supported version field value %d", file.Version)
	}
	if len(file.Partitions) == 0 {
		return nil, errors.New("Partition reassignment list cannot be empty")
	}
	seen := make(map[partitionKey]bool)
	for _, p := range file.Partitions {
		switch {
		case len(p.Replicas) == 0:
			return nil, errors.New("Partition replica list cannot be empty")
		case seen[p.key()]:
			return nil, fmt.Errorf("Partition reassignment contains duplicate topic partitions: %s", p.name())
		case len(p.LogDirs) > 0 && len(p.LogDirs) != len(p.Replicas):
			return nil, fmt.Errorf("Size of replicas list %s is different from size of log dirs list %s for partition %s", javaList(p.Replicas), javaList(p.LogDirs), p.name())
		}
		seen[p.key()] = true
		for i, r := range p.Replicas {
			if slices.Contains(p.Replicas[:i], r) {
				return nil, fmt.Errorf("Partition replica lists may not contain duplicate entries: %s contains multiple entries for %d", p.name(), r)
			}
		}
	}
	sortPlan(file.Partitions)
	return file.Partitions, nil
}

func reassignRun(ctx context.Context, o *reassignOptions) error {
	var plan []plannedReplicas
	var topics []string
	var err error
	switch o.Action {
	case "generate":
		topics, err = readTopicsToMove(o.File)
	case "list":
	default:
		plan, err = readAssignment(o.File)
	}
	if err != nil {
		return err
	}
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "generate":
		return o.generate(ctx, cl, topics)
	case "execute":
		return o.execute(ctx, cl, plan)
	case "verify":
		return o.verify(ctx, cl, plan)
	case "cancel":
		return o.cancel(ctx, cl, plan)
	}
	return o.list(ctx, cl)
}

// movingView is one partition of kgo reassign-partitions --list.
type movingView struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
	Adding    []int32 `json:"adding_replicas"`
	Removing  []int32 `json:"removing_replicas"`
}

// reassignments lists what is moving, in the order of topics and partitions.
func reassignments(ctx context.Context, cl *client.Client) ([]movingView, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.TimeoutMillis = millisLeft(ctx)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	views := []movingView{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			views = append(views, movingView{t.Topic, p.Partition, p.Replicas, orEmpty(p.AddingReplicas), orEmpty(p.RemovingReplicas)})
		}
	}
	slices.SortFunc(views, func(a, b movingView) int { return comparePartitions(a.Topic, a.Partition, b.Topic, b.Partition) })
	return views, nil
}

// plural is the s of several.
func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func planNames(plan []plannedReplicas) string {
	names := make([]string, 0, len(plan))
	for _, p := range plan {
		names = append(names, p.name())
	}
	return strings.Join(names, ",")
}
