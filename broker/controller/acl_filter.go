package controller

import (
	"bytes"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/metadata"
)

// The numbers of access control entries that mean more than themselves. Zero is UNKNOWN everywhere, one is ANY.
const (
	aclUnknown           = 0
	aclAny               = 1
	resourceCluster      = 4
	lastResourceType     = 7
	patternMatch         = 2 // filters only: whatever would apply to a resource of this name
	patternLiteral       = 3
	patternPrefixed      = 4
	lastOperation        = 15
	permissionDeny       = 2
	permissionAllow      = 3
	clusterName          = "kafka-cluster"
	wildcardResourceName = "*"
)

// aclFilter selects access control entries; nil strings match all.
type aclFilter struct {
	resourceType, patternType, operation, permissionType int8
	resourceName, principal, host                        *string
}

func (f *aclFilter) check() error {
	if outside(f.resourceType, lastResourceType) || outside(f.patternType, patternPrefixed) {
		return failf(kerr.InvalidRequest, "Unknown patternFilter.")
	}
	if outside(f.operation, lastOperation) || outside(f.permissionType, permissionAllow) {
		return failf(kerr.InvalidRequest, "Unknown entryFilter.")
	}
	return nil
}

// outside reports whether a number is UNKNOWN, or one that this software doesn't know.
func outside(n, last int8) bool { return n <= aclUnknown || n > last }

func (f *aclFilter) matches(a *metadata.ACL) bool {
	return f.matchesResource(a) &&
		(f.principal == nil || *f.principal == a.Principal) && (f.host == nil || *f.host == a.Host) &&
		(f.operation == aclAny || f.operation == a.Operation) && (f.permissionType == aclAny || f.permissionType == a.PermissionType)
}

func (f *aclFilter) matchesResource(a *metadata.ACL) bool {
	switch {
	case f.resourceType != aclAny && f.resourceType != a.ResourceType:
		return false
	case f.patternType != aclAny && f.patternType != patternMatch && f.patternType != a.PatternType:
		return false
	case f.resourceName == nil:
		return true
	case f.patternType != patternMatch:
		return *f.resourceName == a.ResourceName
	case a.PatternType == patternLiteral:
		return *f.resourceName == a.ResourceName || a.ResourceName == wildcardResourceName
	}
	return strings.HasPrefix(*f.resourceName, a.ResourceName)
}

// matchingACLs returns the entries that a filter selects, in a fixed order: by id, and thus by chance.
func matchingACLs(image *metadata.Image, f *aclFilter) []*metadata.ACL {
	var out []*metadata.ACL
	for a := range image.ACLs() {
		if f.matches(a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *metadata.ACL) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

// aclName is the name of Java's enum constant, for numbers that are refused: those of names, or none that this software knows.
func aclName(n int8, names map[int8]string) string {
	if name, ok := names[n]; ok {
		return name
	}
	return "UNKNOWN"
}

var anyName = map[int8]string{aclAny: "ANY"}
