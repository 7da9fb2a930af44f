package controller

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// DescribeACLs (v1-v3)
//
// Lists the access control entries that a filter selects, by resource. It needs nothing but an image, so that brokers answer it themselves.
func DescribeACLs(image *metadata.Image, req *kmsg.DescribeACLsRequest) (*kmsg.DescribeACLsResponse, error) {
	f := &aclFilter{
		resourceType: int8(req.ResourceType), resourceName: req.ResourceName, patternType: int8(req.ResourcePatternType),
		principal: req.Principal, host: req.Host, operation: int8(req.Operation), permissionType: int8(req.PermissionType),
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	found := matchingACLs(image, f)
	slices.SortStableFunc(found, func(a, b *metadata.ACL) int {
		return cmp.Or(cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.ResourceName, b.ResourceName), cmp.Compare(a.PatternType, b.PatternType),
			cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.PermissionType, b.PermissionType))
	})
	resp := responseTo[*kmsg.DescribeACLsResponse](req)
	for _, a := range found {
		n := len(resp.Resources)
		if n == 0 || int8(resp.Resources[n-1].ResourceType) != a.ResourceType || resp.Resources[n-1].ResourceName != a.ResourceName || int8(resp.Resources[n-1].ResourcePatternType) != a.PatternType {
			row := kmsg.NewDescribeACLsResponseResource()
			row.ResourceType, row.ResourceName, row.ResourcePatternType = kmsg.ACLResourceType(a.ResourceType), a.ResourceName, kmsg.ACLResourcePatternType(a.PatternType)
			resp.Resources = append(resp.Resources, row)
			n++
		}
		resp.Resources[n-1].ACLs = append(resp.Resources[n-1].ACLs, kmsg.DescribeACLsResponseResourceACL{
			Principal: a.Principal, Host: a.Host, Operation: kmsg.ACLOperation(a.Operation), PermissionType: kmsg.ACLPermissionType(a.PermissionType),
		})
	}
	return resp, nil
}

func (c *call) describeACLs(req *kmsg.DescribeACLsRequest) (Result, error) {
	resp, err := DescribeACLs(c.image, req)
	if err != nil {
		return Result{}, err
	}
	return Result{Response: resp}, nil
}
