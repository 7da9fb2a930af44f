package metadata

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// Diff finds by comparison what leads from old to next: for an image that came from a snapshot, and for a publisher that starts late.
func Diff(old, next *Image) *Delta {
	d := &Delta{Old: old, Snapshot: true}
	diffTopics(d, old, next)
	for _, id := range eitherKeys(old.brokers.keys, next.brokers.keys) {
		if a, b := old.Broker(id), next.Broker(id); a != b && !reflect.DeepEqual(a, b) {
			d.ChangedBrokers = append(d.ChangedBrokers, BrokerChange{ID: id, Old: a, New: b})
		}
	}
	for _, id := range eitherKeys(old.controllers.keys, next.controllers.keys) {
		if a, b := old.Controller(id), next.Controller(id); a != b && !reflect.DeepEqual(a, b) {
			d.ChangedControllers = append(d.ChangedControllers, id)
		}
	}
	for _, name := range eitherKeys(old.features.keys, next.features.keys) {
		if old.FeatureLevel(name) != next.FeatureLevel(name) {
			d.ChangedFeatures = append(d.ChangedFeatures, name)
		}
	}
	d.ChangedConfigs = diffKeys(old.configs, next.configs, compareResources, maps.Equal)
	d.ChangedScram = diffKeys(old.scram, next.scram, compareScramKeys, deepEqual)
	d.ChangedTokens = diffKeys(old.tokens, next.tokens, cmp.Compare, deepEqual)
	d.ChangedACLs = len(diffKeys(old.acls, next.acls, compareUUIDs, deepEqual)) > 0
	for _, key := range diffKeys(old.quotas, next.quotas, cmp.Compare, deepEqual) {
		q, ok := next.quotas.get(key)
		if !ok {
			gone, _ := old.quotas.get(key)
			q = &ClientQuota{Entity: gone.Entity}
		}
		d.ChangedQuotas = append(d.ChangedQuotas, q)
	}
	d.ChangedProducerIDs = old.producerIDs.Next != next.producerIDs.Next
	return d
}

func diffTopics(d *Delta, old, next *Image) {
	for _, t := range old.SortedTopics() {
		if next.TopicByID(t.ID) == nil {
			d.DeletedTopics = append(d.DeletedTopics, t)
		}
	}
	for _, t := range next.SortedTopics() {
		was := old.TopicByID(t.ID)
		if was == t {
			continue
		}
		change := TopicChange{Old: was, New: t}
		for i, p := range t.Partitions {
			if q := was.Partition(int32(i)); q == nil || !p.Equal(q) {
				change.Partitions = append(change.Partitions, int32(i))
			}
		}
		if was == nil || len(change.Partitions) > 0 {
			d.ChangedTopics = append(d.ChangedTopics, change)
		}
	}
}

// eitherKeys returns the keys that are in either list, ascending.
func eitherKeys[K cmp.Ordered](a, b []K) []K {
	keys := slices.Concat(a, b)
	slices.Sort(keys)
	return slices.Compact(keys)
}

func diffKeys[K comparable, V any](old, next pmap[K, V], compare func(a, b K) int, equal func(a, b V) bool) []K {
	var keys []K
	for k, v := range next.all() {
		if was, ok := old.get(k); !ok || !equal(was, v) {
			keys = append(keys, k)
		}
	}
	for k := range old.all() {
		if _, ok := next.get(k); !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compare)
	return keys
}

func deepEqual[V any](a, b V) bool { return reflect.DeepEqual(a, b) }

// Equal reports whether two images say the same about the cluster, whatever their provenance.
func (im *Image) Equal(other *Image) bool {
	return im == other || im.ClusterID == other.ClusterID && Diff(im, other).Empty()
}
