package metadata

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestPersistentMapBehavesLikeAMap compares with a built-in map, and old versions with what they were.
func TestPersistentMapBehavesLikeAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var m pmap[string, int]
	model := map[string]int{}
	type version struct {
		m     pmap[string, int]
		model map[string]int
	}
	var versions []version
	for round := range 200 {
		changes := map[string]change[int]{}
		for range rnd.IntN(40) {
			key := strconv.Itoa(rnd.IntN(500))
			if rnd.IntN(3) == 0 {
				changes[key] = change[int]{absent: true}
				delete(model, key)
			} else {
				changes[key] = change[int]{value: round}
				model[key] = round
			}
		}
		m = m.with(changes)
		versions = append(versions, version{m, maps.Clone(model)})
	}
	for i, v := range versions {
		if v.m.len() != len(v.model) || !maps.Equal(maps.Collect(v.m.all()), v.model) {
			t.Fatalf("version %d differs from the model", i)
		}
		for key, want := range v.model {
			if got, ok := v.m.get(key); !ok || got != want {
				t.Fatalf("version %d: %s is %d, %t; want %d", i, key, got, ok, want)
			}
		}
		if got, want := v.m.sortedKeys(compareStrings), slices.Sorted(maps.Keys(v.model)); !slices.Equal(got, want) {
			t.Fatalf("version %d: keys %v, want %v", i, got, want)
		}
	}
}

func TestOrderedMapKeepsOrderAndOldVersions(t *testing.T) {
	var m orderedMap[int, string]
	a := m.with(map[int]change[string]{3: {value: "c"}, 1: {value: "a"}})
	b := a.with(map[int]change[string]{2: {value: "b"}, 3: {absent: true}})
	if got := slices.Collect(a.values()); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("first version: %v", got)
	}
	if got := slices.Collect(b.values()); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("second version: %v", got)
	}
	if _, ok := b.get(3); ok {
		t.Error("a deleted key is still there")
	}
}
