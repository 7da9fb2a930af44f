package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
)

// connectOptions are what all of `kgo connect`'s verbs share.
type connectOptions struct {
	IO  *IOStreams
	URL string // of any Connect worker

	HTTP *http.Client
}

func newConnectCmd(f *Factory) *cobra.Command {
	o := &connectOptions{IO: f.IO, HTTP: &http.Client{Timeout: 90 * time.Second}}
	cmd := &cobra.Command{
		Use:     "connect VERB [OPTION...]",
		Short:   "Look after the connectors of any Kafka Connect cluster over its REST API",
		GroupID: groupCluster,
		Long:    "Speaks to the REST API of a Kafka Connect worker, kgo's or Apache's: --url, else CONNECT_URL, else http://localhost:8083.",
		Example: `  kgo connect create sink.properties
  kgo connect list
  kgo connect describe local-file-sink
  kgo connect restart local-file-sink`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&o.URL, "url", first(f.Getenv("CONNECT_URL"), "http://localhost:8083"), "the worker's REST `address`")
	verb := func(use, short string, n int, run func(context.Context, []string) error) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(n), RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }}
		cmd.AddCommand(c)
		return c
	}
	verb("list", "List the connectors with their states", 0, func(ctx context.Context, _ []string) error { return o.list(ctx) })
	verb("describe NAME", "Show a connector's configuration, state and tasks", 1, func(ctx context.Context, a []string) error { return o.describe(ctx, a[0]) })
	verb("create FILE", "Create a connector from a .properties or .json file, or change its configuration", 1, func(ctx context.Context, a []string) error { return o.create(ctx, a[0]) })
	verb("pause NAME", "Pause a connector", 1, func(ctx context.Context, a []string) error { return o.act(ctx, "PUT", a[0], "/pause", "paused") })
	verb("resume NAME", "Resume a paused or stopped connector", 1, func(ctx context.Context, a []string) error { return o.act(ctx, "PUT", a[0], "/resume", "resumed") })
	verb("stop NAME", "Stop a connector, which its offsets can be changed after", 1, func(ctx context.Context, a []string) error { return o.act(ctx, "PUT", a[0], "/stop", "stopped") })
	onlyFailed := false
	restart := verb("restart NAME", "Restart a connector and its tasks", 1, func(ctx context.Context, a []string) error {
		return o.act(ctx, "POST", a[0], fmt.Sprintf("/restart?includeTasks=true&onlyFailed=%t", onlyFailed), "restarted")
	})
	restart.Flags().BoolVar(&onlyFailed, "only-failed", false, "leave alone what has not failed")
	verb("delete NAME", "Delete a connector; its offsets stay", 1, func(ctx context.Context, a []string) error { return o.act(ctx, "DELETE", a[0], "", "deleted") })
	reset := false
	offsets := verb("offsets NAME", "Show or reset a connector's offsets", 1, func(ctx context.Context, a []string) error {
		if reset {
			return o.act(ctx, "DELETE", a[0], "/offsets", "offsets reset")
		}
		return o.show(ctx, "GET", "/connectors/"+url.PathEscape(a[0])+"/offsets", nil)
	})
	offsets.Flags().BoolVar(&reset, "reset", false, "forget the offsets; the connector has to be stopped")
	verb("validate FILE", "Check a connector's configuration without creating it", 1, func(ctx context.Context, a []string) error { return o.validate(ctx, a[0]) })
	verb("plugins", "List the connectors that the worker can run", 0, func(ctx context.Context, _ []string) error { return o.show(ctx, "GET", "/connector-plugins", nil) })
	return cmd
}

// call sends a request and decodes the answer; the worker's own words are the error.
func (o *connectOptions) call(ctx context.Context, method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.URL, "/")+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := o.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%w; is a Connect worker running at %s?", err, o.URL)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var refused struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(b, &refused) == nil && refused.Message != "" {
			return errors.New(refused.Message)
		}
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if into == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, into)
}

type connectState struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Trace    string `json:"trace"`
}

