package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

var featuresSpec = &opt.Spec{
	Name:  "features",
	Prog:  "kafka-features",
	Intro: "This tool manages feature flags in Kafka.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "BOOTSTRAP_SERVER", Desc: "A comma-separated list of host:port pairs to use for establishing the connection to the Kafka cluster."},
		{Name: "bootstrap-controller", Arg: opt.Required, Meta: "BOOTSTRAP_CONTROLLER", Desc: "A comma-separated list of host:port pairs to use for establishing the connection to the KRaft quorum."},
		{Name: "command-config", Arg: opt.Required, Meta: "COMMAND_CONFIG", Desc: "Property file containing configs to be passed to Admin Client.", Complete: "file"},
		{Name: "describe", Gone: "use kgo features describe"},
		{Name: "upgrade-all", Gone: "use kgo features upgrade --release-version VERSION"},
		{Name: "downgrade-all", Gone: "use kgo features downgrade --release-version VERSION"},
		{Name: "version", Gone: "use kgo --version"},
	},
	Groups: []opt.Alternatives{{Names: []string{"bootstrap-server", "bootstrap-controller"}}},
	Sub: []*opt.Spec{
		{Name: "describe", Desc: "Describes the current active feature flags.", Options: []opt.Option{
			{Name: "node-id", Arg: opt.Required, Type: "Integer", Meta: "NODE_ID", Desc: "The node id to which the requests should be sent. If not specified, the requests will be sent to an arbitrary controller/broker.", Complete: "broker"},
		}},
		{Name: "upgrade", Desc: "Upgrade one or more feature flags.", Options: []opt.Option{
			{Name: "metadata", Arg: opt.Required, Meta: "METADATA", Desc: "DEPRECATED -- The level to which we should upgrade the metadata. For example, 3.3-IV3."},
			{Name: "release-version", Arg: opt.Required, Meta: "RELEASE_VERSION", Desc: "The release version to update all features to. For example, 3.9-IV0 will set metadata.version=21 and kraft.version=1. Use the version-mapping command to learn which features will be set for any given version."},
			{Name: "feature", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Desc: "A feature upgrade we should perform, in feature=level format. For example: `metadata.version=5`."},
			{Name: "dry-run", Desc: "Validate this upgrade, but do not perform it."},
		}},
		{Name: "downgrade", Desc: "Downgrade one or more feature flags.", Options: []opt.Option{
			{Name: "metadata", Arg: opt.Required, Meta: "METADATA", Desc: "DEPRECATED -- The level to which we should downgrade the metadata. For example, 3.3-IV0."},
			{Name: "release-version", Arg: opt.Required, Meta: "RELEASE_VERSION", Desc: "The release version to downgrade all features to. For example, 3.9-IV0 will set metadata.version=21 and kraft.version=1. Use the version-mapping command to learn which features will be set for any given version."},
			{Name: "feature", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Desc: "A feature downgrade we should perform, in feature=level format. For example: `metadata.version=5`."},
			{Name: "unsafe", Desc: "Perform this downgrade even if it may irreversibly destroy metadata."},
			{Name: "dry-run", Desc: "Validate this downgrade, but do not perform it."},
		}},
		{Name: "disable", Desc: "Disable one or more feature flags. This is the same as downgrading the version to zero.", Options: []opt.Option{
			{Name: "feature", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Desc: "A feature flag to disable."},
			{Name: "unsafe", Desc: "Disable this feature flag even if it may irreversibly destroy metadata."},
			{Name: "dry-run", Desc: "Perform a dry-run of this disable operation."},
		}},
		{Name: "version-mapping", Desc: "Look up the corresponding features for a given metadata version. Using the command with no --release-version  argument will return the mapping for the latest stable metadata version", Options: []opt.Option{
			{Name: "release-version", Arg: opt.Required, Meta: "RELEASE_VERSION", Desc: "The release version to use for the corresponding feature mapping. The minimum is 3.3-IV3; the default is 4.3-IV0"},
		}},
		{Name: "feature-dependencies", Desc: "Look up dependencies for a given feature version. If the feature is not known or the version not yet defined, an error is thrown. Multiple features can be specified.", Options: []opt.Option{
			{Name: "feature", Arg: opt.Required, Meta: "FEATURE", Repeat: true, Must: true, Desc: "The feature and version to look up dependencies for, in feature=version format. For example: `metadata.version=5`."},
		}},
	},
}

// featuresOptions is a parsed command line of kgo features.
type featuresOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action                   string
	NodeID                   int32 // -1: any
	Metadata, ReleaseVersion string
	Features                 []string
	Unsafe, DryRun           bool
	Output                   format
}

