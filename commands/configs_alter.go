package commands

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// Settings of users, clients and ips that are quotas.
var (
	clientQuotas = []string{"producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"}
	ipQuotas     = []string{"connection_creation_rate"}
	scramNames   = []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}
)

func (o *configsOptions) alter(ctx context.Context, cl *client.Client) error {
	switch o.Types[0] {
	case "users", "clients":
		return o.alterUserOrClient(ctx, cl)
	case "ips":
		if bad := o.unexpected(ipQuotas); bad != "" {
			return configsErrorf("Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config names: %s", bad)
		}
		return o.alterQuotas(ctx, cl, o.Add, o.Delete)
	case "broker-loggers":
		if err := o.checkLoggers(ctx, cl); err != nil {
			return err
		}
	}
	var changes []settingChange
	for _, s := range o.Add {
		changes = append(changes, setSetting(s.Name, s.Value))
	}
	for _, name := range o.Delete {
		changes = append(changes, deleteSetting(name))
	}
	return alterSettings(ctx, cl, resourceType(o.Types[0]), o.Names[0], changes, o.DryRun)
}

// settingChange sets a setting of a resource, or deletes it.
type settingChange = kmsg.IncrementalAlterConfigsRequestResourceConfig

func setSetting(name, value string) settingChange {
	return settingChange{Name: name, Op: kmsg.IncrementalAlterConfigOpSet, Value: &value}
}

func deleteSetting(name string) settingChange {
	return settingChange{Name: name, Op: kmsg.IncrementalAlterConfigOpDelete}
}

// alterSettings changes settings of a resource, or has the cluster only check them.
func alterSettings(ctx context.Context, cl *client.Client, kind kmsg.ConfigResourceType, name string, changes []settingChange, dryRun bool) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kind, name, changes
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources, req.ValidateOnly = append(req.Resources, r), dryRun
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func resourceType(entity string) kmsg.ConfigResourceType {
	switch entity {
	case "topics":
		return kmsg.ConfigResourceTypeTopic
	case "brokers":
		return kmsg.ConfigResourceTypeBroker
	case "broker-loggers":
		return kmsg.ConfigResourceTypeBrokerLogger
	case "client-metrics":
		return kmsg.ConfigResourceTypeClientMetrics
	}
	return kmsg.ConfigResourceTypeGroupConfig
}

