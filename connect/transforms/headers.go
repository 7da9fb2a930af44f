package transforms

import (
	"slices"

	"github.com/kgo-project/kgo/connect"
)

func dropHeadersPlugins() []*Plugin {
	return plain("DropHeaders", []connect.ConfigKey{
		required("headers", "LIST", "HIGH", "The names of the headers to remove.", filledList("headers")),
	}, func(s settings) (connect.Transform, error) { return dropHeaders(s.List("headers")), nil })
}

// dropHeaders removes headers by their names.
type dropHeaders []string

func (t dropHeaders) Apply(r *connect.Record) (*connect.Record, error) {
	c := *r
	c.Headers = nil
	for _, h := range r.Headers {
		if !slices.Contains(t, h.Key) {
			c.Headers = append(c.Headers, h)
		}
	}
	return &c, nil
}

func insertHeaderPlugins() []*Plugin {
	return plain("InsertHeader", []connect.ConfigKey{
		required("header", "STRING", "HIGH", "The header's name.", nil),
		required("value.literal", "STRING", "HIGH", "The header's value, whose type is found from how it is written.", nil),
	}, func(s settings) (connect.Transform, error) {
		return &insertHeader{connect.Header{Key: s.Config["header"], Value: connect.ParseValue(s.Config["value.literal"])}}, nil
	})
}

// insertHeader adds a header with a fixed value.
type insertHeader struct{ header connect.Header }

func (t *insertHeader) Apply(r *connect.Record) (*connect.Record, error) {
	c := r.Clone()
	c.Headers = append(c.Headers, t.header)
	return c, nil
}

func headerFromPlugins() []*Plugin {
	return sided("HeaderFrom", []connect.ConfigKey{
		required("fields", "LIST", "HIGH", "The fields whose values become headers.", nonEmptyList),
		required("headers", "LIST", "HIGH", "The headers' names, in the order of the fields.", nonEmptyList),
		required("operation", "STRING", "HIGH", "copy leaves the fields where they are, move removes them.", connect.ExactlyOneOf("move", "copy")),
		replaceNullKey(),
	}, func(on side, s settings) (connect.Transform, error) {
		t := &headerFrom{side: on, fields: s.List("fields"), headers: s.List("headers"), move: s.Config["operation"] == "move", replaceNull: s.replaceNull()}
		if len(t.fields) != len(t.headers) {
			return nil, configError("'fields' config must have the same number of elements as 'headers' config.")
		}
		return t, nil
	})
}

// headerFrom makes headers of fields.
type headerFrom struct {
	side            side
	fields, headers []string
	move            bool
	replaceNull     bool
	cache           schemaCache
}

func (t *headerFrom) Apply(r *connect.Record) (*connect.Record, error) {
	v := t.side.of(r)
	if v.Schema == nil {
		return t.schemaless(r, v.Data)
	}
	value, err := requireStruct(v.Data, "header move")
	if err != nil {
		return nil, err
	}
	c := r.Clone()
	for i, name := range t.fields {
		at := v.Schema.Field(name)
		if at < 0 {
			return nil, &connect.DataError{Class: "java.lang.NullPointerException", Text: `Cannot invoke "org.apache.kafka.connect.data.Field.schema()" because the return value of "org.apache.kafka.connect.data.Schema.field(String)" is null`}
		}
		c.Headers = append(c.Headers, connect.Header{Key: t.headers[i], Value: connect.Value{Schema: v.Schema.Fields[at].Schema, Data: get(value, at, t.replaceNull)}})
	}
	if !t.move {
		return c, nil
	}
	schema, err := t.cache.get(v.Schema, func() (*connect.Schema, error) {
		out := basics(v.Schema, connect.StructType)
		for _, f := range v.Schema.Fields {
			if !slices.Contains(t.fields, f.Name) {
				out.Fields = append(out.Fields, f)
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	out := connect.NewStruct(schema)
	for i, f := range schema.Fields {
		out.Values[i] = get(value, v.Schema.Field(f.Name), t.replaceNull)
	}
	return t.side.with(c, schema, out), nil
}

func (t *headerFrom) schemaless(r *connect.Record, data any) (*connect.Record, error) {
	value, err := requireMap(data, "header move")
	if err != nil {
		return nil, err
	}
	c := r.Clone()
	updated := value.Copied()
	for i, name := range t.fields {
		field, _ := value.Get(name)
		if t.move {
			updated.Delete(name)
		}
		c.Headers = append(c.Headers, connect.Header{Key: t.headers[i], Value: connect.Value{Data: field}})
	}
	return t.side.with(c, nil, updated), nil
}
