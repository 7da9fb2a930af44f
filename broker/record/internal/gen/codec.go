package main

import "fmt"

// This file writes the append, read and JSON methods; the functions that they call on writer, reader and jsonWriter are in package record.

func (g *codeWriter) appendMethod(name string, fields []*field) error {
	g.p("func (m *%s) append(w *writer, version int16) {", name)
	for _, f := range fields {
		if f.tag < 0 {
			var err error
			g.inVersions(f.present, func() { g.appendField(f) }, func() { err = g.refuse(f) })
			if err != nil {
				return err
			}
		} else if !f.tagged.and(g.msg.valid).covers(f.present.and(g.msg.valid)) {
			return fmt.Errorf("field %s is tagged in some versions only, which gen can't write", f.name)
		} else if err := g.refuseOutside(f); err != nil {
			return err
		}
	}
	if g.flexible() != "false" {
		g.inVersions(g.msg.flexible, func() { g.appendTags(fields) }, nil)
	}
	g.p("}\n")
	return nil
}

// refuse writes the check of a version that has no such field: data would be lost, unless the schema says that this is no loss.
func (g *codeWriter) refuse(f *field) error {
	if f.ignorable {
		return nil
	}
	cond, err := g.differs(f)
	if err == nil {
		g.p("if %s { w.refuse(%q, version) }", cond, f.name)
	}
	return err
}

func (g *codeWriter) refuseOutside(f *field) (err error) {
	if f.ignorable || g.when(f.present) == "true" {
		return nil
	}
	cond, err := g.differs(f)
	if err == nil {
		g.p("if !(%s) && %s { w.refuse(%q, version) }", g.when(f.present), cond, f.name)
	}
	return err
}

func (g *codeWriter) appendTags(fields []*field) {
	tagged := taggedFields(fields)
	if len(tagged) == 0 {
		g.p("w.tags(m.UnknownTags)")
		return
	}
	conds := make([]string, len(tagged))
	g.p("count := len(m.UnknownTags)")
	for i, f := range tagged {
		conds[i], _ = g.differs(f)
		if in := g.when(f.present); in != "true" {
			conds[i] = in + " && " + conds[i]
		}
		g.p("if %s { count++ }", conds[i])
	}
	g.p("w.uvarint(uint32(count))\nunknown := m.UnknownTags")
	for i, f := range tagged {
		g.p("if %s {", conds[i])
		g.p("unknown = w.tagsBelow(unknown, %d)\nmark := w.beginTag(%d)", f.tag, f.tag)
		g.appendField(f)
		g.p("w.endTag(mark)\n}")
	}
	g.p("w.tagsBelow(unknown, endOfTags)")
}

func (g *codeWriter) appendField(f *field) {
	value, flexible := "m."+f.name, g.flexible()
	switch {
	case f.isArray():
		if f.everNullable() {
			g.p("w.arrayLen(len(%s), %s == nil && w.nullable(%s, %q, version), %s)", value, value, g.when(f.nullable), f.name, flexible)
		} else {
			g.p("w.arrayLen(len(%s), false, %s)", value, flexible)
		}
		if f.isStruct() {
			g.p("for i := range %s { %s[i].append(w, version) }", value, value)
		} else {
			g.p("for _, e := range %s { w.%s }", value, call(f.element(), "e", flexible))
		}
	case f.isStruct() && f.everNullable() && f.tag >= 0: // the byte before a tagged struct is 0 or 1, before others -1 or 1
		g.p("if w.bool(%s != nil); %s != nil { %s.append(w, version) }", value, value, value)
	case f.isStruct() && f.everNullable():
		g.p("if w.present(%s != nil || !w.nullable(%s, %q, version)) { %s.append(w, version) }", value, g.when(f.nullable), f.name, value)
	case f.isStruct():
		g.p("%s.append(w, version)", value)
	case f.everNullable() && f.typ == "string":
		g.p("w.nullableString(%s, %s == nil && w.nullable(%s, %q, version), %s)", value, value, g.when(f.nullable), f.name, flexible)
	case f.everNullable():
		g.p("w.nullableBytes(%s, %s == nil && w.nullable(%s, %q, version), %s)", value, value, g.when(f.nullable), f.name, flexible)
	default:
		g.p("w.%s", call(f.typ, value, flexible))
	}
}

func call(typ, value, flexible string) string {
	if typ == "string" || typ == "bytes" {
		return fmt.Sprintf("%s(%s, %s)", typ, value, flexible)
	}
	return fmt.Sprintf("%s(%s)", typ, value)
}

func (g *codeWriter) readMethod(name string, fields []*field) {
	g.p("func (m *%s) read(r *reader, version int16) {\nm.setDefaults()", name)
	for _, f := range fields {
		if f.tag < 0 {
			g.inVersions(f.present, func() { g.readField(f) }, nil)
		}
	}
	if g.flexible() != "false" {
		g.inVersions(g.msg.flexible, func() { g.readTags(fields) }, nil)
	}
	g.p("}\n")
}

