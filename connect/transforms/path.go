package transforms

import (
	"fmt"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// parsePath reads a field's path. Without nested it is one name. With it dots separate names; a name in backticks may have dots,
// and a backslash before a backtick makes it an ordinary character.
func parsePath(path string, nested bool) ([]string, error) {
	if !nested || !strings.ContainsAny(path, ".`") {
		if nested && path == "" {
			return nil, nil
		}
		return []string{path}, nil
	}
	var steps []string
	for i := 0; i <= len(path); {
		if i == len(path) {
			break
		}
		if path[i] != '`' {
			end := strings.IndexByte(path[i:], '.')
			if end < 0 {
				steps = append(steps, unescape(path[i:]))
				break
			}
			steps = append(steps, unescape(path[i:i+end]))
			i += end + 1
			continue
		}
		end := closing(path, i+1)
		if end < 0 {
			return nil, configError(fmt.Sprintf("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", path, i))
		}
		steps = append(steps, unescape(path[i+1:end]))
		i = end + 2
	}
	return steps, nil
}

// closing finds the backtick that ends a quoted name: it has a dot or nothing after it.
func closing(path string, from int) int {
	for i := from; i < len(path); i++ {
		if path[i] == '`' && path[i-1] != '\\' && (i+1 == len(path) || path[i+1] == '.') {
			return i
		}
	}
	return -1
}

func unescape(s string) string { return strings.ReplaceAll(s, "\\`", "`") }

const nestedAccess = "nested field access"

func mapField(m *connect.Map, path []string) (any, error) {
	if len(path) == 0 {
		return nil, noPath
	}
	for _, step := range path[:len(path)-1] {
		v, _ := m.Get(step)
		next, err := requireMapOrNull(v, nestedAccess)
		if err != nil || next == nil {
			return nil, err
		}
		m = next
	}
	v, _ := m.Get(path[len(path)-1])
	return v, nil
}

func structField(s *connect.Struct, path []string, replaceNull bool) (any, error) {
	for n, step := range path {
		i := s.Schema.Field(step)
		if i < 0 {
			return nil, dataErrorf("%s is not a valid field name", step)
		}
		v := get(s, i, replaceNull)
		if n == len(path)-1 {
			return v, nil
		}
		next, err := requireStructOrNull(v, nestedAccess)
		if err != nil || next == nil {
			return nil, err
		}
		s = next
	}
	return nil, noPath
}

// noPath is what Java says of an empty path with field.syntax.version=V2.
var noPath = illegal("fromIndex(0) > toIndex(-1)")

// schemaField returns nil if there is no such field.
func schemaField(s *connect.Schema, path []string) (*connect.Schema, error) {
	for _, step := range path {
		if s.Type != connect.StructType {
			return nil, dataErrorf("Cannot look up fields on non-struct type")
		}
		i := s.Field(step)
		if i < 0 {
			return nil, nil
		}
		s = s.Fields[i].Schema
	}
	return s, nil
}
