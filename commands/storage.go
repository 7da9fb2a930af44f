package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/commands/opt"
)

var storageSpec = &opt.Spec{
	Name:  "storage",
	Prog:  "kafka-storage",
	Intro: "The Kafka storage tool.",
	Sub: []*opt.Spec{
		{Name: "info", Desc: "Get information about the Kafka log directories on this node.", Options: []opt.Option{
			{Name: "config", Short: "c", Arg: opt.Required, Meta: "CONFIG", Must: true, Desc: "The Kafka configuration file to use.", Complete: "file"},
		}},
		{Name: "format", Desc: "Format the Kafka log directories on this node.", Options: []opt.Option{
			{Name: "config", Short: "c", Arg: opt.Required, Meta: "CONFIG", Must: true, Desc: "The Kafka configuration file to use.", Complete: "file"},
			{Name: "cluster-id", Short: "t", Arg: opt.Required, Meta: "CLUSTER_ID", Must: true, Desc: "The cluster ID to use."},
			{Name: "add-scram", Short: "S", Arg: opt.Required, Meta: "ADD_SCRAM", Repeat: true, Desc: "A SCRAM_CREDENTIAL to add to the __cluster_metadata log e.g.\n'SCRAM-SHA-256=[name=alice,password=alice-secret]'\n'SCRAM-SHA-512=[name=alice,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]'"},
			{Name: "ignore-formatted", Short: "g", Desc: "When this option is passed, the format command will skip over already formatted directories rather than failing."},
			{Name: "release-version", Short: "r", Arg: opt.Required, Meta: "RELEASE_VERSION", Desc: "The release version to use for the initial feature settings. The minimum is 3.3-IV3; the default is 4.3-IV0"},
			{Name: "feature", Short: "f", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Desc: "The setting to use for a specific feature, in feature=level format. For example: `kraft.version=1`."},
			{Name: "standalone", Short: "s", Desc: "Used to initialize a controller as a single-node dynamic quorum."},
			{Name: "no-initial-controllers", Short: "N", Desc: "Used to initialize a server without specifying a dynamic quorum."},
			{Name: "initial-controllers", Short: "I", Arg: opt.Required, Meta: "INITIAL_CONTROLLERS", Desc: "Used to initialize a server with the specified dynamic quorum. The argument is a comma-separated list of id@hostname:port:directory. The same values must be used to format all nodes. For example:\n0@example.com:8082:JEXY6aqzQY-32P5TStzaFg,1@example.com:8083:MvDxzVmcRsaTz33bUuRU6A,2@example.com:8084:07R5amHmR32VDA6jHkGbTA\n"},
		}, Groups: []opt.Alternatives{{Names: []string{"standalone", "no-initial-controllers", "initial-controllers"}}}},
		{Name: "version-mapping", Desc: "Look up the corresponding features for a given metadata version. Using the command with no --release-version  argument will return the mapping for the latest stable metadata version", Options: []opt.Option{
			{Name: "release-version", Short: "r", Arg: opt.Required, Meta: "RELEASE_VERSION", Desc: "The release version to use for the corresponding feature mapping. The minimum is 3.3-IV3; the default is 4.3-IV0"},
		}},
		{Name: "feature-dependencies", Desc: "Look up dependencies for a given feature version. If the feature is not known or the version not yet defined, an error is thrown. Multiple features can be specified.", Options: []opt.Option{
			{Name: "feature", Short: "f", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Must: true, Desc: "The feature and version to look up dependencies for, in feature=version format. For example: `metadata.version=5`."},
		}},
		{Name: "random-uuid", Desc: "Print a random UUID."},
	},
}

// storageOptions is a parsed command line of kgo storage.
type storageOptions struct {
	IO *IOStreams
	FS vfs.FS

	Action                           string
	ConfigFile, ClusterID, Release   string
	Scram, Features                  []string
	IgnoreFormatted                  bool
	Standalone, NoInitialControllers bool
	InitialControllers               string
}

func newStorageCmd(f *Factory, runF func(*storageOptions) error) *cobra.Command {
	t := &tool{
		spec:  storageSpec,
		short: "Format the folders of a new node, or say what is in them",
		long: "A node's log directories belong to one cluster; format writes that cluster's id, its first features and, with --standalone\n" +
			"or --initial-controllers, its first controllers into them. Apache Kafka does not start without; kgo server formats\n" +
			"an empty folder by itself, unless controller.quorum.bootstrap.servers names other nodes.",
		example: "  kgo storage random-uuid\n  kgo storage format --cluster-id 4L6g3nShT-eMCtK--X86sw --standalone --config config/server.properties\n  kgo storage info --config config/server.properties",
	}
	return f.usageTool(t, func(_ context.Context, set *opt.Set) error {
		sub := set.Sub
		o := &storageOptions{
			IO: f.IO, FS: vfs.OS(), Action: sub.Spec.Name, ConfigFile: sub.String("config"), ClusterID: sub.String("cluster-id"), Release: sub.String("release-version"),
			Scram: sub.Values("add-scram"), Features: sub.Values("feature"), IgnoreFormatted: sub.Has("ignore-formatted"),
			Standalone: sub.Has("standalone"), NoInitialControllers: sub.Has("no-initial-controllers"), InitialControllers: sub.String("initial-controllers"),
		}
		if runF != nil {
			return runF(o)
		}
		return storageRun(o)
	})
}