func newFeaturesCmd(f *Factory, runF func(*featuresOptions) error) *cobra.Command {
	t := &tool{
		spec:    featuresSpec,
		short:   "Show and change the versions of the cluster's features",
		long:    "Features are switched on by level, so that a cluster can be upgraded without switching them on at once.\ndescribe prints the levels that every node supports and the one that holds (FinalizedVersionLevel).",
		example: "  kgo features --bootstrap-server localhost:9092 describe\n  kgo features --bootstrap-server localhost:9092 upgrade --release-version 4.3-IV0 --dry-run",
		extras:  []opt.Option{extraOutput, extraTimeout},
		argsFailed: func(e *opt.ArgsError) {
			fmt.Fprintf(f.IO.ErrOut, "Command line error: %s. Type --help for help.", e.Text)
		},
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		sub := set.Sub
		o := &featuresOptions{
			IO: f.IO, Client: f.opener(set, "adminclient-1"), Action: sub.Spec.Name, NodeID: -1,
			Metadata: sub.String("metadata"), ReleaseVersion: sub.String("release-version"), Features: sub.Values("feature"),
			Unsafe: sub.Has("unsafe"), DryRun: sub.Has("dry-run"),
		}
		if n, ok, err := sub.Int("node-id"); err != nil {
			return err
		} else if ok {
			if o.NodeID = n; n < 0 {
				return fmt.Errorf("Invalid node id %d: must be non-negative.", n)
			}
		}
		var err error
		if o.Output, err = outputFormat(firstWith("output", sub, set)); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return featuresRun(ctx, o)
	})
}

// metadataRelease is a metadata version, and the level of each of releaseFeatures that belongs to it.
type metadataRelease struct {
	level  int16
	name   string
	levels [6]int16
}

// releaseFeatures are the features that a release version sets beside metadata.version.
var releaseFeatures = [6]string{"kraft.version", "transaction.version", "group.version", "eligible.leader.replicas.version", "share.version", "streams.version"}

// releaseFeatureMax is the highest known level of each.
var releaseFeatureMax = [6]int16{1, 2, 1, 1, 1, 1}

// latestRelease is the newest metadata version that is meant for production.
const latestRelease = "4.3-IV0"

func findRelease(name string) (metadataRelease, error) {
	return findReleaseAmong(metadataReleases, name)
}

// stableReleases are the metadata versions that are meant for production.
func stableReleases() []metadataRelease {
	latest := slices.IndexFunc(metadataReleases, func(r metadataRelease) bool { return r.name == latestRelease })
	return metadataReleases[:latest+1]
}

func findReleaseAmong(known []metadataRelease, name string) (metadataRelease, error) {
	names := make([]string, 0, len(known))
	var best *metadataRelease
	for i := range known {
		r := &known[i]
		names = append(names, r.name)
		if release, _, _ := strings.Cut(r.name, "-"); r.name == name || release == name {
			best = r // a plain release means the last of its versions
		}
	}
	if best == nil {
		return metadataRelease{}, fmt.Errorf("Unknown metadata.version '%s'. Supported metadata.version are: %s", name, strings.Join(names, ", "))
	}
	return *best, nil
}

// releaseName is how a level of metadata.version is shown.
func releaseName(level int16) string {
	for _, r := range metadataReleases {
		if r.level == level {
			return r.name
		}
	}
	return fmt.Sprintf("UNKNOWN [%d]", level)
}

// featureView is one line of kgo features describe.
type featureView struct {
	Feature      string `json:"feature"`
	SupportedMin int16  `json:"supported_min"`
	SupportedMax int16  `json:"supported_max"`
	Finalized    int16  `json:"finalized"`
	Epoch        int64  `json:"epoch"` // -1: unknown
}

func featuresRun(ctx context.Context, o *featuresOptions) error {
	switch o.Action {
	case "version-mapping":
		return o.versionMapping()
	case "feature-dependencies":
		return o.dependencies()
	}
	if o.Action != "describe" {
		updates, err := o.updates()
		if err != nil {
			return err
		}
		return o.update(ctx, updates)
	}
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "apache-kafka-java", kafkaVersion
	var answer kmsg.Response
	if o.NodeID >= 0 {
		answer, err = cl.Broker(int(o.NodeID)).RetriableRequest(ctx, req)
	} else {
		answer, err = cl.Request(ctx, req)
	}
	if err != nil {
		return err
	}
	resp := answer.(*kmsg.ApiVersionsResponse)
	views := []featureView{}
	for _, s := range resp.SupportedFeatures {
		v := featureView{Feature: s.Name, SupportedMin: s.MinVersion, SupportedMax: s.MaxVersion, Epoch: resp.FinalizedFeaturesEpoch}
		for _, fin := range resp.FinalizedFeatures {
			if fin.Name == s.Name {
				v.Finalized = fin.MaxVersionLevel
			}
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b featureView) int { return strings.Compare(a.Feature, b.Feature) })
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		for _, v := range views {
			show := func(level int16) string {
				if v.Feature == "metadata.version" {
					return releaseName(level)
				}
				return strconv.Itoa(int(level))
			}
			epoch := "-"
			if v.Epoch >= 0 {
				epoch = strconv.FormatInt(v.Epoch, 10)
			}
			fmt.Fprintf(w, "Feature: %-40s  SupportedMinVersion: %-15s  SupportedMaxVersion: %-15s  FinalizedVersionLevel: %-15s  Epoch: %s\n",
				v.Feature, show(v.SupportedMin), show(v.SupportedMax), show(v.Finalized), epoch)
		}
		return nil
	})
}