type connectStatus struct {
	Name      string       `json:"name"`
	Connector connectState `json:"connector"`
	Tasks     []struct {
		ID int `json:"id"`
		connectState
	} `json:"tasks"`
	Type string `json:"type"`
}

func (o *connectOptions) list(ctx context.Context) error {
	var all map[string]struct {
		Status connectStatus `json:"status"`
	}
	if err := o.call(ctx, "GET", "/connectors?expand=status", nil, &all); err != nil {
		return err
	}
	rows := [][]string{{"NAME", "TYPE", "STATE", "TASKS", "FAILED"}}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name].Status
		failed := 0
		for _, t := range s.Tasks {
			if t.State == "FAILED" {
				failed++
			}
		}
		rows = append(rows, []string{name, s.Type, s.Connector.State, strconv.Itoa(len(s.Tasks)), strconv.Itoa(failed)})
	}
	printAligned(o.IO.Out, rows)
	return nil
}

func (o *connectOptions) describe(ctx context.Context, name string) error {
	path := "/connectors/" + url.PathEscape(name)
	var status connectStatus
	if err := o.call(ctx, "GET", path+"/status", nil, &status); err != nil {
		return err
	}
	config := map[string]string{}
	if err := o.call(ctx, "GET", path+"/config", nil, &config); err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Connector: %s\tType: %s\tState: %s\tWorker: %s\n", status.Name, status.Type, status.Connector.State, status.Connector.WorkerID)
	o.trace(status.Connector.Trace)
	for _, t := range status.Tasks {
		fmt.Fprintf(o.IO.Out, "\tTask: %d\tState: %s\tWorker: %s\n", t.ID, t.State, t.WorkerID)
		o.trace(t.Trace)
	}
	fmt.Fprintln(o.IO.Out, "Configuration:")
	for _, k := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(o.IO.Out, "\t%s=%s\n", k, config[k])
	}
	return nil
}

func (o *connectOptions) trace(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprint(o.IO.Out, "\t\t", strings.TrimRight(line, "\n"), "\n")
	}
}

func (o *connectOptions) act(ctx context.Context, method, name, path, done string) error {
	if err := o.call(ctx, method, "/connectors/"+url.PathEscape(name)+path, nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(o.IO.Out, "Connector %s: %s.\n", name, done)
	return err
}

func (o *connectOptions) show(ctx context.Context, method, path string, body any) error {
	var answer any
	if err := o.call(ctx, method, path, body, &answer); err != nil {
		return err
	}
	enc := json.NewEncoder(o.IO.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(answer)
}

// connectorFile reads a connector's configuration: properties, {name, config}, or the settings alone as JSON.
func connectorFile(path string) (map[string]string, error) {
	var config map[string]string
	if strings.HasSuffix(strings.ToLower(path), ".json") {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, _, err := connect.ParseConfig(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		config = c
	} else {
		p, err := client.ReadFile(path) // the worker resolves references
		if err != nil {
			return nil, err
		}
		config = p
	}
	if config["name"] == "" {
		return nil, fmt.Errorf("%s: the connector has no name", path)
	}
	return config, nil
}

func (o *connectOptions) create(ctx context.Context, path string) error {
	config, err := connectorFile(path)
	if err != nil {
		return err
	}
	name := config["name"]
	if err := o.call(ctx, "PUT", "/connectors/"+url.PathEscape(name)+"/config", config, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.IO.Out, "Connector %s: created.\n", name)
	return err
}

func (o *connectOptions) validate(ctx context.Context, path string) error {
	config, err := connectorFile(path)
	if err != nil {
		return err
	}
	var answer struct {
		Count   int `json:"error_count"`
		Configs []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	class := config["connector.class"]
	if err := o.call(ctx, "PUT", "/connector-plugins/"+url.PathEscape(class)+"/config/validate", config, &answer); err != nil {
		return err
	}
	for _, c := range answer.Configs {
		for _, text := range c.Value.Errors {
			fmt.Fprintf(o.IO.Out, "%s: %s\n", c.Value.Name, text)
		}
	}
	if answer.Count > 0 {
		return ErrSilent
	}
	_, err = fmt.Fprintln(o.IO.Out, "the configuration is good")
	return err
}
