package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

var (
	clusterTarget = []opt.Option{
		{Name: "bootstrap-server", Short: "b", Arg: opt.Required, Meta: "BOOTSTRAP_SERVER", Desc: "A list of host/port pairs to use for establishing the connection to the Kafka cluster."},
		{Name: "bootstrap-controller", Short: "C", Arg: opt.Required, Meta: "BOOTSTRAP_CONTROLLER", Desc: "A list of host/port pairs to use for establishing the connection to the KRaft controllers."},
		{Name: "config", Arg: opt.Required, Meta: "CONFIG", Desc: "(DEPRECATED) A property file containing configurations for the Admin client. This option will be removed in a future version. Use --command-config instead.", Complete: "file"},
		{Name: "command-config", Short: "c", Arg: opt.Required, Meta: "COMMAND_CONFIG", Desc: "Config properties file for the Admin client.", Complete: "file"},
	}
	clusterTargetGroup = []opt.Alternatives{{Names: []string{"bootstrap-server", "bootstrap-controller"}, Must: true}}

	clusterSpec = &opt.Spec{
		Name:  "cluster",
		Prog:  "kafka-cluster",
		Intro: "The Kafka cluster tool.",
		Sub: []*opt.Spec{
			{Name: "cluster-id", Desc: "Get information about the ID of a cluster.", Options: clusterTarget, Groups: clusterTargetGroup},
			{Name: "unregister", Desc: "Unregister a broker.", Groups: clusterTargetGroup, Options: append(slices.Clone(clusterTarget),
				opt.Option{Name: "id", Short: "i", Arg: opt.Required, Type: "Integer", Meta: "ID", Must: true, Desc: "The ID of the broker to unregister.", Complete: "broker"})},
			{Name: "list-endpoints", Desc: "List endpoints", Groups: clusterTargetGroup, Options: append(slices.Clone(clusterTarget),
				opt.Option{Name: "include-fenced-brokers", Desc: "Whether to include fenced brokers when listing broker endpoints"})},
		},
	}
)

// clusterOptions is a parsed command line of kgo cluster.
type clusterOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action        string // cluster-id, unregister, list-endpoints
	ID            int32
	Controllers   bool // the controllers are asked
	IncludeFenced bool
	Yes           bool
	Output        format
}

func newClusterCmd(f *Factory, runF func(*clusterOptions) error) *cobra.Command {
	t := &tool{
		spec:    clusterSpec,
		short:   "Show the cluster's id and endpoints, unregister a broker",
		long:    "cluster-id prints the id that was given to the cluster when it was made. list-endpoints prints the addresses of the\nbrokers or, with --bootstrap-controller, of the controllers; STATE is fenced for a broker that does not send heartbeats.\nunregister makes the cluster forget a broker that is gone for good.",
		example: "  kgo cluster cluster-id --bootstrap-server localhost:9092\n  kgo cluster list-endpoints --bootstrap-server localhost:9092 --include-fenced-brokers",
		extras:  []opt.Option{extraOutput, extraTimeout, extraYes},
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		sub := set.Sub
		c := connection(sub, "adminclient-1")
		if sub.Has("config") {
			if sub.Has("command-config") {
				return errors.New("--config and --command-config cannot be specified together.")
			}
			c.ConfigFile = sub.String("config")
			fmt.Fprintln(f.IO.Out, "Option --config has been deprecated and will be removed in a future version. Use --command-config instead.")
		}
		o := &clusterOptions{
			IO: f.IO, Client: func(ctx context.Context) (*client.Client, error) { return f.Open(ctx, c) },
			Action: sub.Spec.Name, Controllers: sub.Has("bootstrap-controller"), IncludeFenced: sub.Has("include-fenced-brokers"), Yes: sub.Has("yes"),
		}
		var err error
		if o.ID, _, err = sub.Int("id"); err != nil {
			return err
		}
		if o.Output, err = outputFormat(sub); err != nil {
			return err
		}
		if o.Controllers && o.IncludeFenced {
			return errors.New("The option --include-fenced-brokers is only supported with --bootstrap-server option")
		}
		if runF != nil {
			return runF(o)
		}
		return clusterRun(ctx, o)
	})
}

// clusterIDView is the answer of kgo cluster cluster-id.
type clusterIDView struct {
	ClusterID string `json:"cluster_id"`
}

// endpointView is one line of kgo cluster list-endpoints; fenced is null for controllers.
type endpointView struct {
	ID     int32   `json:"id"`
	Host   string  `json:"host"`
	Port   int32   `json:"port"`
	Rack   *string `json:"rack"`
	Fenced *bool   `json:"fenced"`
	Type   string  `json:"type"` // broker or controller
}

func clusterRun(ctx context.Context, o *clusterOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	if o.Action == "unregister" {
		return o.unregister(ctx, cl)
	}
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeFencedBrokers = o.IncludeFenced
	req.EndpointType = 1
	if o.Controllers {
		req.EndpointType = 2
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return errors.New(javaError(err))
	}
	if o.Action == "cluster-id" {
		return o.Output.write(o.IO.Out, clusterIDView{resp.ClusterID}, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Cluster ID: %s\n", resp.ClusterID)
			return err
		})
	}
	views := []endpointView{}
	for _, b := range resp.Brokers {
		v := endpointView{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack, Type: "controller"}
		if !o.Controllers {
			v.Type, v.Fenced = "broker", &b.IsFenced
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b endpointView) int { return int(a.ID - b.ID) })
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error { o.printEndpoints(w, views); return nil })
}

func (o *clusterOptions) printEndpoints(w io.Writer, views []endpointView) {
	rows := [][]string{{"ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"}}
	for _, v := range views {
		state := "unfenced"
		if v.Fenced != nil && *v.Fenced {
			state = "fenced"
		}
		rows = append(rows, []string{strconv.Itoa(int(v.ID)), v.Host, strconv.Itoa(int(v.Port)), orNull(v.Rack), state, v.Type})
	}
	widths := []int{10, 1, 10, 10, 10, 15}
	if o.Controllers {
		widths = dropColumns(widths, rows, 4)
	}
	printTable(w, widths, rows, "")
}

func (o *clusterOptions) unregister(ctx context.Context, cl *client.Client) error {
	if !o.Yes {
		if err := confirm(o.IO, fmt.Sprintf("Unregister broker %d?", o.ID)); err != nil {
			return err
		}
	}
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = o.ID
	resp, err := req.RequestWith(ctx, cl)
	if isUnsupported(err) {
		fmt.Fprintln(o.IO.Out, "The target cluster does not support the broker unregistration API.")
		return ErrSilent
	}
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return errors.New(javaError(err))
	}
	fmt.Fprintf(o.IO.Out, "Broker %d is no longer registered.\n", o.ID)
	return nil
}
