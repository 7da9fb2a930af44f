package transforms

import "github.com/kgo-project/kgo/connect"

func flattenPlugins() []*Plugin {
	return sided("Flatten", []connect.ConfigKey{
		defaulted("delimiter", "STRING", ".", "MEDIUM", "What stands between the names in the name of a flattened field.", nil),
	}, func(on side, s settings) (connect.Transform, error) {
		return &flatten{side: on, delimiter: s.Config["delimiter"]}, nil
	})
}

// flatten makes one level of nested structs or maps.
type flatten struct {
	side      side
	delimiter string
	cache     schemaCache
}

func (t *flatten) name(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + t.delimiter + name
}

func (t *flatten) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Data == nil {
		return r, nil
	}
	if v.Schema == nil {
		m, err := requireMap(v.Data, "flattening")
		if err != nil {
			return nil, err
		}
		out := connect.NewLinkedMap()
		err = t.fromMap(m, "", out)
		return t.side.with(r, nil, out), err
	}
	s, err := requireStruct(v.Data, "flattening")
	if err != nil {
		return nil, err
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		fields, err := fieldsOf(v.Schema)
		if err != nil {
			return nil, err
		}
		out := basics(v.Schema, connect.StructType)
		def, _ := v.Schema.Default.(*connect.Struct)
		return out, t.addFields(out, fields, "", v.Schema.Optional, def)
	})
	if err != nil {
		return nil, err
	}
	out := &connect.Struct{Schema: schema, Values: make([]any, 0, len(schema.Fields))}
	t.fromStruct(s.Schema, s, out)
	return t.side.with(r, schema, out), nil
}

func (t *flatten) fromMap(m *connect.Map, prefix string, out *connect.Map) error {
	for k, v := range m.All {
		key, _ := k.(string)
		name := t.name(prefix, key)
		if nested, ok := v.(*connect.Map); ok {
			if err := t.fromMap(nested, name, out); err != nil {
				return err
			}
			continue
		}
		if _, ok := typeOf(v); !ok && v != nil {
			return dataErrorf("Flatten transformation was passed a value of type class %s which is not supported by Connect's data API", className(v))
		}
		out.Set(name, v)
	}
	return nil
}

func (t *flatten) addFields(out *connect.Schema, fields []connect.Field, prefix string, optional bool, def *connect.Struct) error {
	for _, f := range fields {
		name := t.name(prefix, f.Name)
		isOptional, fieldDefault := optional || f.Schema.Optional, f.Schema.Default
		if fieldDefault == nil && def != nil {
			fieldDefault, _ = def.Get(f.Name)
		}
		switch f.Schema.Type {
		case connect.MapType:
			return dataErrorf("Flatten transformation does not support %s for record with schemas (for field %s).", f.Schema.Type.Java(), name)
		case connect.StructType:
			nested, _ := fieldDefault.(*connect.Struct)
			if err := t.addFields(out, f.Schema.Fields, name, isOptional, nested); err != nil {
				return err
			}
		default:
			fs := *f.Schema
			fs.Optional, fs.Default = isOptional, fieldDefault
			if err := addField(out, name, &fs); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromStruct appends the values of a struct; s is nil where there is none.
func (t *flatten) fromStruct(schema *connect.Schema, s, out *connect.Struct) {
	for i, f := range schema.Fields {
		var v any
		if s != nil {
			v = get(s, i, true)
		}
		if f.Schema.Type == connect.StructType {
			nested, _ := v.(*connect.Struct)
			t.fromStruct(f.Schema, nested, out)
			continue
		}
		out.Values = append(out.Values, v)
	}
}
