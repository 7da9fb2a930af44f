package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/commands/opt"
)

var metadataShellSpec = &opt.Spec{
	Name:  "metadata-shell",
	Prog:  "kafka-metadata-shell",
	Intro: "The Apache Kafka metadata shell",
	Rest:  &opt.Rest{Meta: "command", Desc: "The command to run."},
	Options: []opt.Option{
		{Name: "snapshot", Short: "s", Arg: opt.Required, Meta: "SNAPSHOT", Must: true, Desc: "The metadata snapshot file to read.", Complete: "file"},
	},
}

// metadataShellOptions is a parsed command line of kgo metadata-shell.
type metadataShellOptions struct {
	IO       *IOStreams
	Snapshot string
	Command  []string // empty: ask for commands
}

func newMetadataShellCmd(f *Factory, runF func(*metadataShellOptions) error) *cobra.Command {
	o := &metadataShellOptions{IO: f.IO}
	t := &tool{
		spec:  metadataShellSpec,
		short: "Walk through the metadata in a snapshot or a metadata log, as through a file system",
		long: "Reads a .checkpoint or .log file of __cluster_metadata-0, kgo's or Apache Kafka's, and shows the cluster's metadata as folders:\n" +
			"topics, brokers, configs, features. With a command (ls, cat, find, tree) it carries that out, without one it asks for them.",
		example:   "  kgo metadata-shell --snapshot data/__cluster_metadata-0/00000000000000000000.log ls /image/topics/byName\n  kgo metadata-shell -s 00000000000000007147-0000000001.checkpoint tree /image/features",
		unlimited: true,
	}
	return f.usageTool(t, func(_ context.Context, set *opt.Set) error {
		o.Snapshot, o.Command = set.String("snapshot"), set.Words
		if runF != nil {
			return runF(o)
		}
		return metadataShellRun(o)
	})
}

func metadataShellRun(o *metadataShellOptions) error {
	image, err := loadMetadata(o.Snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("Unexpected error: java.nio.file.NoSuchFileException: %s", o.Snapshot)
	}
	if err != nil {
		return fmt.Errorf("Unexpected error: %w", err)
	}
	sh := newMetadataShell(o.IO, shellRoot(image))
	if len(o.Command) > 0 {
		sh.runOnce(o.Command)
		return nil
	}
	return sh.interact()
}

// loadMetadata replays a metadata log's segment or a snapshot.
func loadMetadata(file string) (*metadata.Image, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	store := metadata.NewStore("")
	snapshot := strings.HasSuffix(file, ".checkpoint")
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if errors.Is(err, batch.ErrTruncated) && !snapshot {
			break // the log is being written, or its tail is torn
		}
		if err == nil {
			err = b.Validate()
		}
		if err != nil {
			return nil, fmt.Errorf("%s at position %d: %w", filepath.Base(file), len(raw), err)
		}
		raw = rest
		if b.IsControl() {
			continue
		}
		values, err := quorum.RecordValues(b)
		if err != nil {
			return nil, err
		}
		if err := store.Apply(b.BaseOffset(), b.PartitionLeaderEpoch(), b.MaxTimestamp(), values); err != nil {
			return nil, err
		}
	}
	return store.Current(), nil
}
