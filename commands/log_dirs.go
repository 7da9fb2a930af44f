package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// logDirsOptions is a parsed command line of kgo log-dirs.
type logDirsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Topics  []string // empty: all
	Brokers []int32  // empty: all
	Output  format
}

func newLogDirsCmd(f *Factory, runF func(*logDirsOptions) error) *cobra.Command {
	t := &tool{
		spec:        logDirsSpec,
		short:       "Show which log directory holds which partition, and their sizes",
		long:        "Prints a line of JSON with the log directories of each broker: the partitions in them with their size in bytes,\noffsetLag (how many records the copy is behind) and isFuture (the copy is moving here from another directory).\nerror names what is wrong with a directory, null if nothing is.",
		example:     "  kgo log-dirs --describe --topic-list hello",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainErrors: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &logDirsOptions{IO: f.IO, Client: f.opener(set, "log-dirs-tool")}
		if err := required(set, "describe"); err != nil {
			return err
		}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return logDirsRun(ctx, o)
	})
}

func (o *logDirsOptions) parse(set *opt.Set) error {
	topics, err := set.Value("topic-list")
	if err != nil {
		return err
	}
	for t := range strings.SplitSeq(topics, ",") {
		if t != "" {
			o.Topics = append(o.Topics, t)
		}
	}
	brokers, err := set.Value("broker-list")
	if err != nil {
		return err
	}
	for b := range strings.SplitSeq(brokers, ",") {
		if b == "" {
			continue
		}
		n, err := strconv.ParseInt(b, 10, 32)
		if err != nil {
			return fmt.Errorf("For input string: \"%s\"", b)
		}
		o.Brokers = append(o.Brokers, int32(n))
	}
	o.Output, err = outputFormat(set)
	return err
}

// logDirsView is the original's JSON document.
type logDirsView struct {
	Brokers []brokerDirsView `json:"brokers"`
	Version int              `json:"version"`
}

type brokerDirsView struct {
	Broker  int32        `json:"broker"`
	LogDirs []logDirView `json:"logDirs"`
}

type logDirView struct {
	Partitions []logDirPartitionView `json:"partitions"`
	Error      *string               `json:"error"`
	LogDir     string                `json:"logDir"`
}

type logDirPartitionView struct {
	Partition string `json:"partition"`
	Size      int64  `json:"size"`
	OffsetLag int64  `json:"offsetLag"`
	IsFuture  bool   `json:"isFuture"`
}

func logDirsRun(ctx context.Context, o *logDirsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	var all []int32
	for _, b := range cluster.Brokers {
		all = append(all, b.NodeID)
	}
	slices.Sort(all)
	brokers := all
	if len(o.Brokers) > 0 {
		brokers = slices.Compact(slices.Sorted(slices.Values(o.Brokers)))
		missing := slices.DeleteFunc(slices.Clone(brokers), func(b int32) bool { return slices.Contains(all, b) })
		if len(missing) > 0 {
			say(o.IO.ErrOut, "ERROR: The given brokers do not exist from --broker-list: %s. Current existent brokers: %s\n", commaList(missing), commaList(all))
			return ErrSilent
		}
	}
	view := logDirsView{Version: 1, Brokers: []brokerDirsView{}}
	for _, b := range brokers {
		dirs, err := o.ask(ctx, cl, b)
		if err != nil {
			return err
		}
		view.Brokers = append(view.Brokers, brokerDirsView{b, dirs})
	}
	return o.Output.write(o.IO.Out, view, func(w io.Writer) error {
		fmt.Fprintf(w, "Querying brokers for log directories information\nReceived log directory information from brokers %s\n", commaList(brokers))
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(view)
	})
}

func (o *logDirsOptions) ask(ctx context.Context, cl *client.Client, broker int32) ([]logDirView, error) {
	answer, err := cl.Broker(int(broker)).RetriableRequest(ctx, kmsg.NewPtrDescribeLogDirsRequest())
	if err != nil {
		return nil, err
	}
	resp := answer.(*kmsg.DescribeLogDirsResponse)
	dirs := []logDirView{}
	for _, d := range resp.Dirs {
		v := logDirView{LogDir: d.Dir, Partitions: []logDirPartitionView{}}
		if err := kerr.ErrorForCode(d.ErrorCode); err != nil {
			var kind *kerr.Error
			if !errors.As(err, &kind) {
				return nil, err
			}
			text := javaClass(kind)
			v.Error = &text
		}
		for _, t := range d.Topics {
			if len(o.Topics) > 0 && !slices.Contains(o.Topics, t.Topic) {
				continue
			}
			for _, p := range t.Partitions {
				v.Partitions = append(v.Partitions, logDirPartitionView{fmt.Sprintf("%s-%d", t.Topic, p.Partition), p.Size, p.OffsetLag, p.IsFuture})
			}
		}
		slices.SortFunc(v.Partitions, func(a, b logDirPartitionView) int { return strings.Compare(a.Partition, b.Partition) })
		dirs = append(dirs, v)
	}
	return dirs, nil
}
