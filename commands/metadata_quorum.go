package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
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

var metadataQuorumSpec = &opt.Spec{
	Name:  "metadata-quorum",
	Prog:  "kafka-metadata-quorum",
	Intro: "This tool describes kraft metadata quorum status.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "BOOTSTRAP_SERVER", Desc: "A comma-separated list of host:port pairs to use for establishing the connection to the Kafka cluster."},
		{Name: "bootstrap-controller", Arg: opt.Required, Meta: "BOOTSTRAP_CONTROLLER", Desc: "A comma-separated list of host:port pairs to use for establishing the connection to the Kafka controllers."},
		{Name: "command-config", Arg: opt.Required, Meta: "COMMAND_CONFIG", Desc: "Property file containing configs to be passed to Admin Client. For add-controller, the file is used to specify the controller properties as well.", Complete: "file"},
	},
	Groups: []opt.Alternatives{{Names: []string{"bootstrap-server", "bootstrap-controller"}, Must: true}},
	Sub: []*opt.Spec{
		{Name: "describe", Desc: "Describe the metadata quorum info", Options: []opt.Option{
			{Name: "status", Desc: "A short summary of the quorum status and the other provides detailed information about the status of replication."},
			{Name: "replication", Desc: "Detailed information about the status of replication"},
			{Name: "human-readable", Desc: "Human-readable output"},
		}, Sections: []opt.Section{{Title: "Status", Names: []string{"status"}}, {Title: "Replication", Names: []string{"replication", "human-readable"}}}},
		{Name: "add-controller", Desc: "Add a controller to the KRaft controller cluster", Options: []opt.Option{
			{Name: "dry-run", Desc: "True if we should print what would be done, but not do it."},
		}},
		{Name: "remove-controller", Desc: "Remove a controller from the KRaft controller cluster", Options: []opt.Option{
			{Name: "controller-id", Short: "i", Arg: opt.Required, Type: "Integer", Meta: "CONTROLLER_ID", Must: true, Desc: "The id of the controller to remove."},
			{Name: "controller-directory-id", Short: "d", Arg: opt.Required, Meta: "CONTROLLER_DIRECTORY_ID", Must: true, Desc: "The directory ID of the controller to remove."},
			{Name: "dry-run", Desc: "True if we should print what would be done, but not do it."},
		}},
	},
}

// metadataQuorumOptions is a parsed command line of kgo metadata-quorum.
type metadataQuorumOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)
	Now    func() time.Time

	Action                     string // describe, add-controller, remove-controller
	Status, Replication, Human bool
	ConfigFile                 string
	ControllerID               int32
	DirectoryID                string
	DryRun                     bool
	Output                     format
}

func newMetadataQuorumCmd(f *Factory, runF func(*metadataQuorumOptions) error) *cobra.Command {
	t := &tool{
		spec:    metadataQuorumSpec,
		short:   "Show the state of the controllers' quorum, add and remove controllers",
		long:    "The controllers keep the cluster's metadata in a log that the leader writes and the others follow.\ndescribe --status prints who leads and who votes, describe --replication how far each has come: Lag counts records\nbehind the leader, LastCaughtUpTimestamp is when a follower last had all of them.",
		example: "  kgo metadata-quorum --bootstrap-server localhost:9092 describe --status\n  kgo metadata-quorum --bootstrap-server localhost:9092 describe --replication --human-readable",
		extras:  []opt.Option{extraOutput, extraTimeout},
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		sub := set.Sub
		o := &metadataQuorumOptions{
			IO: f.IO, Client: f.opener(set, "adminclient-1"), Now: f.Now, Action: sub.Spec.Name,
			Status: sub.Has("status"), Replication: sub.Has("replication"), Human: sub.Has("human-readable"),
			ConfigFile: set.String("command-config"), DirectoryID: sub.String("controller-directory-id"), DryRun: sub.Has("dry-run"),
		}
		var err error
		if o.ControllerID, _, err = sub.Int("controller-id"); err != nil {
			return err
		}
		if o.Output, err = outputFormat(firstWith("output", sub, set)); err != nil {
			return err
		}
		if err := o.check(); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return metadataQuorumRun(ctx, o)
	})
}

