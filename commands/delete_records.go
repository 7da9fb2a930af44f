package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// deleteRecordsOptions is a parsed command line of kgo delete-records.
type deleteRecordsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	File        string
	Output      format
	Yes, DryRun bool
}

func newDeleteRecordsCmd(f *Factory, runF func(*deleteRecordsOptions) error) *cobra.Command {
	t := &tool{
		spec:        deleteRecordsSpec,
		short:       "Delete the records of partitions before an offset",
		long:        "Moves the beginning of logs forward: records before the offset are gone for every reader.\nThe file holds {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}], \"version\": 1};\nan offset of -1 means the high watermark. low_watermark in the answer is the log's new first offset.",
		example:     "  kgo delete-records --offset-json-file offsets.json --yes",
		extras:      []opt.Option{extraOutput, extraTimeout, extraYes, extraDryRun},
		plainErrors: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &deleteRecordsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1"), Yes: set.Has("yes"), DryRun: set.Has("dry-run")}
		if err := required(set, "offset-json-file"); err != nil {
			return err
		}
		var err error
		if o.File, err = set.Value("offset-json-file"); err != nil {
			return err
		}
		if o.Output, err = outputFormat(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return deleteRecordsRun(ctx, o)
	})
}

// recordsToDelete is one entry of the offset file.
type recordsToDelete struct {
	Topic     string
	Partition int32
	Offset    int64
}

// deletedRecordsView is one partition of kgo delete-records; an empty error means success.
type deletedRecordsView struct {
	Topic        string `json:"topic"`
	Partition    int32  `json:"partition"`
	LowWatermark int64  `json:"low_watermark"`
	Error        string `json:"error"`
}

func deleteRecordsRun(ctx context.Context, o *deleteRecordsOptions) error {
	entries, err := readOffsetFile(o.File)
	if err != nil {
		return err
	}
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	offsets := make(kadm.Offsets)
	for _, e := range entries {
		offsets.AddOffset(e.Topic, e.Partition, e.Offset, -1)
	}
	if o.DryRun {
		for _, e := range entries {
			fmt.Fprintf(o.IO.Out, "partition: %s-%d\t%s: %d\n", e.Topic, e.Partition, paint(o.IO.Out, planned, "would be deleted before"), e.Offset)
		}
		return nil
	}
	if !o.Yes {
		if err := confirm(o.IO, fmt.Sprintf("Delete records of %d partition(s)?", len(entries))); err != nil {
			return err
		}
	}
	if o.Output == formatText {
		fmt.Fprintln(o.IO.Out, "Executing records delete operation")
	}
	deleted, err := cl.Admin.DeleteRecords(ctx, offsets)
	var partly *kadm.ShardErrors
	if err != nil && !errors.As(err, &partly) {
		return err
	}
	views := []deletedRecordsView{}
	failed := false
	for _, e := range entries {
		v := deletedRecordsView{Topic: e.Topic, Partition: e.Partition}
		switch r, ok := deleted.Lookup(e.Topic, e.Partition); {
		case !ok:
			v.Error = shardError(partly)
		case r.Err != nil:
			v.Error = javaError(r.Err)
		default:
			v.LowWatermark = r.LowWatermark
		}
		failed = failed || v.Error != ""
		views = append(views, v)
	}
	err = o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		fmt.Fprintln(w, "Records delete operation completed:")
		for _, v := range views {
			if v.Error != "" {
				fmt.Fprintf(w, "partition: %s-%d\t%s %s\n", v.Topic, v.Partition, paint(w, failure, "error:"), v.Error)
			} else {
				fmt.Fprintf(w, "partition: %s-%d\tlow_watermark: %d\n", v.Topic, v.Partition, v.LowWatermark)
			}
		}
		return nil
	})
	if err == nil && failed {
		return ErrSilent
	}
	return err
}

// shardError is why a partition has no answer of its own.
func shardError(partly *kadm.ShardErrors) string {
	if partly == nil || len(partly.Errs) == 0 {
		return "the cluster did not answer for this partition"
	}
	return javaError(partly.Errs[0].Err)
}

// readOffsetFile reads the file's entries and refuses what is not well-formed.
func readOffsetFile(path string) ([]recordsToDelete, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Unable to read file %s", path)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimSpace(text), &file); err != nil {
		return nil, errors.New("The input string is not a valid JSON")
	}
	version := 1
	if raw, ok := file["version"]; ok {
		if err := json.Unmarshal(raw, &version); err != nil || version != 1 {
			return nil, fmt.Errorf("Not supported version field value %s", raw)
		}
	}
	raw, ok := file["partitions"]
	if !ok {
		return nil, errors.New("Missing partitions field")
	}
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, fmt.Errorf("partitions: %w", err)
	}
	var entries []recordsToDelete
	var duplicates []string
	seen := make(map[partitionKey]bool)
	for _, row := range rows {
		var e recordsToDelete
		for name, into := range map[string]any{"topic": &e.Topic, "partition": &e.Partition, "offset": &e.Offset} {
			value, ok := row[name]
			if !ok {
				return nil, fmt.Errorf("No such field exists: `%s`", name)
			}
			if err := json.Unmarshal(value, into); err != nil {
				return nil, fmt.Errorf("%s: %s is not allowed", name, value)
			}
		}
		key := partitionKey{e.Topic, e.Partition}
		if name := fmt.Sprintf("%s-%d", e.Topic, e.Partition); seen[key] && !slices.Contains(duplicates, name) {
			duplicates = append(duplicates, name)
		}
		seen[key] = true
		entries = append(entries, e)
	}
	if len(duplicates) > 0 {
		return nil, fmt.Errorf("Offset json file contains duplicate topic partitions: %s", strings.Join(duplicates, ","))
	}
	return entries, nil
}
