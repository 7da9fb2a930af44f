package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// entityView is one entity of kgo configs --describe; an empty name is the default of its type.
type entityView struct {
	Type    string       `json:"type"`
	Name    string       `json:"name"`
	Configs []configView `json:"configs"`
}

// configView is one setting. Value is null for a secret and for a setting without a value.
type configView struct {
	Name      string          `json:"name"`
	Value     *string         `json:"value"`
	Sensitive bool            `json:"sensitive"`
	Source    string          `json:"source"`
	ReadOnly  bool            `json:"read_only"`
	Synonyms  []configSynonym `json:"synonyms"`
}

type configSynonym struct {
	Source string  `json:"source"`
	Name   string  `json:"name"`
	Value  *string `json:"value"`
}

// quotaView holds the quotas and credentials of users, clients and ips. A null name is the default.
type quotaView struct {
	Entity []quotaEntityView `json:"entity"`
	Quotas []quotaValue      `json:"quotas,omitempty"`
	Scram  []scramView       `json:"scram,omitempty"`
}

type quotaEntityView struct {
	Type string  `json:"type"` // user, client-id, ip
	Name *string `json:"name"`
}

type quotaValue struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

type scramView struct {
	Mechanism  string `json:"mechanism"`
	Iterations int32  `json:"iterations"`
}

func (o *configsOptions) describe(ctx context.Context, cl *client.Client) error {
	switch o.Types[0] {
	case "users", "clients", "ips":
		return o.describeQuotas(ctx, cl)
	}
	names, err := o.entities(ctx, cl)
	if err != nil || names == nil {
		return err
	}
	described, err := describeResources(ctx, cl, o.Types[0], names, o.All)
	if err != nil {
		return err
	}
	views := make([]entityView, 0, len(names))
	for _, name := range names {
		views = append(views, entityView{Type: o.Types[0], Name: name, Configs: described[name]})
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		for _, v := range views {
			o.printEntity(w, v)
		}
		return nil
	})
}

