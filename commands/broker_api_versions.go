package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// brokerAPIVersionsOptions is a parsed command line of kgo broker-api-versions.
type brokerAPIVersionsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)
	Output format
}

func newBrokerAPIVersionsCmd(f *Factory, runF func(*brokerAPIVersionsOptions) error) *cobra.Command {
	t := &tool{
		spec:        brokerAPIVersionsSpec,
		short:       "Show which versions of which requests each broker serves",
		long:        "Prints a block for each broker with a line for each request: the versions that the broker serves, and the\nnewest that a Kafka 4.3 client would use (usable). UNSUPPORTED are requests that clients know and the broker does not.",
		example:     "  kgo broker-api-versions",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainErrors: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &brokerAPIVersionsOptions{IO: f.IO, Client: f.opener(set, "admin-1")}
		var err error
		if o.Output, err = outputFormat(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return brokerAPIVersionsRun(ctx, o)
	})
}

// clientAPI is a request that clients send, with the versions that a Kafka 4.3 client knows.
type clientAPI struct {
	key      int16
	name     string
	min, max int16
}

// brokerAPIsView is one broker of kgo broker-api-versions.
type brokerAPIsView struct {
	ID    int32     `json:"id"`
	Host  string    `json:"host"`
	Port  int32     `json:"port"`
	Rack  *string   `json:"rack"`
	Error string    `json:"error,omitempty"`
	APIs  []apiView `json:"apis"`
}

// apiView is one request; min and max are null if the broker does not serve it, usable if no version is known to both.
type apiView struct {
	Key    int16  `json:"key"`
	Name   string `json:"name"`
	Min    *int16 `json:"min"`
	Max    *int16 `json:"max"`
	Usable *int16 `json:"usable"`
}

func brokerAPIVersionsRun(ctx context.Context, o *brokerAPIVersionsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	views := make([]brokerAPIsView, len(cluster.Brokers))
	var wg sync.WaitGroup
	for i, b := range cluster.Brokers {
		wg.Go(func() {
			v := brokerAPIsView{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack}
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = "apache-kafka-java", kafkaVersion
			answer, err := cl.Broker(int(b.NodeID)).RetriableRequest(ctx, req)
			if err != nil {
				v.Error = client.Explain(cl.Cause(err))
			} else {
				v.APIs = apiViews(answer.(*kmsg.ApiVersionsResponse))
			}
			views[i] = v
		})
	}
	wg.Wait()
	slices.SortFunc(views, func(a, b brokerAPIsView) int { return int(a.ID - b.ID) })
	failed := slices.ContainsFunc(views, func(v brokerAPIsView) bool { return v.Error != "" })
	err = o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		for _, v := range views {
			v.print(w)
		}
		return nil
	})
	if err == nil && failed {
		return ErrSilent
	}
	return err
}

func apiViews(resp *kmsg.ApiVersionsResponse) []apiView {
	served := make(map[int16]kmsg.ApiVersionsResponseApiKey)
	for _, k := range resp.ApiKeys {
		served[k.ApiKey] = k
	}
	var views []apiView
	for _, api := range clientAPIs {
		v := apiView{Key: api.key, Name: api.name}
		if k, ok := served[api.key]; ok {
			delete(served, api.key)
			v.Min, v.Max = &k.MinVersion, &k.MaxVersion
			if usable := min(k.MaxVersion, api.max); usable >= max(k.MinVersion, api.min) {
				v.Usable = &usable
			}
		}
		views = append(views, v)
	}
	for _, k := range served {
		views = append(views, apiView{Key: k.ApiKey, Name: "UNKNOWN", Min: &k.MinVersion, Max: &k.MaxVersion})
	}
	slices.SortFunc(views, func(a, b apiView) int { return int(a.Key - b.Key) })
	return views
}

func (v *brokerAPIsView) print(w io.Writer) {
	fmt.Fprintf(w, "%s:%d (id: %d rack: %s isFenced: false) -> ", v.Host, v.Port, v.ID, orNull(v.Rack))
	if v.Error != "" {
		say(w, "ERROR: %s\n", v.Error)
		return
	}
	lines := make([]string, 0, len(v.APIs))
	for _, a := range v.APIs {
		line := fmt.Sprintf("\t%s(%d): ", a.Name, a.Key)
		switch {
		case a.Min == nil:
			line += "UNSUPPORTED"
		case *a.Min == *a.Max:
			line += strconv.Itoa(int(*a.Min))
		default:
			line += fmt.Sprintf("%d to %d", *a.Min, *a.Max)
		}
		switch {
		case a.Min == nil || a.Name == "UNKNOWN":
		case a.Usable != nil:
			line += fmt.Sprintf(" [usable: %d]", *a.Usable)
		default:
			line += " [unusable: node too new]"
		}
		lines = append(lines, line)
	}
	fmt.Fprintf(w, "(\n%s\n)\n", strings.Join(lines, ",\n"))
}