func (g *codeWriter) readTags(fields []*field) {
	tagged := taggedFields(fields)
	g.p("for n, prev := r.tagCount(), int64(-1); n > 0; n-- {")
	g.p("tag, after := r.enterTag(&prev)\nswitch {")
	for _, f := range tagged {
		cond := fmt.Sprintf("tag == %d", f.tag)
		if in := g.when(f.present); in != "true" {
			cond += " && " + in
		}
		g.p("case %s:", cond)
		g.readField(f)
	}
	g.p("default: m.UnknownTags = r.keepTag(m.UnknownTags, tag)\n}\nr.leaveTag(after)\n}")
}

func (g *codeWriter) readField(f *field) {
	value, flexible := "m."+f.name, g.flexible()
	switch {
	case f.isArray():
		t := g.elementType(f.element())
		g.p("if n := r.arrayLen(%s, %s, %d); n >= 0 {", flexible, g.when(f.nullable), g.minSize(f.element(), false, 0))
		if f.everNullable() {
			g.p("%s = make([]%s, n)", value, t)
		} else {
			g.p("%s = newSlice[%s](n)", value, t)
		}
		if f.isStruct() {
			g.p("for i := range %s { if r.err != nil { return }; %s[i].read(r, version) }", value, value)
		} else {
			g.p("for i := range %s { %s[i] = r.%s }", value, value, read(f.element(), flexible))
		}
		g.p("} else { %s = nil }", value)
	case f.isStruct() && f.everNullable() && f.tag >= 0:
		g.p("if %s = nil; r.bool() { %s = new(%s); %s.read(r, version) }", value, value, g.elementType(f.typ), value)
	case f.isStruct() && f.everNullable():
		g.p("if %s = nil; r.present(%s) { %s = new(%s); %s.read(r, version) }", value, g.when(f.nullable), value, g.elementType(f.typ), value)
	case f.isStruct():
		g.p("%s.read(r, version)", value)
	case f.everNullable() && f.typ == "string":
		g.p("%s = r.nullableString(%s, %s)", value, flexible, g.when(f.nullable))
	case f.everNullable():
		g.p("%s = r.nullableBytes(%s)", value, flexible)
	default:
		g.p("%s = r.%s", value, read(f.typ, flexible))
	}
}

func read(typ, flexible string) string {
	if typ == "string" || typ == "bytes" {
		return fmt.Sprintf("%s(%s)", typ, flexible)
	}
	return typ + "()"
}

var fixedSizes = map[string]int{"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "int64": 8, "float64": 8, "uuid": 16}

// minSize is the smallest number of bytes that a value of typ takes in any version.
func (g *codeWriter) minSize(typ string, nullable bool, depth int) int {
	if n, ok := fixedSizes[typ]; ok {
		return n
	}
	if !isStructName(typ) || nullable || depth > 8 || typ[0] == '[' {
		return 1
	}
	size := 0
	for _, f := range g.structFields(typ) {
		if f.tag < 0 && f.present.covers(g.msg.valid) {
			size += g.minSize(f.typ, f.everNullable(), depth+1)
		}
	}
	return max(size, 1)
}

func (g *codeWriter) structFields(name string) []*field {
	for _, s := range g.msg.structs {
		if s.name == name {
			return s.fields
		}
	}
	return findFields(g.msg.fields, name)
}

func findFields(fields []*field, name string) []*field {
	for _, f := range fields {
		if f.element() == name && len(f.fields) > 0 {
			return f.fields
		}
		if found := findFields(f.fields, name); found != nil {
			return found
		}
	}
	return nil
}

func (g *codeWriter) jsonMethod(name string, fields []*field) {
	g.p("func (m *%s) appendJSON(j *jsonWriter, version int16) {\nj.open('{')", name)
	for _, f := range fields {
		g.inVersions(f.present, func() {
			cond := "true"
			if f.tag >= 0 {
				cond, _ = g.differs(f)
			}
			if cond != "true" {
				g.p("if %s {", cond)
			}
			g.jsonField(f)
			if cond != "true" {
				g.p("}")
			}
		}, nil)
	}
	g.p("j.close('}')\n}\n")
}

func (g *codeWriter) jsonField(f *field) {
	value := "m." + f.name
	g.p("j.name(%q)", lowerFirst(f.name))
	switch {
	case f.isArray():
		if f.everNullable() {
			g.p("if %s == nil { j.null() } else {", value)
		}
		g.p("j.open('[')")
		if f.isStruct() {
			g.p("for i := range %s { j.element(); %s[i].appendJSON(j, version) }", value, value)
		} else {
			g.p("for _, e := range %s { j.element(); j.%s(e) }", value, f.element())
		}
		g.p("j.close(']')")
		if f.everNullable() {
			g.p("}")
		}
	case f.isStruct() && f.everNullable():
		g.p("if %s == nil { j.null() } else { %s.appendJSON(j, version) }", value, value)
	case f.isStruct():
		g.p("%s.appendJSON(j, version)", value)
	case f.everNullable() && f.typ == "string":
		g.p("if %s == nil { j.null() } else { j.string(*%s) }", value, value)
	case f.everNullable():
		g.p("if %s == nil { j.null() } else { j.bytes(%s) }", value, value)
	default:
		g.p("j.%s(%s)", f.typ, value)
	}
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }
