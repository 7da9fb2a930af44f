package metadata

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

func (b *Builder) setBroker(n *Broker) { put(&b.brokers, n.ID, n) }

// broker returns the registration after the records so far.
func (b *Builder) broker(id ident.BrokerID) *Broker {
	if c, ok := b.brokers[id]; ok {
		return c.value
	}
	return b.base.Broker(id)
}

func (b *Builder) changeBroker(id int32, epoch int64, edit func(*Broker)) error {
	old := b.broker(ident.BrokerID(id))
	if old == nil || old.Epoch != epoch {
		return fmt.Errorf("%w: broker %d is not registered with epoch %d", ErrReplay, id, epoch)
	}
	next := *old
	edit(&next)
	b.setBroker(&next)
	return nil
}

func (b *Builder) replayUnregister(r *record.UnregisterBrokerRecord) error {
	old := b.broker(ident.BrokerID(r.BrokerId))
	if old == nil || old.Epoch != r.BrokerEpoch {
		return fmt.Errorf("%w: broker %d is not registered with epoch %d", ErrReplay, r.BrokerId, r.BrokerEpoch)
	}
	drop(&b.brokers, old.ID)
	return nil
}

func (b *Builder) replayRegistrationChange(r *record.BrokerRegistrationChangeRecord) error {
	return b.changeBroker(r.BrokerId, r.BrokerEpoch, func(n *Broker) {
		if r.Fenced != 0 {
			n.Fenced = r.Fenced > 0
		}
		if r.InControlledShutdown != 0 {
			n.InControlledShutdown = true
		}
		if len(r.LogDirs) > 0 {
			n.Directories = sortedUUIDs(r.LogDirs)
		}
		if r.CordonedLogDirs != nil {
			n.CordonedDirectories = sortedUUIDs(r.CordonedLogDirs)
		}
	})
}

func (b *Builder) replayConfig(r *record.ConfigRecord) {
	res := ConfigResource{ConfigResourceType(r.ResourceType), r.ResourceName}
	if b.configs == nil {
		b.configs = make(map[ConfigResource]map[string]*string)
	}
	if b.configs[res] == nil {
		b.configs[res] = make(map[string]*string)
	}
	b.configs[res][r.Name] = r.Value
}

// dropConfig forgets all values of a resource, those that earlier records of this builder set included.
func (b *Builder) dropConfig(res ConfigResource) {
	delete(b.configs, res)
	if b.base.Config(res.Type, res.Name) == nil {
		return
	}
	if b.dropConfigs == nil {
		b.dropConfigs = make(map[ConfigResource]bool)
	}
	b.dropConfigs[res] = true
}

func (b *Builder) buildConfigs(next *Image, delta *Delta) {
	if len(b.configs)+len(b.dropConfigs) == 0 {
		return
	}
	changes := make(map[ConfigResource]change[map[string]string], len(b.configs)+len(b.dropConfigs))
	for res := range b.dropConfigs {
		changes[res] = change[map[string]string]{absent: true}
	}
	for res, edits := range b.configs {
		values := make(map[string]string, len(edits))
		if !b.dropConfigs[res] {
			maps.Copy(values, b.base.Config(res.Type, res.Name))
		}
		for key, value := range edits {
			if value == nil {
				delete(values, key)
			} else {
				values[key] = *value
			}
		}
		changes[res] = change[map[string]string]{value: values, absent: len(values) == 0}
	}
	next.configs = next.configs.with(changes)
	delta.ChangedConfigs = slices.SortedFunc(maps.Keys(changes), compareResources)
}

func (b *Builder) replayQuota(r *record.ClientQuotaRecord) {
	entity := make([]QuotaEntity, len(r.Entity))
	for i, e := range r.Entity {
		entity[i] = QuotaEntity{Type: e.EntityType, Name: e.EntityName}
	}
	key := keyOfQuota(entity)
	edit := b.quotas[key]
	if edit == nil {
		if b.quotas == nil {
			b.quotas = make(map[quotaKey]*quotaEdit)
		}
		edit = &quotaEdit{entity: sortedEntity(entity), values: make(map[string]float64)}
		if old, ok := b.base.quotas.get(key); ok {
			maps.Copy(edit.values, old.Values)
		}
		b.quotas[key] = edit
	}
	if r.Remove {
		delete(edit.values, r.Key)
	} else {
		edit.values[r.Key] = r.Value
	}
}

func (b *Builder) buildQuotas(next *Image, delta *Delta) {
	changes := make(map[quotaKey]change[*ClientQuota], len(b.quotas))
	for _, key := range slices.Sorted(maps.Keys(b.quotas)) {
		edit := b.quotas[key]
		q := &ClientQuota{Entity: edit.entity, Values: edit.values}
		changes[key] = change[*ClientQuota]{value: q, absent: len(q.Values) == 0}
		delta.ChangedQuotas = append(delta.ChangedQuotas, q)
	}
	next.quotas = next.quotas.with(changes)
}

func compareResources(a, b ConfigResource) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}

func compareScramKeys(a, b ScramKey) int {
	return cmp.Or(cmp.Compare(a.Mechanism, b.Mechanism), cmp.Compare(a.User, b.User))
}