func (o *configsOptions) printEntity(w io.Writer, v entityView) {
	which := "Dynamic"
	if o.All {
		which = "All"
	}
	if v.Name == "" {
		fmt.Fprintf(w, "Default configs for %s in the cluster are:\n", v.Type)
	} else {
		fmt.Fprintf(w, "%s configs for %s %s are:\n", which, v.Type[:len(v.Type)-1], v.Name)
	}
	for _, c := range v.Configs {
		synonyms := make([]string, 0, len(c.Synonyms))
		for _, s := range c.Synonyms {
			synonyms = append(synonyms, s.Source+":"+s.Name+"="+orNull(s.Value))
		}
		fmt.Fprintf(w, "  %s=%s sensitive=%t synonyms={%s}\n", c.Name, orNull(c.Value), c.Sensitive, strings.Join(synonyms, ", "))
	}
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// entities lists whom to describe: the one that was named if it exists, or all of the type. Nil means that the answer was given.
func (o *configsOptions) entities(ctx context.Context, cl *client.Client) ([]string, error) {
	kind := o.Types[0]
	if len(o.Names) > 0 && (o.All || o.Names[0] == "") {
		return o.Names[:1], nil
	}
	all, err := existingEntities(ctx, cl, kind)
	if err != nil {
		return nil, err
	}
	if len(o.Names) == 0 {
		if kind == "brokers" {
			all = append(all, "")
		}
		return all, nil
	}
	if !slices.Contains(all, o.Names[0]) {
		configs, err := resourceConfigs(ctx, cl, kind, o.Names[0], false)
		if err != nil || len(configs) == 0 {
			fmt.Fprintf(o.IO.Out, "The %s '%s' doesn't exist and doesn't have dynamic config.\n", kind[:len(kind)-1], o.Names[0])
			return nil, nil //nolint:nilerr // asking for what does not exist is an error, too
		}
	}
	return o.Names[:1], nil
}

func existingEntities(ctx context.Context, cl *client.Client, kind string) ([]string, error) {
	var names []string
	nodes := kind == "brokers" || kind == "broker-loggers"
	if cl.OfControllers() && !nodes { // they have no list to give
		return nil, errors.New("This Admin API is not yet supported when communicating directly with the controller quorum.")
	}
	switch kind {
	case "topics":
		topics, err := cl.Admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return nil, err
		}
		names = topics.Names()
	case "brokers", "broker-loggers":
		req := kmsg.NewPtrDescribeClusterRequest()
		req.EndpointType = 1
		if cl.OfControllers() {
			req.EndpointType = 2
		}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		for _, b := range resp.Brokers {
			names = append(names, strconv.Itoa(int(b.NodeID)))
		}
	default:
		if kind == "groups" {
			groups, err := cl.Admin.ListGroups(ctx)
			if err != nil {
				return nil, err
			}
			names = groups.Groups()
		}
		req := kmsg.NewPtrListConfigResourcesRequest()
		req.ResourceTypes = []int8{int8(resourceType(kind))}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		for _, r := range resp.ConfigResources {
			if !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// ownSource is where settings made for an entity itself come from.
func ownSource(kind, name string) kmsg.ConfigSource {
	switch {
	case kind == "topics":
		return kmsg.ConfigSourceDynamicTopicConfig
	case kind == "brokers" && name == "":
		return kmsg.ConfigSourceDynamicDefaultBrokerConfig
	case kind == "brokers":
		return kmsg.ConfigSourceDynamicBrokerConfig
	case kind == "broker-loggers":
		return kmsg.ConfigSourceDynamicBrokerLoggerConfig
	case kind == "client-metrics":
		return kmsg.ConfigSourceClientMetricsConfig
	}
	return kmsg.ConfigSourceGroupConfig
}

// sourceNames are the Java names of the sources, by their codes.
var sourceNames = []string{
	"UNKNOWN", "DYNAMIC_TOPIC_CONFIG", "DYNAMIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG", "STATIC_BROKER_CONFIG",
	"DEFAULT_CONFIG", "DYNAMIC_BROKER_LOGGER_CONFIG", "DYNAMIC_CLIENT_METRICS_CONFIG", "DYNAMIC_GROUP_CONFIG",
}

func sourceName(s kmsg.ConfigSource) string {
	if int(s) < len(sourceNames) && s >= 0 {
		return sourceNames[s]
	}
	return sourceNames[0]
}

// resourceConfigs describes one entity.
func resourceConfigs(ctx context.Context, cl *client.Client, kind, name string, all bool) ([]configView, error) {
	described, err := describeResources(ctx, cl, kind, []string{name}, all)
	return described[name], err
}

// maxDescribed bounds how many entities one request asks for.
const maxDescribed = 1000

// describeResources describes entities of one kind, by name; without all only the settings made for the entity itself.
func describeResources(ctx context.Context, cl *client.Client, kind string, names []string, all bool) (map[string][]configView, error) {
	described := make(map[string][]configView, len(names))
	for chunk := range slices.Chunk(names, maxDescribed) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.IncludeSynonyms = true
		for _, name := range chunk {
			r := kmsg.NewDescribeConfigsRequestResource()
			r.ResourceType, r.ResourceName = resourceType(kind), name
			req.Resources = append(req.Resources, r)
		}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		for i := range resp.Resources {
			r := &resp.Resources[i]
			if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
				return nil, err
			}
			described[r.ResourceName] = configViews(kind, r, all)
		}
	}
	return described, nil
}

func configViews(kind string, r *kmsg.DescribeConfigsResponseResource, all bool) []configView {
	views := []configView{}
	for _, c := range r.Configs {
		if !all && c.Source != ownSource(kind, r.ResourceName) && kind != "broker-loggers" {
			continue
		}
		v := configView{Name: c.Name, Value: c.Value, Sensitive: c.IsSensitive, Source: sourceName(c.Source), ReadOnly: c.ReadOnly, Synonyms: []configSynonym{}}
		for _, s := range c.ConfigSynonyms {
			v.Synonyms = append(v.Synonyms, configSynonym{sourceName(s.Source), s.Name, s.Value})
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b configView) int { return strings.Compare(a.Name, b.Name) })
	return views
}

// quotas asks for the quotas of the entities; exact asks for the named ones, an absent name meaning the default.
func (o *configsOptions) quotas(ctx context.Context, cl *client.Client, exact bool) ([]quotaView, error) {
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	req.Strict = true
	for i, t := range o.Types {
		c := kmsg.NewDescribeClientQuotasRequestComponent()
		c.EntityType = quotaEntity(t)
		switch {
		case i < len(o.Names) && o.Names[i] != "":
			c.MatchType, c.Match = kmsg.QuotasMatchTypeExact, new(o.Names[i])
		case i < len(o.Names) || exact:
			c.MatchType = kmsg.QuotasMatchTypeDefault
		default:
			c.MatchType = kmsg.QuotasMatchTypeAny
		}
		req.Components = append(req.Components, c)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	views := []quotaView{}
	for _, e := range resp.Entries {
		var v quotaView
		for _, entity := range e.Entity {
			v.Entity = append(v.Entity, quotaEntityView{entity.Type, entity.Name})
		}
		order := []string{"user", "client-id", "ip"}
		slices.SortFunc(v.Entity, func(a, b quotaEntityView) int { return slices.Index(order, a.Type) - slices.Index(order, b.Type) })
		keys := make([]string, 0, len(e.Values))
		values := make(map[string]float64)
		for _, q := range e.Values {
			keys = append(keys, q.Key)
			values[q.Key] = q.Value
		}
		for _, k := range javaSizedOrder(keys) {
			v.Quotas = append(v.Quotas, quotaValue{k, values[k]})
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b quotaView) int { return strings.Compare(a.title(), b.title()) })
	return views, nil
}

// title names the entity as the original does.
func (v *quotaView) title() string {
	words := map[string]string{"user": "user-principal", "client-id": "client-id", "ip": "ip"}
	parts := make([]string, 0, len(v.Entity))
	for _, e := range v.Entity {
		if e.Name == nil {
			parts = append(parts, "the default "+words[e.Type])
		} else {
			parts = append(parts, words[e.Type]+" '"+*e.Name+"'")
		}
	}
	return strings.Join(parts, ", ")
}

func (o *configsOptions) describeQuotas(ctx context.Context, cl *client.Client) error {
	views, err := o.quotas(ctx, cl, false)
	if err != nil {
		return err
	}
	var credentials []quotaView
	if o.has("users") && !o.has("clients") && !slices.Contains(o.Names, "") {
		if credentials, err = o.credentials(ctx, cl); err != nil {
			return err
		}
	}
	return o.Output.write(o.IO.Out, append(slices.Clone(views), credentials...), func(w io.Writer) error {
		for _, v := range views {
			parts := make([]string, 0, len(v.Quotas))
			for _, q := range v.Quotas {
				parts = append(parts, q.Name+"="+javaDouble(q.Value))
			}
			fmt.Fprintf(w, "Quota configs for %s are %s\n", v.title(), strings.Join(parts, ", "))
		}
		for _, v := range credentials {
			parts := make([]string, 0, len(v.Scram))
			for _, s := range v.Scram {
				parts = append(parts, fmt.Sprintf("%s=iterations=%d", s.Mechanism, s.Iterations))
			}
			fmt.Fprintf(w, "SCRAM credential configs for %s are %s\n", v.title(), strings.Join(parts, ", "))
		}
		return nil
	})
}

func (o *configsOptions) credentials(ctx context.Context, cl *client.Client) ([]quotaView, error) {
	described, err := cl.Admin.DescribeUserSCRAMs(ctx, o.Names...)
	if err != nil {
		return nil, err
	}
	var views []quotaView
	for _, d := range described.Sorted() {
		if errors.Is(d.Err, kerr.ResourceNotFound) {
			continue
		}
		if d.Err != nil {
			return nil, d.Err
		}
		v := quotaView{Entity: []quotaEntityView{{"user", &d.User}}}
		slices.SortFunc(d.CredInfos, func(a, b kadm.CredInfo) int { return int(a.Mechanism) - int(b.Mechanism) })
		for _, c := range d.CredInfos {
			name := "SCRAM-SHA-256"
			if c.Mechanism == kadm.ScramSha512 {
				name = "SCRAM-SHA-512"
			}
			v.Scram = append(v.Scram, scramView{name, c.Iterations})
		}
		views = append(views, v)
	}
	return views, nil
}
