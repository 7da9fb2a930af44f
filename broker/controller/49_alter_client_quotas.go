package controller

import (
	"math"
	"net/netip"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// The parts of a quota entity.
const (
	quotaUser     = "user"
	quotaClientID = "client-id"
	quotaIP       = "ip"
)

// quotaLimits are the largest values of a quota key; 0: a fraction, without limit.
var (
	userQuotaLimits = map[string]float64{"producer_byte_rate": math.MaxInt64, "consumer_byte_rate": math.MaxInt64, "request_percentage": 0, "controller_mutation_rate": 0}
	ipQuotaLimits   = map[string]float64{"connection_creation_rate": math.MaxInt32}
)

// AlterClientQuotas: v0-v1
//
// Sets and removes the quotas of users, client ids, both together, and IP addresses (KIP-546, KIP-612). A null name is the default of its type.
//
// DEVIATION(kafka): the controller does not ask DNS whether an IP entity's host name exists; any well-formed one will do.
func (c *call) alterClientQuotas(req *kmsg.AlterClientQuotasRequest) (Result, error) {
	resp := responseTo[*kmsg.AlterClientQuotasResponse](req)
	rows := make(map[string]int) // entity -> its row of the response
	for _, entry := range req.Entries {
		entity := make([]metadata.QuotaEntity, len(entry.Entity))
		for i, e := range entry.Entity {
			entity[i] = metadata.QuotaEntity{Type: e.Type, Name: e.Name}
		}
		name := entityName(entity)
		at, seen := rows[name]
		var err error
		if seen || hasDuplicateKeys(entry.Ops) {
			err = failf(kerr.InvalidRequest, "Ignoring duplicate entity %s", name)
		} else {
			err = c.alterQuota(entity, entry.Ops)
		}
		if !seen {
			at, rows[name] = len(resp.Entries), len(resp.Entries)
			row := kmsg.NewAlterClientQuotasResponseEntry()
			for _, e := range entity {
				row.Entity = append(row.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: e.Type, Name: e.Name})
			}
			resp.Entries = append(resp.Entries, row)
		}
		resp.Entries[at].ErrorCode, resp.Entries[at].ErrorMessage = errorCode(err), errorMessage(err)
	}
	if req.ValidateOnly {
		c.out = nil
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func hasDuplicateKeys(ops []kmsg.AlterClientQuotasRequestEntryOp) bool {
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if seen[op.Key] {
			return true
		}
		seen[op.Key] = true
	}
	return false
}

func (c *call) alterQuota(entity []metadata.QuotaEntity, ops []kmsg.AlterClientQuotasRequestEntryOp) error {
	limits, err := checkQuotaEntity(entity)
	if err != nil {
		return err
	}
	var current map[string]float64
	if q := c.image.ClientQuota(entity); q != nil {
		current = q.Values
	}
	rows := len(c.out)
	for _, op := range ops {
		now, has := current[op.Key]
		r := &record.ClientQuotaRecord{Key: op.Key, Value: op.Value, Remove: op.Remove}
		for _, e := range entity {
			r.Entity = append(r.Entity, record.ClientQuotaRecordEntityData{EntityType: e.Type, EntityName: e.Name})
		}
		if op.Remove {
			if r.Value = 0; has {
				c.emit(r, 0)
			}
			continue
		}
		if err := checkQuota(limits, op.Key, op.Value); err != nil {
			c.out = c.out[:rows]
			return err
		}
		if !has || now != op.Value {
			c.emit(r, 0)
		}
	}
	return nil
}

// checkQuotaEntity refuses entities that make no sense and returns the keys that they may have.
func checkQuotaEntity(entity []metadata.QuotaEntity) (limits map[string]float64, err error) {
	if len(entity) == 0 {
		return nil, failf(kerr.InvalidRequest, "Invalid empty client quota entity")
	}
	has := make(map[string]bool)
	for _, e := range entity {
		if e.Type != quotaUser && e.Type != quotaClientID && e.Type != quotaIP {
			return nil, failf(kerr.InvalidRequest, "Unhandled client quota entity type: %s", e.Type)
		}
		if has[e.Type] {
			return nil, failf(kerr.InvalidRequest, "Invalid client quota entity, duplicate entity entry %s", e.Type)
		}
		has[e.Type] = true
		if e.Name != nil && *e.Name == "" {
			return nil, failf(kerr.InvalidRequest, "Empty %s not supported", e.Type)
		}
		if e.Type == quotaIP && e.Name != nil && !isHost(*e.Name) {
			return nil, failf(kerr.InvalidRequest, "%s is not a valid IP or resolvable host.", *e.Name)
		}
	}
	if has[quotaIP] {
		if len(has) > 1 {
			return nil, failf(kerr.InvalidRequest, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId")
		}
		return ipQuotaLimits, nil
	}
	return userQuotaLimits, nil
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	looksNumeric := !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	return !looksNumeric && !strings.ContainsFunc(s, func(r rune) bool { return !isTopicRune(r) })
}

func checkQuota(limits map[string]float64, key string, value float64) error {
	limit, ok := limits[key]
	switch {
	case !ok:
		return failf(kerr.InvalidRequest, "Invalid configuration key %s", key)
	case value <= 0 || math.IsNaN(value):
		return failf(kerr.InvalidRequest, "Quota %s must be greater than 0", key)
	case limit == math.MaxInt32 && value > limit:
		return failf(kerr.InvalidRequest, "Proposed value for %s is too large for an INT.", key)
	case limit > 0 && value > limit:
		return failf(kerr.InvalidRequest, "Proposed value for %s is too large for a LONG.", key)
	case limit > 0 && math.Abs(math.Mod(value, 1)) > 1e-6:
		return failf(kerr.InvalidRequest, "%s cannot be a fractional value.", key)
	}
	return nil
}

// entityName is an entity as Apache Kafka's messages print it.
func entityName(entity []metadata.QuotaEntity) string {
	parts := make([]string, len(entity))
	for i, e := range entity {
		name := "null"
		if e.Name != nil {
			name = *e.Name
		}
		parts[i] = e.Type + "=" + name
	}
	return "ClientQuotaEntity(entries={" + strings.Join(parts, ", ") + "})"
}
