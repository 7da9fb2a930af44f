package commands

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/broker/metadata"
)

// shellNode is a file, with a text, or a folder, with children.
type shellNode struct {
	text     string
	children map[string]func() *shellNode // made when somebody looks: an image may hold 200,000 partitions twice
}

func textNode(text string) func() *shellNode {
	return func() *shellNode { return &shellNode{text: text} }
}

func shellFolder(fill func(add func(name string, n func() *shellNode))) func() *shellNode {
	return func() *shellNode {
		n := &shellNode{children: map[string]func() *shellNode{}}
		fill(func(name string, child func() *shellNode) { n.children[name] = child })
		return n
	}
}

func (n *shellNode) names() []string { return slices.Sorted(maps.Keys(n.children)) }

func (n *shellNode) child(name string) *shellNode {
	if c, ok := n.children[name]; ok {
		return c()
	}
	return nil
}

func (n *shellNode) walk(p string, visit func(string)) {
	visit(p)
	for _, name := range n.names() {
		n.child(name).walk(strings.TrimSuffix(p, "/")+"/"+name, visit)
	}
}

// tree prints what is below a node, two blanks further in at each level.
func (n *shellNode) tree(w io.Writer, depth int) {
	indent := strings.Repeat("  ", depth)
	if n.children == nil {
		fmt.Fprintf(w, "%s%s\n", indent, n.text)
		return
	}
	for _, name := range n.names() {
		fmt.Fprintf(w, "%s%s:\n", indent, name)
		n.child(name).tree(w, depth+1)
	}
}

// shellRoot is the tree of an image, with the original's names.
func shellRoot(im *metadata.Image) *shellNode {
	return shellFolder(func(add func(string, func() *shellNode)) {
		add("local", shellFolder(func(add func(string, func() *shellNode)) {
			add("commitId", textNode(version))
			add("version", textNode(kafkaVersion))
		}))
		add("image", shellFolder(func(add func(string, func() *shellNode)) {
			p := im.Provenance
			add("provenance", textNode(fmt.Sprintf("offset %d, epoch %d, time %s[UTC]", p.LastOffset, p.LastEpoch, javaInstant(p.LastTimestamp))))
			add("acls", shellFolder(func(add func(string, func() *shellNode)) {
				add("byId", shellFolder(func(add func(string, func() *shellNode)) {
					for a := range im.ACLs() {
						add(a.ID.String(), textNode(aclText(a)))
					}
				}))
			}))
			add("clientQuotas", shellFolder(quotaNodes(im)))
			add("cluster", shellFolder(clusterNodes(im)))
			add("configs", shellFolder(configNodes(im)))
			add("delegationToken", shellFolder(tokenNodes(im)))
			add("features", shellFolder(featureNodes(im)))
			add("producerIds", shellFolder(func(add func(string, func() *shellNode)) {
				next := im.ProducerIDs().Next
				if next == 0 {
					next = -1
				}
				add("nextProducerId", textNode(strconv.FormatInt(next, 10)))
			}))
			add("scram", shellFolder(scramNodes(im)))
			add("topics", shellFolder(func(add func(string, func() *shellNode)) {
				add("byId", topicNodes(im, func(t *metadata.Topic) string { return t.ID.String() }))
				add("byName", topicNodes(im, func(t *metadata.Topic) string { return t.Name }))
			}))
		}))
	})()
}

// javaInstant is a time as Java prints one with a zone.
func javaInstant(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func topicNodes(im *metadata.Image, name func(*metadata.Topic) string) func() *shellNode {
	return shellFolder(func(add func(string, func() *shellNode)) {
		for t := range im.Topics() {
			add(name(t), shellFolder(func(add func(string, func() *shellNode)) {
				add("id", textNode(t.ID.String()))
				add("name", textNode(t.Name))
				for i, p := range t.Partitions {
					add(strconv.Itoa(i), textNode(partitionText(p)))
				}
			}))
		}
	})
}

func list[T any](items []T) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func partitionText(p *metadata.Partition) string {
	state := "RECOVERED"
	if p.LeaderRecoveryState == metadata.Recovering {
		state = "RECOVERING"
	}
	return fmt.Sprintf("PartitionRegistration(replicas=%s, directories=%s, isr=%s, removingReplicas=%s, addingReplicas=%s, elr=%s, lastKnownElr=%s, leader=%d, leaderRecoveryState=%s, leaderEpoch=%d, partitionEpoch=%d)",
		list(p.Replicas), list(p.Directories), list(p.Isr), list(p.RemovingReplicas), list(p.AddingReplicas), list(p.Elr), list(p.LastKnownElr), p.Leader, state, p.LeaderEpoch, p.PartitionEpoch)
}

func clusterNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		add("brokers", shellFolder(func(add func(string, func() *shellNode)) {
			for b := range im.Brokers() {
				rack, cordoned := "Optional.empty", "null"
				if b.Rack != nil {
					rack = "Optional[" + *b.Rack + "]"
				}
				if b.CordonedDirectories != nil {
					cordoned = list(b.CordonedDirectories)
				}
				add(strconv.Itoa(int(b.ID)), textNode(fmt.Sprintf("BrokerRegistration(id=%d, epoch=%d, incarnationId=%s, listeners=%s, supportedFeatures=%s, rack=%s, fenced=%v, inControlledShutdown=%v, isMigratingZkBroker=false, directories=%s, cordonedDirectories=%s)",
					b.ID, b.Epoch, b.IncarnationID, endpointsText(b.Endpoints), rangesText(b.Features), rack, b.Fenced, b.InControlledShutdown, list(b.Directories), cordoned)))
			}
		}))
		add("controllers", shellFolder(func(add func(string, func() *shellNode)) {
			for c := range im.Controllers() {
				add(strconv.Itoa(int(c.ID)), textNode(fmt.Sprintf("ControllerRegistration(id=%d, incarnationId=%s, zkMigrationReady=false, listeners=%s, supportedFeatures=%s)",
					c.ID, c.IncarnationID, endpointsText(c.Endpoints), rangesText(c.Features))))
			}
		}))
	}
}

