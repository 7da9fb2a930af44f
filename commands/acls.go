package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// aclsOptions is a parsed command line of kgo acls.
type aclsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action     string // list, add, remove
	Resources  []aclResource
	Rules      map[aclResource][]aclRule // for add and remove
	Principals []string                  // of --list
	Force      bool
	Output     format
}

func newAclsCmd(f *Factory, runF func(*aclsOptions) error) *cobra.Command {
	t := &tool{
		spec:    aclsSpec,
		short:   "List, add and remove access rules",
		long:    "A rule allows or denies a principal (User:alice) an operation on a resource from a host.\nResources are topics, groups, the cluster, transactional ids, delegation tokens and users, named literally or, with\n--resource-pattern-type prefixed, by how their names begin; match finds every rule that applies to a name.\n--producer and --consumer stand for the operations that a producer or a consumer needs.",
		example: "  kgo acls --add --allow-principal User:alice --operation Read --topic hello\n  kgo acls --add --allow-principal User:alice --consumer --topic hello --group readers\n  kgo acls --list --topic hello\n  kgo acls --remove --topic hello --force",
		extras:  []opt.Option{extraOutput, extraTimeout, extraYes},
		fail: func(err error) {
			say(f.IO.Out, "Error while executing ACL command: %s\n", javaError(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &aclsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return aclsRun(ctx, o)
	})
}

func (o *aclsOptions) parse(set *opt.Set) error {
	if err := checkAcls(set); err != nil {
		return err
	}
	for _, a := range []string{"list", "add", "remove"} {
		if set.Has(a) {
			o.Action = a
		}
	}
	o.Force = set.Has("force") || set.Has("yes")
	var err error
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	text, err := set.Value("resource-pattern-type")
	if err != nil {
		return err
	}
	pattern := slices.Index(patternNames, strings.ToUpper(text))
	if pattern < patternAny {
		return &opt.ConversionError{Option: "resource-pattern-type", Value: text}
	}
	if o.Action == "add" && pattern < patternLiteral {
		return opt.Usagef("A '--resource-pattern-type' value of '%s' is not valid when adding acls.", patternNames[pattern])
	}
	o.Resources = aclResources(set, int8(pattern))
	if o.Action == "list" {
		for _, p := range set.Values("principal") {
			if err := checkPrincipal(p); err != nil {
				return err
			}
			o.Principals = append(o.Principals, p)
		}
		return nil
	}
	if len(o.Resources) == 0 {
		return opt.Usagef("You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>")
	}
	return o.rules(set)
}

// checkAcls refuses combinations of options, in the original's order.
func checkAcls(set *opt.Set) error {
	if set.Has("bootstrap-server") && set.Has("bootstrap-controller") {
		return opt.Usagef("Only one of --bootstrap-server or --bootstrap-controller must be specified")
	}
	if count(set, "add", "remove", "list") != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --add, --remove. ")
	}
	if err := firstError(
		excludes(set, "list", "producer", "consumer", "allow-host", "allow-principal", "deny-host", "deny-principal"),
		excludes(set, "producer", "operation", "deny-principal", "deny-host"),
		excludes(set, "consumer", "operation", "deny-principal", "deny-host"),
	); err != nil {
		return err
	}
	switch {
	case set.Has("principal") && !set.Has("list"):
		return opt.Usagef("The --principal option is only available if --list is set")
	case set.Has("producer") && !set.Has("topic"):
		return opt.Usagef("With --producer you must specify a --topic")
	case set.Has("idempotent") && !set.Has("producer"):
		return opt.Usagef("The --idempotent option is only available if --producer is set")
	case set.Has("consumer") && (count(set, "topic", "group") < 2 || !set.Has("producer") && count(set, "cluster", "transactional-id") > 0):
		return opt.Usagef("With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.")
	}
	return nil
}

// rules reads the rules that are added to or removed from each resource.
func (o *aclsOptions) rules(set *opt.Set) error {
	o.Rules = make(map[aclResource][]aclRule)
	if !set.Has("producer") && !set.Has("consumer") {
		rules, err := cliRules(set, set.Values("operation"))
		if err != nil {
			return err
		}
		for _, r := range o.Resources {
			if o.Rules[r] = rules; len(rules) == 0 && o.Action == "add" {
				return opt.Usagef("You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.")
			}
		}
	}
	grant := func(kinds []int8, operations ...string) error {
		rules, err := cliRules(set, operations)
		if err != nil {
			return err
		}
		for _, r := range o.Resources {
			if !slices.Contains(kinds, r.kind) {
				continue
			}
			for _, rule := range rules {
				if !slices.Contains(o.Rules[r], rule) {
					o.Rules[r] = append(o.Rules[r], rule)
				}
			}
		}
		return nil
	}
	var err error
	if set.Has("producer") {
		err = firstError(grant([]int8{kindTopic}, "Write", "Describe", "Create"), grant([]int8{kindTransactionalID}, "Write", "Describe"))
		if err == nil && set.Has("idempotent") {
			err = grant([]int8{kindCluster}, "IdempotentWrite")
		}
	}
	if err == nil && set.Has("consumer") {
		err = firstError(grant([]int8{kindTopic}, "Read", "Describe"), grant([]int8{kindGroup}, "Read"))
	}
	if err != nil {
		return err
	}
	for _, r := range o.Resources {
		for _, rule := range o.Rules[r] {
			if allowed := supportedOperations[r.kind]; rule.operation != operationAll && !slices.Contains(allowed, operationNames[rule.operation]) {
				names := append(slices.Clone(allowed), "ALL")
				slices.Sort(names)
				return opt.Usagef("ResourceType %s only supports operations %s", kindNames[r.kind], javaList(names))
			}
		}
	}
	return nil
}

// cliRules combines principals, hosts and operations.
func cliRules(set *opt.Set, operations []string) ([]aclRule, error) {
	if len(operations) == 0 {
		operations = []string{"All"}
	}
	var rules []aclRule
	for permission, prefix := range map[int8]string{permissionAllow: "allow", permissionDeny: "deny"} {
		hosts := set.Values(prefix + "-host")
		if len(hosts) == 0 {
			hosts = []string{"*"}
		}
		for _, principal := range set.Values(prefix + "-principal") {
			if err := checkPrincipal(principal); err != nil {
				return nil, err
			}
			for _, host := range hosts {
				for _, operation := range operations {
					rules = append(rules, aclRule{principal, host, parseOperation(operation), permission})
				}
			}
		}
	}
	sortRules(rules)
	return rules, nil
}

func checkPrincipal(text string) error {
	kind, name, ok := strings.Cut(text, ":")
	if !ok || kind == "" || name == "" {
		return fmt.Errorf("expected a string in format principalType:principalName but got %s", text)
	}
	return nil
}

func aclsRun(ctx context.Context, o *aclsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "add":
		return o.add(ctx, cl)
	case "remove":
		return o.remove(ctx, cl)
	}
	return o.list(ctx, cl)
}

