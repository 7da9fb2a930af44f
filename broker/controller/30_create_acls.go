package controller

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// CreateACLs: v1-v3
//
// Creates access control entries. One that exists already, or comes twice, counts as created.
//
// v1: pattern types (KIP-290). v3: user resources.
// What an entry then allows is package acl's to say; a broker without an authorizer refuses before it asks the controller.
func (c *call) createACLs(req *kmsg.CreateACLsRequest) (Result, error) {
	resp := responseTo[*kmsg.CreateACLsResponse](req)
	existing := make(map[metadata.ACL]bool)
	for a := range c.image.ACLs() {
		key := *a
		key.ID = [16]byte{}
		existing[key] = true
	}
	for _, creation := range req.Creations {
		a := metadata.ACL{
			ResourceType: int8(creation.ResourceType), ResourceName: creation.ResourceName, PatternType: int8(creation.ResourcePatternType),
			Principal: creation.Principal, Host: creation.Host, Operation: int8(creation.Operation), PermissionType: int8(creation.PermissionType),
		}
		err := checkNewACL(&a)
		if err == nil && !existing[a] {
			existing[a] = true
			entry := a
			entry.ID = c.randomID()
			c.emit(entry.Record(), 0)
		}
		row := kmsg.NewCreateACLsResponseResult()
		row.ErrorCode, row.ErrorMessage = errorCode(err), errorMessage(err)
		resp.Results = append(resp.Results, row)
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func checkNewACL(a *metadata.ACL) error {
	invalid := func(what, name string) error { return failf(kerr.InvalidRequest, "Invalid %s %s", what, name) }
	switch {
	case a.ResourceType == resourceCluster && a.ResourceName != clusterName:
		return failf(kerr.InvalidRequest, "The only valid name for the CLUSTER resource is kafka-cluster")
	case a.ResourceName == "":
		return failf(kerr.InvalidRequest, "Invalid empty resource name")
	case outside(a.ResourceType, lastResourceType) || a.ResourceType == aclAny:
		return invalid("resourceType", aclName(a.ResourceType, anyName))
	case a.PatternType != patternLiteral && a.PatternType != patternPrefixed:
		return invalid("patternType", aclName(a.PatternType, map[int8]string{aclAny: "ANY", patternMatch: "MATCH"}))
	case outside(a.Operation, lastOperation) || a.Operation == aclAny:
		return invalid("operation", aclName(a.Operation, anyName))
	case a.PermissionType != permissionDeny && a.PermissionType != permissionAllow:
		return invalid("permissionType", aclName(a.PermissionType, anyName))
	case !strings.Contains(a.Principal, ":"):
		return failf(kerr.InvalidRequest, "Could not parse principal from `%s` (no colon is present separating the principal type from the principal name)", a.Principal)
	}
	return nil
}