// firstWith returns the set in which an option was given: extras may stand before or after the sub-command.
func firstWith(option string, sets ...*opt.Set) *opt.Set {
	for _, s := range sets {
		if s.Has(option) {
			return s
		}
	}
	return sets[0]
}

func (o *metadataQuorumOptions) check() error {
	switch {
	case o.Action == "describe" && o.Status && o.Replication:
		return errors.New("Only one of --status or --replication should be specified with describe sub-command")
	case o.Action == "describe" && o.Status && o.Human:
		return errors.New("The option --human-readable is only supported along with --replication")
	case o.Action == "describe" && !o.Status && !o.Replication:
		return errors.New("One of --status or --replication must be specified with describe sub-command")
	case o.Action == "add-controller" && o.ConfigFile == "":
		return errors.New("You must supply the configuration file of the controller you are adding when using add-controller.")
	}
	return nil
}

// quorumView is the answer of kgo metadata-quorum describe.
type quorumView struct {
	ClusterID            string              `json:"cluster_id"`
	LeaderID             int32               `json:"leader_id"`
	LeaderEpoch          int32               `json:"leader_epoch"`
	HighWatermark        int64               `json:"high_watermark"`
	MaxFollowerLag       int64               `json:"max_follower_lag"`
	MaxFollowerLagTimeMs int64               `json:"max_follower_lag_time_ms"`
	Replicas             []quorumReplicaView `json:"replicas"`
}

// quorumReplicaView is one controller or observer; times are milliseconds since 1970, -1 if unknown.
type quorumReplicaView struct {
	NodeID                int32    `json:"node_id"`
	DirectoryID           string   `json:"directory_id"`
	Status                string   `json:"status"` // Leader, Follower or Observer
	LogEndOffset          int64    `json:"log_end_offset"`
	Lag                   int64    `json:"lag"`
	LastFetchTimestamp    int64    `json:"last_fetch_timestamp"`
	LastCaughtUpTimestamp int64    `json:"last_caught_up_timestamp"`
	Endpoints             []string `json:"endpoints,omitempty"`
}

func metadataQuorumRun(ctx context.Context, o *metadataQuorumOptions) error {
	if o.Action == "remove-controller" && o.DryRun {
		if _, err := parseUUID(o.DirectoryID); err != nil {
			return fmt.Errorf("Failed to parse --controller-directory-id: %w", err)
		}
		fmt.Fprintf(o.IO.Out, "%s of removing  KRaft controller %d with directory id %s\n", paint(o.IO.Out, planned, "DRY RUN"), o.ControllerID, o.DirectoryID)
		return nil
	}
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "remove-controller":
		return o.remove(ctx, cl)
	case "add-controller":
		return o.add(ctx, cl)
	}
	view, err := o.fetch(ctx, cl)
	if err != nil {
		return err
	}
	return o.Output.write(o.IO.Out, view, func(w io.Writer) error {
		if o.Status {
			printQuorumStatus(w, view)
		} else {
			o.printReplication(w, view)
		}
		return nil
	})
}

