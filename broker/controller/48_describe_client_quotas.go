package controller

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// The match types of DescribeClientQuotas.
const (
	matchExact     kmsg.QuotasMatchType = 0
	matchDefault   kmsg.QuotasMatchType = 1
	matchSpecified kmsg.QuotasMatchType = 2
)

// DescribeClientQuotas (v0-v1)
//
// Lists the quotas of the entities that match every component of the filter; strict: and have no others (KIP-546). It needs nothing but an image,
// so that brokers answer it themselves.
func DescribeClientQuotas(image *metadata.Image, req *kmsg.DescribeClientQuotasRequest) (*kmsg.DescribeClientQuotasResponse, error) {
	exact, specified, err := quotaFilter(req)
	if err != nil {
		return nil, err
	}
	resp := responseTo[*kmsg.DescribeClientQuotasResponse](req)
	resp.ErrorMessage = new("")                               // as Apache Kafka has it: empty, not null
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{} // null is for errors: Apache Kafka's tools fail on it
	for q := range image.ClientQuotas() {
		if !quotaMatches(q, exact, specified, req.Strict) {
			continue
		}
		row := kmsg.NewDescribeClientQuotasResponseEntry()
		for _, e := range q.Entity {
			row.Entity = append(row.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: e.Type, Name: e.Name})
		}
		for _, key := range slices.Sorted(maps.Keys(q.Values)) {
			row.Values = append(row.Values, kmsg.DescribeClientQuotasResponseEntryValue{Key: key, Value: q.Values[key]})
		}
		resp.Entries = append(resp.Entries, row)
	}
	slices.SortFunc(resp.Entries, compareQuotaRows)
	return resp, nil
}

// quotaFilter returns the wanted name of each type that is matched exactly (nil: the default), and the types that need only be there.
func quotaFilter(req *kmsg.DescribeClientQuotasRequest) (exact map[string]*string, specified map[string]bool, err error) {
	exact, specified = make(map[string]*string), make(map[string]bool)
	for _, comp := range req.Components {
		_, seen := exact[comp.EntityType]
		switch {
		case comp.EntityType == "":
			return nil, nil, failf(kerr.InvalidRequest, "Invalid empty entity type.")
		case seen || specified[comp.EntityType]:
			return nil, nil, failf(kerr.InvalidRequest, "Entity type %s cannot appear more than once in the filter.", comp.EntityType)
		case comp.EntityType != quotaUser && comp.EntityType != quotaClientID && comp.EntityType != quotaIP:
			return nil, nil, failf(kerr.UnsupportedVersion, "Unsupported entity type %s", comp.EntityType)
		case comp.MatchType == matchExact && comp.Match == nil:
			return nil, nil, failf(kerr.InvalidRequest, "Request specified MATCH_TYPE_EXACT, but set match string to null.")
		case comp.MatchType == matchDefault && comp.Match != nil:
			return nil, nil, failf(kerr.InvalidRequest, "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.")
		case comp.MatchType == matchSpecified && comp.Match != nil:
			return nil, nil, failf(kerr.InvalidRequest, "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.")
		case comp.MatchType == matchExact || comp.MatchType == matchDefault:
			exact[comp.EntityType] = comp.Match
		case comp.MatchType == matchSpecified:
			specified[comp.EntityType] = true
		default:
			return nil, nil, failf(kerr.InvalidRequest, "Unknown match type %d", comp.MatchType)
		}
	}
	_, ip := exact[quotaIP]
	if (ip || specified[quotaIP]) && len(exact)+len(specified) > 1 {
		return nil, nil, failf(kerr.InvalidRequest, "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.")
	}
	return exact, specified, nil
}

func quotaMatches(q *metadata.ClientQuota, exact map[string]*string, specified map[string]bool, strict bool) bool {
	if strict && len(q.Entity) != len(exact)+len(specified) {
		return false
	}
	matched := 0
	for _, e := range q.Entity {
		want, isExact := exact[e.Type]
		switch {
		case isExact && !equalValues(want, e.Name):
			return false
		case isExact || specified[e.Type]:
			matched++
		}
	}
	return matched == len(exact)+len(specified)
}

func compareQuotaRows(a, b kmsg.DescribeClientQuotasResponseEntry) int {
	return slices.CompareFunc(a.Entity, b.Entity, func(x, y kmsg.DescribeClientQuotasResponseEntryEntity) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), compareNullable(x.Name, y.Name))
	})
}

// compareNullable orders nil before all strings.
func compareNullable(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func (c *call) describeClientQuotas(req *kmsg.DescribeClientQuotasRequest) (Result, error) {
	resp, err := DescribeClientQuotas(c.image, req)
	if err != nil {
		return Result{}, err
	}
	return Result{Response: resp}, nil
}
