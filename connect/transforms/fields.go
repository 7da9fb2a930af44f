package transforms

import (
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

func hoistFieldPlugins() []*Plugin {
	return sided("HoistField", []connect.ConfigKey{
		required("field", "STRING", "MEDIUM", "The name of the only field of the struct or map that is made around the data.", nil),
	}, func(on side, s settings) (connect.Transform, error) {
		return &hoistField{side: on, field: s.Config["field"]}, nil
	})
}

// hoistField wraps data in a struct or map.
type hoistField struct {
	side  side
	field string
	cache schemaCache
}

func (t *hoistField) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		m := connect.NewMap()
		m.Set(t.field, v.Data)
		return t.side.with(r, nil, m), nil
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		out := &connect.Schema{Type: connect.StructType}
		return out, addField(out, t.field, v.Schema)
	})
	if err != nil {
		return nil, err
	}
	return t.side.with(r, schema, &connect.Struct{Schema: schema, Values: []any{v.Data}}), nil
}

func extractFieldPlugins() []*Plugin {
	return sided("ExtractField", []connect.ConfigKey{
		required("field", "STRING", "MEDIUM", "The field that takes the place of the data.", nil),
		replaceNullKey(),
		defaulted("field.syntax.version", "STRING", "V1", "HIGH", "V1: field is a name. V2: it may be a path, its names separated by dots and quoted by backticks where they have dots.", connect.OneOf("V1", "V2")),
	}, func(on side, s settings) (connect.Transform, error) {
		path, err := parsePath(s.Config["field"], strings.EqualFold(s.Config["field.syntax.version"], "V2"))
		return &extractField{side: on, original: s.Config["field"], path: path, replaceNull: s.replaceNull()}, err
	})
}

// extractField replaces data by one of its fields.
type extractField struct {
	side        side
	original    string
	path        []string
	replaceNull bool
}

func (t *extractField) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		m, err := requireMapOrNull(v.Data, "field extraction")
		if err != nil || m == nil {
			return t.side.with(r, nil, nil), err
		}
		value, err := mapField(m, t.path)
		return t.side.with(r, nil, value), err
	}
	s, err := requireStructOrNull(v.Data, "field extraction")
	if err != nil {
		return nil, err
	}
	schema, err := schemaField(v.Schema, t.path)
	if err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, illegal("Unknown field: " + t.original)
	}
	if s == nil {
		return t.side.with(r, schema, nil), nil
	}
	value, err := structField(s, t.path, t.replaceNull)
	return t.side.with(r, schema, value), err
}

func replaceFieldPlugins() []*Plugin {
	return sided("ReplaceField", []connect.ConfigKey{
		defaulted("exclude", "LIST", "", "MEDIUM", "The fields to leave out; it wins over include.", nil),
		defaulted("include", "LIST", "", "MEDIUM", "The fields to keep; all if there are none.", nil),
		defaulted("renames", "LIST", "", "MEDIUM", "Fields to rename, each as old:new.", validRenames),
		replaceNullKey(),
	}, func(on side, s settings) (connect.Transform, error) {
		t := &replaceField{side: on, exclude: s.List("exclude"), include: s.List("include"), renames: map[string]string{}, reverse: map[string]string{}, replaceNull: s.replaceNull()}
		for _, one := range s.List("renames") {
			from, to, _ := strings.Cut(one, ":")
			t.renames[from] = to
		}
		for from, to := range t.renames {
			t.reverse[to] = from
		}
		return t, nil
	})
}

func validRenames(v string) error {
	for _, one := range connect.SplitList(v) {
		if strings.Count(one, ":") != 1 || strings.HasSuffix(one, ":") {
			return &badRename{one}
		}
	}
	return nil
}

type badRename struct{ mapping string }

func (e *badRename) Error() string { return "Invalid rename mapping: " + e.mapping }

// replaceField leaves out and renames fields.
type replaceField struct {
	side             side
	exclude, include []string
	renames, reverse map[string]string
	replaceNull      bool
	cache            schemaCache
}

func (t *replaceField) keeps(name string) bool {
	return !slices.Contains(t.exclude, name) && (len(t.include) == 0 || slices.Contains(t.include, name))
}

func (t *replaceField) renamed(name string) string {
	if to, ok := t.renames[name]; ok {
		return to
	}
	return name
}

func (t *replaceField) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Data == nil {
		return r, nil
	}
	if v.Schema == nil {
		m, err := requireMap(v.Data, "field replacement")
		if err != nil {
			return nil, err
		}
		out := connect.NewMapSized(m.Len())
		for k, value := range m.All {
			if name, ok := k.(string); ok && t.keeps(name) {
				out.Set(t.renamed(name), value)
			}
		}
		return t.side.with(r, nil, out), nil
	}
	s, err := requireStruct(v.Data, "field replacement")
	if err != nil {
		return nil, err
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		out := basics(v.Schema, connect.StructType)
		for _, f := range v.Schema.Fields {
			if t.keeps(f.Name) {
				if err := addField(out, t.renamed(f.Name), f.Schema); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	out := connect.NewStruct(schema)
	for i, f := range schema.Fields {
		from := f.Name
		if old, ok := t.reverse[from]; ok {
			from = old
		}
		at := s.Schema.Field(from)
		if at < 0 {
			return nil, dataErrorf("%s is not a valid field name", from)
		}
		out.Values[i] = get(s, at, t.replaceNull)
	}
	return t.side.with(r, schema, out), nil
}

func valueToKeyPlugins() []*Plugin {
	return plain("ValueToKey", []connect.ConfigKey{
		required("fields", "LIST", "HIGH", "The fields of the value that make up the key.", filledList("fields")),
		replaceNullKey(),
	}, func(s settings) (connect.Transform, error) {
		return &valueToKey{fields: s.List("fields"), replaceNull: s.replaceNull()}, nil
	})
}

// valueToKey makes the key of fields of the value.
type valueToKey struct {
	fields      []string
	replaceNull bool
	cache       schemaCache
}

const toKey = "copying fields from value to key"

func (t *valueToKey) Apply(r *connect.Record) (*connect.Record, error) {
	if r.Value.Schema == nil {
		m, err := requireMap(r.Value.Data, toKey)
		if err != nil {
			return nil, err
		}
		key := connect.NewMapSized(len(t.fields))
		for _, name := range t.fields {
			v, _ := m.Get(name)
			key.Set(name, v)
		}
		return keySide.with(r, nil, key), nil
	}
	s, err := requireStruct(r.Value.Data, toKey)
	if err != nil {
		return nil, err
	}
	schema, err := t.cache.get(s.Schema, func() (*connect.Schema, error) {
		out := &connect.Schema{Type: connect.StructType}
		for _, name := range t.fields {
			if out.Field(name) >= 0 {
				continue
			}
			i := s.Schema.Field(name)
			if i < 0 {
				return nil, dataErrorf("Field does not exist: %s", name)
			}
			if err := addField(out, name, s.Schema.Fields[i].Schema); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	key := connect.NewStruct(schema)
	for i, f := range schema.Fields {
		key.Values[i] = get(s, s.Schema.Field(f.Name), t.replaceNull)
	}
	return keySide.with(r, schema, key), nil
}