func storageRun(o *storageOptions) error {
	switch o.Action {
	case "random-uuid":
		fmt.Fprintln(o.IO.Out, storage.NewUUID())
		return nil
	case "version-mapping":
		return (&featuresOptions{IO: o.IO, ReleaseVersion: o.Release}).versionMapping()
	case "feature-dependencies":
		for _, text := range o.Features {
			if !strings.Contains(text, "=") {
				return fmt.Errorf("Invalid feature format: %s. Expected format: 'feature=version' (e.g. 'group.version=1')", text)
			}
		}
		return (&featuresOptions{IO: o.IO, Features: o.Features}).dependencies()
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	if o.Action == "info" {
		return o.info(cfg)
	}
	return o.format(cfg)
}

// uncaught is an error that the original lets through to the Java machine.
func uncaught(class, text string) error {
	return fmt.Errorf("Exception in thread \"main\" %s: %s", class, text)
}

// load reads the properties file. A file without process.roles is none that the original can format for.
func (o *storageOptions) load() (*config.Broker, error) {
	if _, err := os.Stat(o.ConfigFile); errors.Is(err, fs.ErrNotExist) {
		return nil, uncaught("java.nio.file.NoSuchFileException", o.ConfigFile)
	}
	layers, cfg, _, err := config.Load(config.LoadOptions{File: o.ConfigFile})
	if err != nil {
		return nil, uncaught("org.apache.kafka.common.config.ConfigException", err.Error())
	}
	if !slices.ContainsFunc(layers.Static, func(s config.Setting) bool { return s.Key == "process.roles" && strings.TrimSpace(s.Value) != "" }) {
		return nil, uncaught("org.apache.kafka.common.config.ConfigException", `Missing required configuration "process.roles" which has no default value.`)
	}
	return cfg, nil
}

// directories are the node's folders, sorted; the metadata log's is among them.
func (o *storageOptions) directories(cfg *config.Broker) []string {
	dirs := slices.Clone(cfg.LogDirs)
	if !slices.Contains(dirs, cfg.MetadataLogDir) {
		dirs = append(dirs, cfg.MetadataLogDir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// info says which folders there are, whose they are, and what is wrong with them.
func (o *storageOptions) info(cfg *config.Broker) error {
	var found, problems []string
	var meta *storage.MetaProperties
	for _, dir := range o.directories(cfg) {
		info, err := o.FS.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			problems = append(problems, dir+" does not exist")
			continue
		case err != nil:
			problems = append(problems, fmt.Sprintf("error stating %s: %v", dir, err))
			continue
		case !info.IsDir:
			problems = append(problems, dir+" is not a directory")
			continue
		}
		found = append(found, dir)
		p, ok, err := storage.ReadMetaProperties(o.FS, dir)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("Error reading %s/meta.properties: %v", dir, err))
		case !ok:
			problems = append(problems, dir+" is not formatted.")
		case meta == nil:
			meta = &p
		case p.ClusterID != meta.ClusterID || p.NodeID != meta.NodeID:
			problems = append(problems, fmt.Sprintf("Metadata for %s was %s, but other directories featured %s", dir, metaText(&p), metaText(meta)))
		}
	}
	section := func(one, many string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintln(o.IO.Out, oneOrMany(len(lines), one, many))
		for _, l := range lines {
			fmt.Fprintln(o.IO.Out, "  "+l)
		}
		fmt.Fprintln(o.IO.Out)
	}
	section("Found log directory:", "Found log directories:", found)
	if meta != nil {
		fmt.Fprintf(o.IO.Out, "Found metadata: %s\n\n", metaText(meta))
	}
	section("Found problem:", "Found problems:", problems)
	if len(problems) > 0 {
		return ErrSilent
	}
	return nil
}

func oneOrMany(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func metaText(p *storage.MetaProperties) string {
	var parts []string
	if p.ClusterID != "" {
		parts = append(parts, "cluster.id="+p.ClusterID)
	}
	if !p.DirectoryID.IsZero() {
		parts = append(parts, "directory.id="+p.DirectoryID.String())
	}
	if p.NodeID >= 0 {
		parts = append(parts, fmt.Sprintf("node.id=%d", p.NodeID))
	}
	return "{" + strings.Join(append(parts, fmt.Sprintf("version=%d", p.Version)), ", ") + "}"
}
