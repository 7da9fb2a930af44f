package opt

import (
	"slices"
	"strings"
)

// Suggest returns the option of the spec that was probably meant by a wrong name, or an empty string: an abbreviation of just
// one option, the same letters in another case, or a slip of the keyboard.
func Suggest(spec *Spec, wrong string) string {
	names := make([]string, 0, len(spec.Options))
	for i := range spec.Options {
		if o := &spec.Options[i]; o.Extra || !o.hidden() {
			names = append(names, spec.Options[i].Name)
		}
	}
	return Closest(wrong, names)
}

// Closest returns the name that a mistyped word was probably meant to be, or an empty string.
func Closest(wrong string, names []string) string {
	var prefixed, best string
	count, bestDistance := 0, 1+len(wrong)/4
	lower := strings.ToLower(wrong)
	for _, name := range names {
		if strings.EqualFold(name, wrong) {
			return name
		}
		if len(wrong) >= 2 && strings.HasPrefix(name, lower) {
			prefixed = name
			count++
		}
		if d := distance(lower, name); d <= bestDistance && d < len(wrong) && (d < bestDistance || best == "") {
			best, bestDistance = name, d
		}
	}
	if count == 1 {
		return prefixed
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}

// closestAll returns every name that is nearest to a mistyped word, as the usage-line tools list them: insertions are cheap,
// deletions dear, and nothing further away than six is offered.
func closestAll(wrong string, names []string) []string {
	const limit = 7
	best := limit
	var found []string
	for _, name := range names {
		bare := strings.TrimLeft(name, "-")
		d := 0
		if !strings.HasPrefix(bare, wrong) {
			d = weighted(wrong, bare)
		}
		switch {
		case d < best:
			best, found = d, []string{name}
		case d == best && d < limit:
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// weighted is the edit distance with a swap for 0, a replacement for 2, an insertion for 1 and a deletion for 4, but for 1 at the beginning of
// the word: so the originals' library counts.
func weighted(a, b string) int {
	row0, row1, row2 := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row1 {
		row1[j] = j
	}
	for i := range len(a) {
		row2[0] = i + 1
		for j := range len(b) {
			row2[j+1] = row1[j]
			if a[i] != b[j] {
				row2[j+1] += 2
			}
			if i > 0 && j > 0 && a[i-1] == b[j] && a[i] == b[j-1] {
				row2[j+1] = min(row2[j+1], row0[j-1])
			}
			row2[j+1] = min(row2[j+1], row1[j+1]+4, row2[j]+1)
		}
		row0, row1, row2 = row1, row2, row0
	}
	return row1[len(b)]
}

// Nearest returns the name at the least distance from a mistyped word, if that is no more than most, or an empty string. Of several it is the first.
func Nearest(wrong string, names []string, most int) string {
	best, bestDistance := "", most+1
	for _, name := range names {
		if d := len(name) - len(wrong); d > most || -d > most {
			continue
		}
		if d := distance(wrong, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}
