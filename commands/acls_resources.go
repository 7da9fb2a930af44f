package commands

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// The codes of the protocol, by which the names below are indexed.
const (
	kindTopic           = 2
	kindGroup           = 3
	kindCluster         = 4
	kindTransactionalID = 5
	kindDelegationToken = 6
	kindUser            = 7

	patternAny     = 1
	patternLiteral = 3

	operationAll = 2

	permissionDeny  = 2
	permissionAllow = 3
)

var (
	kindNames       = []string{"UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"}
	patternNames    = []string{"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"}
	permissionNames = []string{"UNKNOWN", "ANY", "DENY", "ALLOW"}
	operationNames  = []string{
		"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS",
		"ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT",
	}
	// supportedOperations are the ones that mean something for each kind of resource.
	supportedOperations = map[int8][]string{
		kindTopic:           {"READ", "WRITE", "CREATE", "DESCRIBE", "DELETE", "ALTER", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"},
		kindGroup:           {"READ", "DESCRIBE", "DELETE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"},
		kindCluster:         {"CREATE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "ALTER", "DESCRIBE"},
		kindTransactionalID: {"DESCRIBE", "WRITE", "TWO_PHASE_COMMIT"},
		kindDelegationToken: {"DESCRIBE"},
		kindUser:            {"CREATE_TOKENS", "DESCRIBE_TOKENS"},
	}
)

// parseOperation reads ReadWords as READ_WORDS; what it does not know is operation 0.
func parseOperation(text string) int8 {
	squeezed := strings.ToUpper(strings.ReplaceAll(text, "_", ""))
	for i, name := range operationNames {
		if strings.ReplaceAll(name, "_", "") == squeezed {
			return int8(i)
		}
	}
	return 0
}

// aclResource is a resource, or a filter of resources; an absent name is printed as <any>.
type aclResource struct {
	kind, pattern int8
	name          string
}

func (r aclResource) String() string {
	return fmt.Sprintf("ResourcePattern(resourceType=%s, name=%s, patternType=%s)", codeName(kindNames, r.kind), r.name, codeName(patternNames, r.pattern))
}

// aclRule is what is allowed or denied to whom.
type aclRule struct {
	principal, host       string
	operation, permission int8
}

func (r aclRule) String() string {
	return fmt.Sprintf("(principal=%s, host=%s, operation=%s, permissionType=%s)", r.principal, r.host, codeName(operationNames, r.operation), codeName(permissionNames, r.permission))
}

func codeName(names []string, code int8) string {
	if code < 0 || int(code) >= len(names) {
		return names[0]
	}
	return names[code]
}

func sortRules(rules []aclRule) {
	slices.SortFunc(rules, func(a, b aclRule) int {
		return cmp.Or(strings.Compare(a.principal, b.principal), strings.Compare(a.host, b.host), int(a.operation-b.operation), int(a.permission-b.permission))
	})
}

func sortResources(resources []aclResource) {
	slices.SortFunc(resources, func(a, b aclResource) int {
		return cmp.Or(int(a.kind-b.kind), strings.Compare(a.name, b.name), int(a.pattern-b.pattern))
	})
}

// aclResources reads the resources that were named.
func aclResources(set *opt.Set, pattern int8) []aclResource {
	var out []aclResource
	add := func(option string, kind int8) {
		for _, name := range set.Values(option) {
			if r := (aclResource{kind, pattern, strings.TrimSpace(name)}); !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	add("topic", kindTopic)
	if pattern == patternLiteral && count(set, "cluster", "idempotent") > 0 {
		out = append(out, aclResource{kindCluster, pattern, "kafka-cluster"})
	}
	add("group", kindGroup)
	add("transactional-id", kindTransactionalID)
	add("delegation-token", kindDelegationToken)
	add("user-principal", kindUser)
	return out
}

// describeAcls returns the rules of the resources that match a filter.
func describeAcls(ctx context.Context, cl *client.Client, filter aclResource) (map[aclResource][]aclRule, error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceType(filter.kind), kmsg.ACLResourcePatternType(filter.pattern)
	if filter.name != "" {
		req.ResourceName = new(filter.name)
	}
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := serverError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	found := make(map[aclResource][]aclRule)
	for _, r := range resp.Resources {
		key := aclResource{int8(r.ResourceType), int8(r.ResourcePatternType), r.ResourceName}
		for _, a := range r.ACLs {
			found[key] = append(found[key], aclRule{a.Principal, a.Host, int8(a.Operation), int8(a.PermissionType)})
		}
		sortRules(found[key])
	}
	return found, nil
}

func createAcls(ctx context.Context, cl *client.Client, r aclResource, rules []aclRule) error {
	req := kmsg.NewPtrCreateACLsRequest()
	for _, rule := range rules {
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceType, c.ResourceName, c.ResourcePatternType = kmsg.ACLResourceType(r.kind), r.name, kmsg.ACLResourcePatternType(r.pattern)
		c.Principal, c.Host = rule.principal, rule.host
		c.Operation, c.PermissionType = kmsg.ACLOperation(rule.operation), kmsg.ACLPermissionType(rule.permission)
		req.Creations = append(req.Creations, c)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, r := range resp.Results {
		if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// deleteAcls removes rules of the resources that match a filter; no rules means all of them.
func deleteAcls(ctx context.Context, cl *client.Client, r aclResource, rules []aclRule) error {
	req := kmsg.NewPtrDeleteACLsRequest()
	filter := func() kmsg.DeleteACLsRequestFilter {
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourceName, f.ResourcePatternType = kmsg.ACLResourceType(r.kind), new(r.name), kmsg.ACLResourcePatternType(r.pattern)
		f.Operation, f.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
		return f
	}
	if len(rules) == 0 {
		req.Filters = append(req.Filters, filter())
	}
	for _, rule := range rules {
		f := filter()
		f.Principal, f.Host = new(rule.principal), new(rule.host)
		f.Operation, f.PermissionType = kmsg.ACLOperation(rule.operation), kmsg.ACLPermissionType(rule.permission)
		req.Filters = append(req.Filters, f)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, r := range resp.Results {
		if err := serverError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// aclView is one resource of kgo acls --list.
type aclView struct {
	ResourceType string        `json:"resource_type"`
	Name         string        `json:"name"`
	PatternType  string        `json:"pattern_type"`
	ACLs         []aclRuleView `json:"acls"`

	resource aclResource
	rules    []aclRule
}

type aclRuleView struct {
	Principal  string `json:"principal"`
	Host       string `json:"host"`
	Operation  string `json:"operation"`
	Permission string `json:"permission"` // ALLOW or DENY
}

func (o *aclsOptions) list(ctx context.Context, cl *client.Client) error {
	filters := o.Resources
	if len(filters) == 0 {
		filters = []aclResource{{kind: 1, pattern: patternAny}}
	}
	all := make(map[aclResource][]aclRule)
	for _, filter := range filters {
		found, err := describeAcls(ctx, cl, filter)
		if err != nil {
			return err
		}
		maps.Copy(all, found)
	}
	return o.Output.write(o.IO.Out, aclViews(all, o.Principals), func(w io.Writer) error {
		if len(o.Principals) == 0 {
			printAcls(w, aclViews(all, nil))
		}
		for _, p := range o.Principals {
			fmt.Fprintf(w, "ACLs for principal `%s`\n", p)
			printAcls(w, aclViews(all, []string{p}))
		}
		return nil
	})
}

// aclViews orders the rules and keeps those of the principals, if any are named.
func aclViews(all map[aclResource][]aclRule, principals []string) []aclView {
	views := []aclView{}
	resources := make([]aclResource, 0, len(all))
	for r := range all {
		resources = append(resources, r)
	}
	sortResources(resources)
	for _, r := range resources {
		v := aclView{ResourceType: codeName(kindNames, r.kind), Name: r.name, PatternType: codeName(patternNames, r.pattern), resource: r}
		for _, rule := range all[r] {
			if len(principals) > 0 && !slices.Contains(principals, rule.principal) {
				continue
			}
			v.rules = append(v.rules, rule)
			v.ACLs = append(v.ACLs, aclRuleView{rule.principal, rule.host, codeName(operationNames, rule.operation), codeName(permissionNames, rule.permission)})
		}
		if len(v.rules) > 0 {
			views = append(views, v)
		}
	}
	return views
}

func printAcls(w io.Writer, views []aclView) {
	for _, v := range views {
		fmt.Fprintf(w, "Current ACLs for resource `%s`:\n%s\n\n", v.resource, ruleLines(v.rules))
	}
}
