package opt

import "strings"

// The original wraps its texts with Java's line-break rules, which also allow a break after a hyphen, a dot or a colon inside
// a word. These are the rules as far as ASCII texts need them.
const (
	opening  = "([{$'"
	terminal = "!\"%),.:;?]}"
	symbols  = "#&*+/<=>@\\^_`|~"
	joining  = "!\"$%'),.:;?]} \n" // never begins a line after a terminal
)

// breakBefore reports whether a line may be broken before s[i].
func breakBefore(s string, i int) bool {
	prev, next := s[i-1], s[i]
	switch {
	case prev == '\n' || prev == '\t':
		return true
	case next == ' ' || next == '\n' || next == '\t':
		return false
	case prev == ' ':
		return true
	case prev == '-':
		if next == '-' || next == '$' || next == '\'' {
			return false
		}
		if i >= 2 && strings.IndexByte(terminal, s[i-2]) >= 0 { // a sign, not a hyphen
			return false
		}
		return !isDigit(next) || (i >= 2 && s[i-2] != ' ')
	case isDigit(prev) && strings.IndexByte(symbols, next) >= 0:
		return startsNumber(s, i-1)
	case strings.IndexByte(opening, prev) >= 0:
		return false
	case prev == '"' && (i < 2 || s[i-2] == ' '): // an opening quote
		return false
	case strings.IndexByte(terminal, prev) >= 0:
		if (prev == '.' || prev == ',') && isDigit(next) && i >= 2 && isDigit(s[i-2]) {
			return false
		}
		return strings.IndexByte(joining, next) < 0
	}
	return next == '(' || next == '[' || next == '{'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// words cuts a text into the pieces between which lines may be broken; blanks stay at the end of a piece.
func words(s string) []string {
	var out []string
	start := 0
	for i := 1; i < len(s); i++ {
		if breakBefore(s, i) {
			out = append(out, s[start:i])
			start = i
		}
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// startsNumber reports whether the digits that end at s[i] are a number of their own rather than the end of a word.
func startsNumber(s string, i int) bool {
	for i >= 0 && (isDigit(s[i]) || (s[i] == '.' || s[i] == ',') && i > 0 && isDigit(s[i-1])) {
		i--
	}
	if i > 0 && s[i] == '-' {
		i--
	}
	return i < 0 || s[i] == ' ' || strings.IndexByte(terminal, s[i]) >= 0
}