func (o *configsOptions) checkLoggers(ctx context.Context, cl *client.Client) error {
	entries, err := resourceConfigs(ctx, cl, "broker-loggers", o.Names[0], true)
	if err != nil {
		return err
	}
	known := func(name string) bool {
		return slices.ContainsFunc(entries, func(e configView) bool { return e.Name == name })
	}
	var bad []string
	for _, s := range o.Add {
		if !known(s.Name) {
			bad = append(bad, s.Name)
		}
	}
	for _, name := range o.Delete {
		if !known(name) {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		return configsErrorf("Invalid broker logger(s): %s", strings.Join(bad, ","))
	}
	return nil
}

// unexpected lists the settings that are not among the allowed ones.
func (o *configsOptions) unexpected(allowed []string) string {
	var bad []string
	for _, s := range o.Add {
		if !slices.Contains(allowed, s.Name) {
			bad = append(bad, s.Name)
		}
	}
	for _, name := range o.Delete {
		if !slices.Contains(allowed, name) {
			bad = append(bad, name)
		}
	}
	return strings.Join(javaHashOrder(bad), ", ")
}

func (o *configsOptions) alterUserOrClient(ctx context.Context, cl *client.Client) error {
	onlyUser := len(o.Types) == 1 && o.has("users")
	allowed := clientQuotas
	if onlyUser {
		allowed = append(slices.Clone(clientQuotas), scramNames...)
	}
	if bad := o.unexpected(allowed); bad != "" {
		what := "quota configs"
		if onlyUser {
			what = "quota and SCRAM credential configs"
		}
		return configsErrorf("Only %s can be added for '%s' using --bootstrap-server. Unexpected config names: Set(%s)", what, strings.Join(o.Types, ","), bad)
	}
	isScram := func(name string) bool { return slices.Contains(scramNames, name) }
	var quotas, scrams []configSetting
	var dropQuotas, dropScrams []string
	for _, s := range o.Add {
		if isScram(s.Name) {
			scrams = append(scrams, s)
		} else {
			quotas = append(quotas, s)
		}
	}
	for _, name := range o.Delete {
		if isScram(name) {
			dropScrams = append(dropScrams, name)
		} else {
			dropQuotas = append(dropQuotas, name)
		}
	}
	if len(scrams)+len(dropScrams) > 0 && o.Names[0] == "" {
		return configsErrorf("The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server.")
	}
	if len(quotas)+len(dropQuotas) > 0 {
		if err := o.alterQuotas(ctx, cl, quotas, dropQuotas); err != nil {
			return err
		}
	}
	if len(scrams)+len(dropScrams) > 0 {
		return o.alterScrams(ctx, cl, scrams, dropScrams)
	}
	return nil
}

// alterQuotas sets and removes quotas of the entity.
func (o *configsOptions) alterQuotas(ctx context.Context, cl *client.Client, add []configSetting, drop []string) error {
	var entry kmsg.AlterClientQuotasRequestEntry
	for i, t := range o.Types {
		e := kmsg.NewAlterClientQuotasRequestEntryEntity()
		e.Type = quotaEntity(t)
		if i < len(o.Names) && o.Names[i] != "" {
			e.Name = new(o.Names[i])
		}
		entry.Entity = append(entry.Entity, e)
	}
	if len(drop) > 0 {
		current, err := o.quotas(ctx, cl, true)
		if err != nil {
			return err
		}
		var bad []string
		for _, name := range drop {
			if len(current) == 0 || !slices.ContainsFunc(current[0].Quotas, func(q quotaValue) bool { return q.Name == name }) {
				bad = append(bad, name)
			}
		}
		if len(bad) > 0 {
			return configsErrorf("Invalid config(s): %s", strings.Join(bad, ","))
		}
	}
	for _, s := range add {
		v, err := strconv.ParseFloat(s.Value, 64)
		if err != nil {
			return configsErrorf("Cannot parse quota configuration value for %s: %s", s.Name, s.Value)
		}
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Value = s.Name, v
		entry.Ops = append(entry.Ops, op)
	}
	for _, name := range drop {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = name, true
		entry.Ops = append(entry.Ops, op)
	}
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries, req.ValidateOnly = append(req.Entries, entry), o.DryRun
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, e := range resp.Entries {
		if err := serverError(e.ErrorCode, e.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func quotaEntity(entityType string) string {
	switch entityType {
	case "users":
		return "user"
	case "clients":
		return "client-id"
	}
	return "ip"
}

var scramSetting = regexp.MustCompile(`^(?:iterations=(-?[0-9]*),)?password=(.*)$`)

// Bounds of the number of iterations.
const (
	minScramIterations = 4096
	maxScramIterations = 16384
)

func (o *configsOptions) alterScrams(ctx context.Context, cl *client.Client, add []configSetting, drop []string) error {
	mechanism := func(name string) kadm.ScramMechanism {
		if name == "SCRAM-SHA-512" {
			return kadm.ScramSha512
		}
		return kadm.ScramSha256
	}
	var upserts []kadm.UpsertSCRAM
	for _, s := range add {
		m := scramSetting.FindStringSubmatch(s.Value)
		if m == nil {
			return configsErrorf("Invalid credential property %s=%s", s.Name, s.Value)
		}
		iterations := minScramIterations
		if m[1] != "" && m[1] != "-1" {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return configsErrorf("Invalid credential property %s=%s", s.Name, s.Value)
			}
			iterations = n
		}
		switch {
		case iterations < minScramIterations:
			return configsErrorf("Iterations %d is less than the minimum %d required for %s", iterations, minScramIterations, s.Name)
		case iterations > maxScramIterations:
			return configsErrorf("Iterations %d is greater than the maximum %d allowed for %s", iterations, maxScramIterations, s.Name)
		}
		upserts = append(upserts, kadm.UpsertSCRAM{User: o.Names[0], Mechanism: mechanism(s.Name), Iterations: int32(iterations), Password: m[2]})
	}
	var deletes []kadm.DeleteSCRAM
	for _, name := range drop {
		deletes = append(deletes, kadm.DeleteSCRAM{User: o.Names[0], Mechanism: mechanism(name)})
	}
	if o.DryRun {
		return nil
	}
	results, err := cl.Admin.AlterUserSCRAMs(ctx, deletes, upserts)
	if err != nil {
		return err
	}
	for _, r := range results.Sorted() {
		if r.Err != nil && r.ErrMessage != "" {
			return errors.New(r.ErrMessage)
		}
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}
