package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// codeWriter writes the Go code of messages: for each struct its type, defaults, append, read and JSON methods.
type codeWriter struct {
	bytes.Buffer
	msg *message // the message being written
}

func (g *codeWriter) p(form string, args ...any) { fmt.Fprintf(&g.Buffer, form+"\n", args...) }

// cutFamily splits "group-key" into the file it goes to and its role.
func cutFamily(family string) (file, role string, ok bool) {
	return strings.Cut(family, "-")
}

func (g *codeWriter) message(m *message) error {
	g.msg = m
	g.p("// %s is Kafka's message of this name, versions %s.", m.name, m.valid)
	if err := g.structure(m.name, m.fields); err != nil {
		return err
	}
	g.p("// New%s returns a %s with Kafka's default values.", m.name, m.name)
	g.p("func New%s() *%s { m := new(%s); m.setDefaults(); return m }\n", m.name, m.name, m.name)
	g.p("func (*%s) MessageName() string { return %q }", m.name, m.name)
	g.p("func (*%s) APIKey() int16 { return %d }", m.name, m.key)
	g.p("func (*%s) VersionRange() (lowest, highest int16) { return %d, %d }", m.name, m.valid.lo, m.valid.hi)
	g.p("func (m *%s) AppendTo(dst []byte, version int16) ([]byte, error) { return appendMessage(dst, m, version) }", m.name)
	g.p("func (m *%s) ReadFrom(src []byte, version int16) ([]byte, error) { return readMessage(src, m, version) }", m.name)
	g.p("func (m *%s) AppendJSON(dst []byte, version int16) []byte { return appendMessageJSON(dst, m, version) }\n", m.name)
	for _, s := range m.structs {
		if err := g.nested(s.name, s.fields); err != nil {
			return err
		}
	}
	return nil
}

func (g *codeWriter) nested(name string, fields []*field) error {
	g.p("// %s%s is the struct %s of %s.", g.msg.name, name, name, g.msg.name)
	return g.structure(g.msg.name+name, fields)
}

func (g *codeWriter) structure(name string, fields []*field) error {
	g.p("type %s struct {", name)
	for _, f := range fields {
		g.p("%s %s %s", f.name, g.goType(f), fieldNote(f))
	}
	if g.flexible() != "false" {
		g.p("UnknownTags []UnknownTag")
	}
	g.p("}\n")
	if err := g.defaults(name, fields); err != nil {
		return err
	}
	if err := g.appendMethod(name, fields); err != nil {
		return err
	}
	g.readMethod(name, fields)
	g.jsonMethod(name, fields)
	for _, f := range fields {
		if len(f.fields) > 0 {
			if err := g.nested(f.element(), f.fields); err != nil {
				return err
			}
		}
	}
	return nil
}

func fieldNote(f *field) string {
	var notes []string
	if f.present.lo > 0 || f.present.hi != math.MaxInt16 {
		notes = append(notes, "versions "+f.present.String())
	}
	if f.tag >= 0 {
		notes = append(notes, fmt.Sprintf("tag %d", f.tag))
	}
	if f.everNullable() {
		notes = append(notes, "nil is null")
	}
	if f.hasDefault && f.def != "null" && f.def != "0" && f.def != "false" {
		notes = append(notes, "default "+f.def)
	}
	if len(notes) == 0 {
		return ""
	}
	return "// " + strings.Join(notes, "; ")
}

var goTypes = map[string]string{
	"bool": "bool", "int8": "int8", "int16": "int16", "uint16": "uint16", "int32": "int32", "int64": "int64",
	"float64": "float64", "string": "string", "uuid": "ident.UUID", "bytes": "[]byte",
}

func (g *codeWriter) elementType(typ string) string {
	if t, ok := goTypes[typ]; ok {
		return t
	}
	return g.msg.name + typ
}

func (g *codeWriter) goType(f *field) string {
	t := g.elementType(f.element())
	switch {
	case f.isArray():
		return "[]" + t
	case f.everNullable() && f.typ != "bytes":
		return "*" + t
	}
	return t
}

// when is the Go condition "version is in v" within the message's versions.
func (g *codeWriter) when(v versions) string {
	v = v.and(g.msg.valid)
	switch {
	case v.empty():
		return "false"
	case v.covers(g.msg.valid):
		return "true"
	case v.hi >= g.msg.valid.hi:
		return fmt.Sprintf("version >= %d", v.lo)
	case v.lo <= g.msg.valid.lo:
		return fmt.Sprintf("version <= %d", v.hi)
	}
	return fmt.Sprintf("version >= %d && version <= %d", v.lo, v.hi)
}

func (g *codeWriter) flexible() string { return g.when(g.msg.flexible) }