func (o *metadataQuorumOptions) fetch(ctx context.Context, cl *client.Client) (*quorumView, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{
		Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}},
	}}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, errors.New(javaError(err))
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("the answer to DescribeQuorum holds no quorum")
	}
	p := &resp.Topics[0].Partitions[0]
	if err := serverError(p.ErrorCode, p.ErrorMessage); err != nil {
		return nil, errors.New(javaError(err))
	}
	clusterReq := kmsg.NewPtrDescribeClusterRequest()
	clusterReq.EndpointType = 1
	if cl.OfControllers() {
		clusterReq.EndpointType = 2
	}
	cluster, err := clusterReq.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	view := &quorumView{ClusterID: cluster.ClusterID, LeaderID: p.LeaderID, LeaderEpoch: p.LeaderEpoch, HighWatermark: p.HighWatermark}
	endpoints := make(map[int32][]string)
	for _, n := range resp.Nodes {
		for _, l := range n.Listeners {
			endpoints[n.NodeID] = append(endpoints[n.NodeID], fmt.Sprintf("%s://%s:%d", l.Name, l.Host, l.Port))
		}
	}
	leaderEnd, leaderTime := int64(0), int64(-1)
	for _, v := range p.CurrentVoters {
		if v.ReplicaID == p.LeaderID {
			leaderEnd, leaderTime = v.LogEndOffset, v.LastCaughtUpTimestamp
		}
	}
	add := func(id int32, dir [16]byte, end, fetched, caught int64, voter bool) {
		v := quorumReplicaView{NodeID: id, DirectoryID: formatUUID(dir), LogEndOffset: end, Lag: leaderEnd - end, LastFetchTimestamp: fetched, LastCaughtUpTimestamp: caught, Status: "Observer"}
		if voter {
			v.Status, v.Endpoints = "Follower", endpoints[id]
			if id == p.LeaderID {
				v.Status = "Leader"
			}
			view.MaxFollowerLag = max(view.MaxFollowerLag, v.Lag)
			if id != p.LeaderID && leaderTime >= 0 {
				view.MaxFollowerLagTimeMs = max(view.MaxFollowerLagTimeMs, leaderTime-caught)
			}
		}
		view.Replicas = append(view.Replicas, v)
	}
	for _, v := range p.CurrentVoters {
		add(v.ReplicaID, v.ReplicaDirectoryID, v.LogEndOffset, v.LastFetchTimestamp, v.LastCaughtUpTimestamp, true)
	}
	for _, v := range p.Observers {
		add(v.ReplicaID, v.ReplicaDirectoryID, v.LogEndOffset, v.LastFetchTimestamp, v.LastCaughtUpTimestamp, false)
	}
	rank := map[string]int{"Leader": 0, "Follower": 1, "Observer": 2}
	slices.SortStableFunc(view.Replicas, func(a, b quorumReplicaView) int { return rank[a.Status] - rank[b.Status] })
	return view, nil
}

