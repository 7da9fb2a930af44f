package transforms

import (
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/kgo-project/kgo/connect"
)

// regexTimeout bounds what a bad pattern may take, as backtracking can be endless.
const regexTimeout = 5 * time.Second

// compileRegex compiles a Java pattern that has to match a whole text.
func compileRegex(pattern string) (*regexp2.Regexp, error) {
	if _, err := regexp2.Compile(pattern, regexp2.None); err != nil {
		return nil, err
	}
	r, err := regexp2.Compile(`\A(?:`+pattern+`)\z`, regexp2.None)
	if err == nil {
		r.MatchTimeout = regexTimeout
	}
	return r, err
}

// replacement writes a Java replacement: $1 and ${name} are groups, a backslash takes away the meaning of what follows.
func replacement(template string, m *regexp2.Match) (string, error) {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		switch c := template[i]; c {
		case '\\':
			if i++; i == len(template) {
				return "", illegal("character to be escaped is missing")
			}
			b.WriteByte(template[i])
		case '$':
			i++
			switch {
			case i == len(template):
				return "", illegal("Illegal group reference: group index is missing")
			case template[i] == '{':
				name, _, closed := strings.Cut(template[i+1:], "}")
				if !closed {
					return "", illegal("named capturing group is missing trailing '}'")
				}
				g := m.GroupByName(name)
				if g == nil {
					return "", illegal("No group with name {" + name + "}")
				}
				b.WriteString(g.String())
				i += len(name) + 1
			case template[i] >= '0' && template[i] <= '9':
				n := int(template[i] - '0')
				if n >= m.GroupCount() {
					return "", &connect.DataError{Class: "java.lang.IndexOutOfBoundsException", Text: "No group " + template[i:i+1]}
				}
				for i+1 < len(template) && template[i+1] >= '0' && template[i+1] <= '9' && n*10+int(template[i+1]-'0') < m.GroupCount() {
					i++
					n = n*10 + int(template[i]-'0')
				}
				b.WriteString(m.GroupByNumber(n).String())
			default:
				return "", illegal("Illegal group reference")
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}
