package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// versions is a range of message versions. hi is math.MaxInt16 for an open range; none has lo > hi.
type versions struct{ lo, hi int }

var none = versions{0, -1}

func parseVersions(s string) (versions, error) {
	switch {
	case s == "none" || s == "":
		return none, nil
	case strings.HasSuffix(s, "+"):
		lo, err := strconv.Atoi(strings.TrimSuffix(s, "+"))
		return versions{lo, math.MaxInt16}, err
	}
	from, to, isRange := strings.Cut(s, "-")
	lo, err := strconv.Atoi(from)
	if err != nil || !isRange {
		return versions{lo, lo}, err
	}
	hi, err := strconv.Atoi(to)
	return versions{lo, hi}, err
}

func (v versions) String() string {
	switch {
	case v.lo > v.hi:
		return "none"
	case v.hi == math.MaxInt16:
		return fmt.Sprintf("%d+", v.lo)
	case v.lo == v.hi:
		return strconv.Itoa(v.lo)
	}
	return fmt.Sprintf("%d-%d", v.lo, v.hi)
}

func (v versions) empty() bool { return v.lo > v.hi }

func (v versions) and(o versions) versions { return versions{max(v.lo, o.lo), min(v.hi, o.hi)} }

// covers reports whether v holds every version of o.
func (v versions) covers(o versions) bool { return o.empty() || v.lo <= o.lo && v.hi >= o.hi }

// message is one Kafka message: what the table has a block for.
type message struct {
	family   string // metadata, group-key, request, ...: which registry it belongs to
	name     string
	key      int // api key, or the record type of a coordinator's record; -1 where there is none
	valid    versions
	flexible versions
	structs  []*structure // declared apart from the fields that use them
	fields   []*field
}

type structure struct {
	name   string
	fields []*field
}

type field struct {
	name       string
	typ        string // int32, string, Topic, []Topic, ...
	present    versions
	nullable   versions
	tag        int // -1 without
	tagged     versions
	def        string
	hasDefault bool
	ignorable  bool
	fields     []*field // of the struct declared here
}

func (f *field) isArray() bool      { return strings.HasPrefix(f.typ, "[]") }
func (f *field) element() string    { return strings.TrimPrefix(f.typ, "[]") }
func (f *field) isStruct() bool     { return isStructName(f.element()) }
func (f *field) everNullable() bool { return !f.nullable.empty() }
func isStructName(typ string) bool  { return typ[0] >= 'A' && typ[0] <= 'Z' }

// writeTable writes messages in the form that readTable reads: a line for each message, indented lines for its structs and fields.
func writeTable(out *bytes.Buffer, messages []*message) {
	for _, m := range messages {
		fmt.Fprintf(out, "%s %s", m.family, m.name)
		if m.key >= 0 {
			fmt.Fprintf(out, " key=%d", m.key)
		}
		fmt.Fprintf(out, " versions=%s flexible=%s\n", m.valid, m.flexible)
		for _, s := range m.structs {
			fmt.Fprintf(out, "  struct %s\n", s.name)
			writeFields(out, s.fields, 2)
		}
		writeFields(out, m.fields, 1)
	}
}

func writeFields(w *bytes.Buffer, fields []*field, depth int) {
	for _, f := range fields {
		fmt.Fprintf(w, "%s%s %s %s", strings.Repeat("  ", depth), f.name, f.typ, f.present)
		if f.everNullable() {
			fmt.Fprintf(w, " nullable=%s", f.nullable)
		}
		if f.tag >= 0 {
			fmt.Fprintf(w, " tag=%d:%s", f.tag, f.tagged)
		}
		if f.hasDefault {
			fmt.Fprintf(w, " default=%s", f.def)
		}
		if f.ignorable {
			w.WriteString(" ignorable")
		}
		w.WriteByte('\n')
		writeFields(w, f.fields, depth+1)
	}
}

// readTable reads the condensed schemas. Blank lines and lines that start with # are skipped.
func readTable(r io.Reader) ([]*message, error) {
	var messages []*message
	var at []*[]*field // at[d] is where a field at depth d belongs
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth > len(at) || depth > 0 && len(at) == 0 {
			return nil, fmt.Errorf("line %d: indented deeper than a field can be", number)
		}
		var err error
		switch {
		case depth == 0:
			m := &message{key: -1}
			if err = m.parse(words); err == nil {
				messages = append(messages, m)
				at = append(at[:0], nil, &m.fields)
			}
		case words[0] == "struct":
			m := messages[len(messages)-1]
			s := &structure{name: words[1]}
			m.structs = append(m.structs, s)
			at = append(at[:2], &s.fields)
		default:
			f := &field{tag: -1, nullable: none, tagged: none}
			if err = f.parse(words); err == nil {
				*at[depth] = append(*at[depth], f)
				at = append(at[:depth+1], &f.fields)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return messages, lines.Err()
}

func (m *message) parse(words []string) (err error) {
	if len(words) < 4 {
		return errors.New("a message needs a family, a name, versions= and flexible=")
	}
	m.family, m.name = words[0], words[1]
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "key":
			m.key, err = strconv.Atoi(value)
		case "versions":
			m.valid, err = parseVersions(value)
		case "flexible":
			m.flexible, err = parseVersions(value)
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *field) parse(words []string) (err error) {
	if len(words) < 3 {
		return errors.New("a field needs a name, a type and versions")
	}
	f.name, f.typ = words[0], words[1]
	if f.present, err = parseVersions(words[2]); err != nil {
		return err
	}
	for _, word := range words[3:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "nullable":
			f.nullable, err = parseVersions(value)
		case "tag":
			number, tagged, _ := strings.Cut(value, ":")
			if f.tag, err = strconv.Atoi(number); err == nil {
				f.tagged, err = parseVersions(tagged)
			}
		case "default":
			f.def, f.hasDefault = value, true
		case "ignorable":
			f.ignorable = true
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
