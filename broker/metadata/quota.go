package metadata

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// quotaKey is a quota entity as a comparable value: its parts by type, lengths first so that no name can imitate another.
type quotaKey string

func keyOfQuota(entity []QuotaEntity) quotaKey {
	var b strings.Builder
	for _, e := range sortedEntity(entity) {
		b.WriteString(strconv.Itoa(len(e.Type)))
		b.WriteByte(':')
		b.WriteString(e.Type)
		if e.Name == nil {
			b.WriteByte('-')
			continue
		}
		b.WriteByte('=')
		b.WriteString(strconv.Itoa(len(*e.Name)))
		b.WriteByte(':')
		b.WriteString(*e.Name)
	}
	return quotaKey(b.String())
}

func sortedEntity(entity []QuotaEntity) []QuotaEntity {
	sorted := slices.Clone(entity)
	slices.SortStableFunc(sorted, func(a, b QuotaEntity) int { return cmp.Compare(a.Type, b.Type) })
	return sorted
}
