package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// DeleteACLs: v1-v3
//
// Deletes the access control entries that filters select, and says which those were. An entry that two filters select is in both answers.
//
// v1: pattern types (KIP-290). v3: user resources.
func (c *call) deleteACLs(req *kmsg.DeleteACLsRequest) (Result, error) {
	resp := responseTo[*kmsg.DeleteACLsResponse](req)
	gone := make(map[ident.UUID]bool)
	for _, filter := range req.Filters {
		f := &aclFilter{
			resourceType: int8(filter.ResourceType), resourceName: filter.ResourceName, patternType: int8(filter.ResourcePatternType),
			principal: filter.Principal, host: filter.Host, operation: int8(filter.Operation), permissionType: int8(filter.PermissionType),
		}
		row := kmsg.NewDeleteACLsResponseResult()
		if err := f.check(); err != nil {
			row.ErrorCode, row.ErrorMessage = errorCode(err), errorMessage(err)
			resp.Results = append(resp.Results, row)
			continue
		}
		for _, a := range matchingACLs(c.image, f) {
			if !gone[a.ID] {
				if gone[a.ID] = true; len(gone) > maxRecordsPerBatch {
					return Result{}, failf(kerr.InvalidRequest, "Cannot remove more than %d acls in a single delete operation.", maxRecordsPerBatch)
				}
				c.emit(&record.RemoveAccessControlEntryRecord{Id: a.ID}, 0)
			}
			match := kmsg.NewDeleteACLsResponseResultMatchingACL()
			match.ResourceType, match.ResourceName = kmsg.ACLResourceType(a.ResourceType), a.ResourceName
			match.ResourcePatternType = kmsg.ACLResourcePatternType(a.PatternType)
			match.Principal, match.Host = a.Principal, a.Host
			match.Operation, match.PermissionType = kmsg.ACLOperation(a.Operation), kmsg.ACLPermissionType(a.PermissionType)
			row.MatchingACLs = append(row.MatchingACLs, match)
		}
		resp.Results = append(resp.Results, row)
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}