func (o *featuresOptions) versionMapping() error {
	r, err := findRelease(first(o.ReleaseVersion, latestRelease))
	if err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "metadata.version=%d (%s)\n", r.level, first(o.ReleaseVersion, latestRelease))
	for i, name := range releaseFeatures {
		fmt.Fprintf(o.IO.Out, "%s=%d\n", name, r.levels[i])
	}
	return nil
}

func (o *featuresOptions) dependencies() error {
	for _, text := range o.Features {
		name, level, err := parseFeatureLevel(text)
		if err != nil {
			return err
		}
		if name == "metadata.version" {
			if strings.HasPrefix(releaseName(level), "UNKNOWN") {
				return fmt.Errorf("Unknown metadata.version %d", level)
			}
			fmt.Fprintf(o.IO.Out, "%s=%d (%s) has no dependencies.\n", name, level, releaseName(level))
			continue
		}
		i := slices.Index(releaseFeatures[:], name)
		switch {
		case i < 0:
			return fmt.Errorf("Unknown feature: %s", name)
		case level < 0 || level > releaseFeatureMax[i]:
			return fmt.Errorf("No feature:%s with feature level %d", name, level)
		case name == "eligible.leader.replicas.version" && level == 1:
			fmt.Fprintf(o.IO.Out, "%s=%d requires:\n    metadata.version=23 (%s)\n", name, level, releaseName(23))
		default:
			fmt.Fprintf(o.IO.Out, "%s=%d has no dependencies.\n", name, level)
		}
	}
	return nil
}

func parseFeatureLevel(text string) (name string, level int16, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return "", 0, fmt.Errorf("Can't parse feature=level string %s: equals sign not found.", text)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("Can't parse feature=level string %s: unable to parse %s as a short.", text, value)
	}
	return strings.TrimSpace(name), int16(n), nil
}

// featureUpdate is one change to make.
type featureUpdate struct {
	name  string
	level int16
}

// updates lists what upgrade, downgrade or disable shall change.
func (o *featuresOptions) updates() ([]featureUpdate, error) {
	var list []featureUpdate
	if o.Action == "disable" {
		for _, name := range o.Features {
			list = append(list, featureUpdate{name, 0})
		}
	} else if o.ReleaseVersion != "" {
		if o.Metadata != "" || len(o.Features) > 0 {
			return nil, errors.New("Can not specify `release-version` with other feature flags.")
		}
		r, err := findRelease(o.ReleaseVersion)
		if err != nil {
			return nil, err
		}
		list = append(list, featureUpdate{"metadata.version", r.level})
		for i, name := range releaseFeatures {
			list = append(list, featureUpdate{name, r.levels[i]})
		}
	} else {
		if o.Metadata != "" {
			fmt.Fprintln(o.IO.Out, " `metadata` flag is deprecated and may be removed in a future release.")
			r, err := findRelease(o.Metadata)
			if err != nil {
				return nil, err
			}
			list = append(list, featureUpdate{"metadata.version", r.level})
		}
		for _, text := range o.Features {
			name, level, err := parseFeatureLevel(text)
			if err != nil {
				return nil, err
			}
			list = append(list, featureUpdate{name, level})
		}
	}
	for i, u := range list {
		if slices.ContainsFunc(list[:i], func(v featureUpdate) bool { return v.name == u.name }) {
			return nil, fmt.Errorf("Feature %s was specified more than once.", u.name)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("You must specify at least one feature to %s", o.Action)
	}
	slices.SortFunc(list, func(a, b featureUpdate) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

func (o *featuresOptions) update(ctx context.Context, list []featureUpdate) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.TimeoutMillis, req.ValidateOnly = millisLeft(ctx), o.DryRun
	for _, u := range list {
		r := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		r.Feature, r.MaxVersionLevel, r.UpgradeType = u.name, u.level, 1
		if o.Action != "upgrade" {
			r.UpgradeType, r.AllowDowngrade = 2, true
			if o.Unsafe {
				r.UpgradeType = 3
			}
		}
		req.FeatureUpdates = append(req.FeatureUpdates, r)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	topLevel := serverError(resp.ErrorCode, resp.ErrorMessage)
	failures := 0
	for _, u := range list {
		failed := topLevel
		for _, r := range resp.Results {
			if r.Feature == u.name && r.ErrorCode != 0 {
				failed = serverError(r.ErrorCode, r.ErrorMessage)
			}
		}
		helper, suffix := "Could not", " was"
		if o.DryRun {
			helper, suffix = "Can not", " can be"
		}
		what := fmt.Sprintf("%s %s to %d", o.Action, u.name, u.level)
		done := fmt.Sprintf("%sd to %d.", o.Action, u.level)
		if o.Action == "disable" {
			what, done = "disable "+u.name, "disabled."
		}
		if failed != nil {
			failures++
			fmt.Fprintf(o.IO.Out, "%s %s. %s\n", helper, what, failed)
		} else {
			fmt.Fprintf(o.IO.Out, "%s%s %s\n", u.name, suffix, done)
		}
	}
	if failures > 0 {
		return fmt.Errorf("%d out of %d operation(s) failed.", failures, len(list))
	}
	return nil
}