func endpointsText(endpoints []metadata.Endpoint) string {
	names := map[metadata.SecurityProtocol]string{metadata.Plaintext: "PLAINTEXT", metadata.SSL: "SSL", metadata.SASLPlaintext: "SASL_PLAINTEXT", metadata.SASLSSL: "SASL_SSL"}
	sorted := slices.SortedFunc(slices.Values(endpoints), func(a, b metadata.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	var parts []string
	for _, e := range sorted {
		parts = append(parts, fmt.Sprintf("Endpoint(listenerName='%s', securityProtocol=%s, host='%s', port=%d)", e.Name, names[e.SecurityProtocol], e.Host, e.Port))
	}
	return list(parts)
}

func rangesText(features []metadata.FeatureRange) string {
	var parts []string
	for _, f := range features {
		parts = append(parts, fmt.Sprintf("%s: %d-%d", f.Name, f.Min, f.Max))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

func configNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		types := map[metadata.ConfigResourceType]string{metadata.ConfigTopic: "TOPIC", metadata.ConfigBroker: "BROKER", metadata.ConfigClientMetrics: "CLIENT_METRICS", metadata.ConfigGroup: "GROUP"}
		for res, values := range im.Configs() {
			name := types[res.Type]
			if res.Name != "" {
				name += ":" + res.Name
			}
			add(name, shellFolder(func(add func(string, func() *shellNode)) {
				for key, value := range values {
					add(key, textNode(value))
				}
			}))
		}
	}
}

func featureNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		for name, level := range im.Features() {
			if name == metadata.FeatureMetadataVersion {
				add("metadataVersion", textNode("Optional["+metadata.MetadataVersion(level).String()+"]"))
			} else {
				add("finalized_"+name, textNode(strconv.Itoa(int(level))))
			}
		}
		if im.MetadataVersion() == 0 {
			add("metadataVersion", textNode("Optional.empty"))
		}
	}
}

// quotaNodes names an entity as the original does: clientId(c1)_user(alice).
func quotaNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		for q := range im.ClientQuotas() {
			var parts []string
			for _, e := range q.Entity {
				if kind := map[string]string{"client-id": "clientId", "user": "user", "ip": "ip"}[e.Type]; e.Name != nil {
					parts = append(parts, kind+"("+*e.Name+")")
				}
			}
			slices.Sort(parts)
			add(strings.Join(parts, "_"), shellFolder(func(add func(string, func() *shellNode)) {
				if len(parts) == 0 {
					return // the original does not show a default's values
				}
				for key, value := range q.Values {
					text := strconv.FormatFloat(value, 'f', -1, 64)
					if !strings.Contains(text, ".") {
						text += ".0"
					}
					add(key, textNode(text))
				}
			}))
		}
	}
}

func scramNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		for mechanism, name := range map[metadata.ScramMechanism]string{metadata.ScramSHA256: "SCRAM-SHA-256", metadata.ScramSHA512: "SCRAM-SHA-512"} {
			add(name, shellFolder(func(add func(string, func() *shellNode)) {
				for key, c := range im.ScramCredentials() {
					if key.Mechanism == mechanism {
						add(key.User, textNode(fmt.Sprintf("ScramCredentialData(salt=%s, storedKey=%s, serverKey=%s, iterations=%d)",
							hex.EncodeToString(c.Salt), hex.EncodeToString(c.StoredKey), hex.EncodeToString(c.ServerKey), c.Iterations)))
					}
				}
			}))
		}
	}
}

func tokenNodes(im *metadata.Image) func(func(string, func() *shellNode)) {
	return func(add func(string, func() *shellNode)) {
		for t := range im.DelegationTokens() {
			add(t.TokenID, textNode(fmt.Sprintf("TokenInformation{owner=%s, tokenRequester=%s, renewers=%s, issueTimestamp=%d, maxTimestamp=%d, expiryTimestamp=%d, tokenId='%s'}",
				t.Owner, t.Requester, list(t.Renewers), t.IssueTimestamp, t.MaxTimestamp, t.ExpirationTimestamp, t.TokenID)))
		}
	}
}

func aclText(a *metadata.ACL) string {
	name := func(names []string, i int8) string {
		if i >= 0 && int(i) < len(names) {
			return names[i]
		}
		return strconv.Itoa(int(i))
	}
	return fmt.Sprintf("StandardAcl[resourceType=%s, resourceName=%s, patternType=%s, principal=%s, host=%s, operation=%s, permissionType=%s]",
		name([]string{"UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"}, a.ResourceType), a.ResourceName,
		name([]string{"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"}, a.PatternType), a.Principal, a.Host,
		name([]string{"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT"}, a.Operation),
		name([]string{"UNKNOWN", "ANY", "DENY", "ALLOW"}, a.PermissionType))
}