// inVersions writes body under the condition that version is in v, and otherwise, where given, in the other versions.
func (g *codeWriter) inVersions(v versions, body func(), otherwise func()) {
	cond := g.when(v)
	switch cond {
	case "true":
		body()
		return
	case "false":
		if otherwise != nil {
			otherwise()
		}
		return
	}
	g.p("if %s {", cond)
	body()
	if otherwise != nil {
		g.p("} else {")
		otherwise()
	}
	g.p("}")
}

func (g *codeWriter) defaults(name string, fields []*field) error {
	g.p("func (m *%s) setDefaults() {\n*m = %s{}", name, name)
	for _, f := range fields {
		value, err := g.defaultValue(f)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
		if value != "" {
			g.p("m.%s = %s", f.name, value)
		}
		if f.isStruct() && !f.isArray() && f.def != "null" {
			g.p("m.%s.setDefaults()", f.name)
		}
	}
	g.p("}\n")
	return nil
}

// defaultValue is the Go expression of a default that is not the zero value; "" otherwise.
func (g *codeWriter) defaultValue(f *field) (string, error) {
	switch {
	case f.def == "null":
		if !f.everNullable() {
			return "", errors.New("default null, but not nullable")
		}
		return "", nil
	case f.isArray():
		if f.everNullable() {
			return g.goType(f) + "{}", nil
		}
	case f.typ == "string" && f.everNullable():
		return fmt.Sprintf("new(%q)", f.def), nil
	case f.typ == "bytes" && f.everNullable():
		return "[]byte{}", nil
	case f.isStruct() && f.everNullable():
		return fmt.Sprintf("new(%s)", g.elementType(f.typ)), nil
	case f.typ == "string" && f.def != "":
		return strconv.Quote(f.def), nil
	case f.typ == "bool" && f.def == "true":
		return "true", nil
	case strings.Contains(f.typ, "int") && f.hasDefault:
		n, err := strconv.ParseInt(f.def, 0, 64)
		if err != nil || n == 0 {
			return "", err
		}
		return strconv.FormatInt(n, 10), nil
	case f.typ == "float64" && f.hasDefault:
		return f.def, nil
	}
	return "", nil
}

// differs is the Go condition that the field does not hold its default; Kafka leaves such a tagged field out.
func (g *codeWriter) differs(f *field) (string, error) {
	value, err := g.defaultValue(f)
	if err != nil {
		return "", err
	}
	name := "m." + f.name
	switch {
	case f.isStruct() && !f.isArray() && !f.everNullable():
		return "", fmt.Errorf("field %s: a tagged or versioned struct has to be nullable", f.name)
	case f.everNullable() && value == "":
		return name + " != nil", nil
	case f.everNullable() && f.isStruct() && !f.isArray():
		return fmt.Sprintf("differsFromDefault(%s)", name), nil
	case f.everNullable() && f.typ == "string":
		return fmt.Sprintf("(%s == nil || *%s != %q)", name, name, f.def), nil
	case f.isArray() || f.typ == "bytes":
		if f.everNullable() {
			return fmt.Sprintf("(%s == nil || len(%s) > 0)", name, name), nil
		}
		return fmt.Sprintf("len(%s) > 0", name), nil
	case f.typ == "bool" && value == "true":
		return "!" + name, nil
	case f.typ == "bool":
		return name, nil
	case f.typ == "uuid":
		return "!" + name + ".IsZero()", nil
	case value == "" && f.typ == "string":
		value = `""`
	case value == "":
		value = "0"
	}
	return name + " != " + value, nil
}

// taggedFields returns the tagged fields, lowest tag first.
func taggedFields(fields []*field) []*field {
	var tagged []*field
	for _, f := range fields {
		if f.tag >= 0 {
			tagged = append(tagged, f)
		}
	}
	slices.SortFunc(tagged, func(a, b *field) int { return cmp.Compare(a.tag, b.tag) })
	return tagged
}

func (g *codeWriter) registry(all []*message) {
	families := map[string][]*message{}
	var names []string
	for _, m := range all {
		if families[m.family] == nil {
			names = append(names, m.family)
		}
		families[m.family] = append(families[m.family], m)
	}
	for _, family := range names {
		if family == "data" {
			continue // those have no key to look them up by
		}
		file, role, _ := cutFamily(family)
		fn := "new" + strings.ToUpper(file[:1]) + file[1:]
		if role != "" {
			fn += strings.ToUpper(role[:1]) + role[1:]
		}
		g.p("// %s returns an empty message of the family %s, nil for an unknown key.", fn, family)
		g.p("func %s(key int16) Message {\nswitch key {", fn)
		for _, m := range families[family] {
			g.p("case %d: return New%s()", m.key, m.name)
		}
		g.p("}\nreturn nil\n}\n")
	}
}