func (o *aclsOptions) add(ctx context.Context, cl *client.Client) error {
	sortResources(o.Resources)
	for _, r := range o.Resources {
		existing, err := describeAcls(ctx, cl, r)
		if err != nil {
			return err
		}
		var fresh []aclRule
		for _, rule := range o.Rules[r] {
			if slices.Contains(existing[r], rule) {
				fmt.Fprintf(o.IO.Out, "Acl (pattern=%s, entry=%s) already exists.\n", r, rule)
			} else {
				fresh = append(fresh, rule)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		fmt.Fprintf(o.IO.Out, "Adding ACLs for resource `%s`: \n %s\n\n", r, ruleLines(fresh))
		if err := createAcls(ctx, cl, r, fresh); err != nil {
			return err
		}
	}
	return nil
}

func ruleLines(rules []aclRule) string {
	lines := make([]string, 0, len(rules))
	for _, rule := range rules {
		lines = append(lines, "\t"+rule.String())
	}
	return strings.Join(lines, "\n")
}

func (o *aclsOptions) remove(ctx context.Context, cl *client.Client) error {
	sortResources(o.Resources)
	for _, r := range o.Resources {
		rules := o.Rules[r]
		question := fmt.Sprintf("Are you sure you want to delete all ACLs for resource filter `%s`? (y/n)", r)
		if len(rules) > 0 {
			question = fmt.Sprintf("Are you sure you want to remove ACLs: \n %s\n from resource filter `%s`? (y/n)", ruleLines(rules), r)
		}
		if ok, err := o.agreed(question); err != nil || !ok {
			return err
		}
		if err := deleteAcls(ctx, cl, r, rules); err != nil {
			return err
		}
	}
	return nil
}

// agreed asks as the original does: without a terminal and without --force there is nobody to ask, and nothing is removed.
func (o *aclsOptions) agreed(question string) (bool, error) {
	if o.Force {
		return true, nil
	}
	fmt.Fprintln(o.IO.Out, question)
	if !o.IO.Interactive() {
		return false, errors.New("nobody to ask: stdin or stdout is not a terminal. Use --force to remove without asking.")
	}
	if err := o.IO.Flush(); err != nil {
		return false, err
	}
	line, err := bufio.NewReader(o.IO.In).ReadString('\n')
	if err != nil && line == "" {
		return false, errNotConfirmed
	}
	return strings.EqualFold(strings.TrimSpace(line), "y"), nil
}
