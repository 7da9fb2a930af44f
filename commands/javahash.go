package commands

import (
	"slices"
	"unicode/utf16"
)

// javaHashOrder sorts strings into the order in which a java.util.HashMap lists them after they were put in one by one. The
// originals print some lists in that order, and it is the same on every run.
func javaHashOrder(keys []string) []string {
	size := 16
	for len(keys) > size*3/4 {
		size *= 2
	}
	return javaTableOrder(keys, size)
}

func javaTableOrder(keys []string, size int) []string {
	out := slices.Clone(keys)
	slices.SortStableFunc(out, func(a, b string) int { return javaBucket(a, size) - javaBucket(b, size) })
	return out
}

func javaBucket(s string, size int) int {
	var h uint32
	for _, c := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(c)
	}
	return int((h ^ h>>16) & uint32(size-1))
}