func printQuorumStatus(w io.Writer, v *quorumView) {
	describe := func(voters bool) string {
		var parts []string
		for _, r := range v.Replicas {
			if voters != (r.Status != "Observer") {
				continue
			}
			part := fmt.Sprintf(`{"id": %d`, r.NodeID)
			if r.DirectoryID != formatUUID([16]byte{}) {
				part += fmt.Sprintf(`, "directoryId": "%s"`, r.DirectoryID)
			}
			if len(r.Endpoints) > 0 {
				quoted := make([]string, 0, len(r.Endpoints))
				for _, e := range r.Endpoints {
					quoted = append(quoted, strconv.Quote(e))
				}
				part += `, "endpoints": [` + strings.Join(quoted, ", ") + `]`
			}
			parts = append(parts, part+"}")
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for _, line := range [][2]string{
		{"ClusterId:", v.ClusterID},
		{"LeaderId:", strconv.Itoa(int(v.LeaderID))},
		{"LeaderEpoch:", strconv.Itoa(int(v.LeaderEpoch))},
		{"HighWatermark:", strconv.FormatInt(v.HighWatermark, 10)},
		{"MaxFollowerLag:", strconv.FormatInt(v.MaxFollowerLag, 10)},
		{"MaxFollowerLagTimeMs:", strconv.FormatInt(v.MaxFollowerLagTimeMs, 10)},
		{"CurrentVoters:", describe(true)},
		{"CurrentObservers:", describe(false)},
	} {
		fmt.Fprintf(w, "%-24s%s\n", line[0], line[1])
	}
}

func (o *metadataQuorumOptions) printReplication(w io.Writer, v *quorumView) {
	when := func(ms int64) string {
		if !o.Human {
			return strconv.FormatInt(ms, 10)
		}
		if ms < 0 {
			return "unknown"
		}
		return fmt.Sprintf("%d ms ago", o.Now().UnixMilli()-ms)
	}
	rows := [][]string{{"NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"}}
	for _, r := range v.Replicas {
		rows = append(rows, []string{
			strconv.Itoa(int(r.NodeID)), r.DirectoryID, strconv.FormatInt(r.LogEndOffset, 10), strconv.FormatInt(r.Lag, 10),
			when(r.LastFetchTimestamp), when(r.LastCaughtUpTimestamp), r.Status,
		})
	}
	printTabbed(w, rows)
}

func (o *metadataQuorumOptions) remove(ctx context.Context, cl *client.Client) error {
	if o.ControllerID < 0 {
		return fmt.Errorf("Invalid negative --controller-id: %d", o.ControllerID)
	}
	dir, err := parseUUID(o.DirectoryID)
	if err != nil {
		return fmt.Errorf("Failed to parse --controller-directory-id: %w", err)
	}
	req := kmsg.NewPtrRemoveRaftVoterRequest()
	req.VoterID, req.VoterDirectoryID = o.ControllerID, dir
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return errors.New(javaError(err))
	}
	fmt.Fprintf(o.IO.Out, "Removed KRaft controller %d with directory id %s\n", o.ControllerID, o.DirectoryID)
	return nil
}

// add makes the controller whose properties are in the configuration file a voter.
func (o *metadataQuorumOptions) add(ctx context.Context, cl *client.Client) error {
	p, err := client.LoadFile(o.ConfigFile)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(p["node.id"], 10, 32)
	if err != nil || id < 0 {
		return fmt.Errorf("node.id not found in %s", o.ConfigFile)
	}
	if !strings.Contains(p["process.roles"], "controller") {
		return errors.New("process.roles did not contain 'controller'; please provide the configuration file of the controller you are adding")
	}
	dir := p["metadata.log.dir"]
	if dir == "" {
		dir, _, _ = strings.Cut(first(p["log.dirs"], p["log.dir"]), ",")
	}
	text, err := os.ReadFile(dir + "/meta.properties")
	if err != nil {
		return fmt.Errorf("Unable to read meta.properties from %s", dir)
	}
	meta, err := client.Parse(text)
	if err != nil {
		return err
	}
	directory, err := parseUUID(meta["directory.id"])
	if err != nil {
		return fmt.Errorf("No directory id found in %s", dir)
	}
	req := kmsg.NewPtrAddRaftVoterRequest()
	req.TimeoutMillis = millisLeft(ctx)
	req.VoterID, req.VoterDirectoryID = int32(id), directory
	listeners := strings.Split(first(p["advertised.listeners"], p["listeners"]), ",")
	for name := range strings.SplitSeq(p["controller.listener.names"], ",") {
		for _, l := range listeners {
			if address, ok := strings.CutPrefix(strings.TrimSpace(l), strings.TrimSpace(name)+"://"); ok {
				i := strings.LastIndexByte(address, ':')
				port, err := strconv.ParseUint(address[i+1:], 10, 16)
				if i < 0 || err != nil {
					return fmt.Errorf("listener %s has no port", l)
				}
				req.Listeners = append(req.Listeners, kmsg.AddRaftVoterRequestListener{Name: strings.TrimSpace(name), Host: strings.Trim(address[:i], "[]"), Port: uint16(port)})
			}
		}
	}
	if o.DryRun {
		fmt.Fprintf(o.IO.Out, "%s of adding controller %d with directory id %s.\n", paint(o.IO.Out, planned, "DRY RUN"), id, meta["directory.id"])
		return nil
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return errors.New(javaError(err))
	}
	fmt.Fprintf(o.IO.Out, "Added controller %d with directory id %s.\n", id, meta["directory.id"])
	return nil
}
