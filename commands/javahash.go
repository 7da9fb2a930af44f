package commands

import (
	"math"
	"slices"
	"strconv"
	"strings"
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

// javaSizedOrder is the same for a HashMap that was made for the number of its keys.
func javaSizedOrder(keys []string) []string {
	size := 1
	for size < len(keys) {
		size *= 2
	}
	if len(keys) > size*3/4 {
		size *= 2
	}
	return javaTableOrder(keys, size)
}

// javaOrder is javaHashOrder for one list of keys after the other, most of which are the same: it keeps the last order.
type javaOrder struct {
	keys []string
	at   []int
}

// of returns the indices of n keys in the order of a HashMap. The result is valid until the next call.
func (o *javaOrder) of(n int, key func(int) string) []int {
	same := len(o.keys) == n
	for i := 0; same && i < n; i++ {
		same = o.keys[i] == key(i)
	}
	if same {
		return o.at
	}
	o.keys, o.at = make([]string, n), make([]int, n)
	index := make(map[string]int, n)
	for i := range n {
		o.keys[i] = key(i)
		index[o.keys[i]] = i
	}
	for i, k := range javaHashOrder(o.keys) {
		o.at[i] = index[k]
	}
	return o.at
}

func javaTableOrder(keys []string, size int) []string {
	buckets := make(map[string]int, len(keys))
	for _, k := range keys {
		buckets[k] = javaBucket(k, size)
	}
	out := slices.Clone(keys)
	slices.SortStableFunc(out, func(a, b string) int { return buckets[a] - buckets[b] })
	return out
}

func javaBucket(s string, size int) int {
	var h uint32
	for _, c := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(c)
	}
	return int((h ^ h>>16) & uint32(size-1))
}

// javaDouble prints a number as java.lang.Double.toString does.
func javaDouble(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") && !strings.ContainsAny(s, "IN") {
		s += ".0"
	}
	return s
}
