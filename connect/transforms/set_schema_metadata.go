package transforms

import (
	"strconv"

	"github.com/kgo-project/kgo/connect"
)

func setSchemaMetadataPlugins() []*Plugin {
	return sided("SetSchemaMetadata", []connect.ConfigKey{
		optional("schema.name", "STRING", "HIGH", "The schema's new name.", nil),
		optional("schema.version", "INT", "HIGH", "The schema's new version.", nil),
		replaceNullKey(),
	}, func(on side, s settings) (connect.Transform, error) {
		t := &setSchemaMetadata{side: on, replaceNull: s.replaceNull()}
		name, named := s.Config["schema.name"]
		if named {
			t.name = &name
		}
		if text, ok := s.Config["schema.version"]; ok {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return nil, err
			}
			t.version = new(int32(n))
		}
		if t.name == nil && t.version == nil {
			return nil, configError("Neither schema name nor version configured")
		}
		return t, nil
	})
}

// setSchemaMetadata gives a schema another name or version.
type setSchemaMetadata struct {
	side        side
	name        *string
	version     *int32
	replaceNull bool
	cache       schemaCache
}

func (t *setSchemaMetadata) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		if v.Data == nil {
			return r, nil
		}
		return nil, dataErrorf("Schema required for [updating schema metadata]")
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		if _, err := fieldsOf(v.Schema); err != nil {
			return nil, err
		}
		out := *v.Schema
		if t.name != nil {
			out.Name = *t.name
		}
		if t.version != nil {
			out.Version = t.version
		}
		return &out, nil
	})
	if err != nil {
		return nil, err
	}
	s, ok := v.Data.(*connect.Struct)
	if !ok {
		return t.side.with(r, schema, v.Data), nil
	}
	out := connect.NewStruct(schema)
	for i := range schema.Fields {
		out.Values[i] = get(s, i, t.replaceNull)
	}
	return t.side.with(r, schema, out), nil
}
