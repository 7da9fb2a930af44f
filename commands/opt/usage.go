package opt

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const (
	usageWidth   = 75
	helpColumn   = 25
	maxUsageHead = usageWidth * 2 / 5
)

// WriteUsage prints the usage lines of the last parser in path.
func WriteUsage(w io.Writer, path []*Spec) error {
	root, spec := path[0], path[len(path)-1]
	var parts []string
	for _, upper := range path[:len(path)-1] {
		parts = append(parts, usageParts(upper, true)...)
		parts = append(parts, nextName(path, upper))
	}
	parts = append(parts, "[-h]")
	parts = append(parts, usageParts(spec, false)...)
	if len(spec.Sub) > 0 {
		parts = append(parts, spec.subMeta(), "...")
	}
	if spec.Rest != nil {
		parts = append(parts, spec.Rest.usage())
	}
	b := bufio.NewWriter(w)
	head := "usage: " + root.Prog
	indent := strings.Repeat(" ", len(head))
	if len(head) > maxUsageHead {
		fmt.Fprintln(b, head)
		head, indent = "      ", "      "
	}
	b.WriteString(head)
	column := len(head)
	if head == indent { // the original counts a blank too many after a long name
		column++
	}
	for i, part := range parts {
		if i > 0 && column+len(part)+1 > usageWidth {
			b.WriteString("\n" + indent)
			column = len(indent)
		}
		b.WriteString(" " + part)
		column += 1 + len(part)
	}
	b.WriteByte('\n')
	return b.Flush()
}

func nextName(path []*Spec, s *Spec) string {
	for i, p := range path {
		if p == s {
			return path[i+1].Name
		}
	}
	return ""
}

func (s *Spec) subMeta() string {
	if s.SubMeta != "" {
		return s.SubMeta
	}
	names := make([]string, 0, len(s.Sub))
	for _, sub := range s.Sub {
		names = append(names, sub.Name)
	}
	return "{" + strings.Join(names, ",") + "}"
}

// usageParts lists the options as the usage shows them: single ones in order, then the alternatives. Above a sub-command only
// the required ones are shown.
func usageParts(s *Spec, requiredOnly bool) []string {
	var parts []string
	for i := range s.Options {
		o := &s.Options[i]
		if o.hidden() || s.groupOf(o.Name) != nil || (requiredOnly && !o.Must) {
			continue
		}
		if o.Must {
			parts = append(parts, o.usage())
		} else {
			parts = append(parts, "["+o.usage()+"]")
		}
	}
	for _, g := range s.Groups {
		if requiredOnly && !g.Must {
			continue
		}
		open, end := "[", "]"
		switch {
		case g.Must && len(g.Names) == 1:
			open, end = "", ""
		case g.Must:
			open, end = "(", ")"
		}
		for i, name := range g.Names {
			part := s.Lookup(name).usage()
			if i == 0 {
				part = open + part
			}
			if i == len(g.Names)-1 {
				part += end
			} else {
				part += " |"
			}
			parts = append(parts, part)
		}
	}
	return parts
}

func (s *Spec) groupOf(name string) *Alternatives {
	for i := range s.Groups {
		if contains(s.Groups[i].Names, name) {
			return &s.Groups[i]
		}
	}
	return nil
}

func (o *Option) meta() string {
	switch {
	case o.Arg == NoArg:
		return ""
	case o.Meta == "" && len(o.Choices) > 0:
		return " {" + strings.Join(o.Choices, ",") + "}"
	case o.Arg == OneOrMore:
		return " " + o.Meta + " [" + o.Meta + " ...]"
	}
	return " " + o.Meta
}

func (o *Option) usage() string {
	if o.Name == "version" && o.Short != "" {
		return "-" + o.Short
	}
	return "--" + o.Name + o.meta()
}

// WriteHelp prints the whole help of the last parser in path.
func WriteHelp(w io.Writer, path []*Spec) error {
	b := bufio.NewWriter(w)
	spec := path[len(path)-1]
	if err := WriteUsage(b, path); err != nil {
		return err
	}
	if spec.Intro != "" {
		fmt.Fprintf(b, "\n%s\n", wrap(spec.Intro, 0, ""))
	}
	if len(spec.Sub) > 0 && spec.SubTitle == "" {
		b.WriteString("\npositional arguments:\n")
		writeSubCommands(b, spec)
	}
	if spec.Rest != nil {
		b.WriteString("\npositional arguments:\n")
		writeEntry(b, "  "+spec.Rest.Meta, spec.Rest.Desc)
	}
	b.WriteString("\noptional arguments:\n")
	writeEntry(b, "  -h, --help", "show this help message and exit")
	for i := range spec.Options {
		if o := &spec.Options[i]; !o.hidden() && !spec.inSection(o.Name) {
			spec.writeOption(b, o)
		}
	}
	for _, section := range spec.Sections {
		if section.Title != "" {
			fmt.Fprintf(b, "\n%s:\n", section.Title)
		} else {
			b.WriteByte('\n')
		}
		if section.Desc != "" {
			fmt.Fprintf(b, "  %s\n\n", wrap(section.Desc, 2, "  "))
		}
		for _, name := range section.Names {
			spec.writeOption(b, spec.Lookup(name))
		}
	}
	if len(spec.Sub) > 0 && spec.SubTitle != "" {
		fmt.Fprintf(b, "\n%s:\n", spec.SubTitle)
		writeSubCommands(b, spec)
	}
	return b.Flush()
}

// WriteEntries prints names with what they mean, as a usage-line tool's help lists its sub-commands.
func WriteEntries(w io.Writer, entries [][2]string) error {
	b := bufio.NewWriter(w)
	for _, e := range entries {
		writeEntry(b, e[0], e[1])
	}
	return b.Flush()
}

func writeSubCommands(b *bufio.Writer, spec *Spec) {
	fmt.Fprintf(b, "  %s\n", spec.subMeta())
	for _, sub := range spec.Sub {
		writeEntry(b, "    "+sub.Name, sub.Desc)
	}
}

func (s *Spec) inSection(name string) bool {
	for _, section := range s.Sections {
		if contains(section.Names, name) {
			return true
		}
	}
	return false
}

func (s *Spec) writeOption(b *bufio.Writer, o *Option) {
	head := "  --" + o.Name + o.meta()
	if o.Short != "" {
		if o.Name == "version" {
			head = "  -" + o.Short + ", --" + o.Name
		} else {
			head += ", -" + o.Short + o.meta()
		}
	}
	text := o.Desc
	shown := o.Default
	if o.Arg == NoArg && shown == "" {
		shown = "false"
	}
	if s.ShowDefaults && shown != "" && o.Name != "version" {
		text = strings.TrimSpace(text + " (default: " + shown + ")")
	}
	writeEntry(b, head, text)
}

func writeEntry(b *bufio.Writer, head, text string) {
	b.WriteString(head)
	if text == "" {
		b.WriteByte('\n')
		return
	}
	column := len(head)
	if column+2 > helpColumn {
		b.WriteByte('\n')
		column = 0
	}
	blanks := strings.Repeat(" ", helpColumn)
	fmt.Fprintf(b, "%s%s\n", blanks[column:], wrap(text, helpColumn, blanks))
}

// WriteArgsError prints the usage lines and the error of a usage-line tool.
func WriteArgsError(w io.Writer, e *ArgsError) error {
	if err := WriteUsage(w, e.Path); err != nil {
		return err
	}
	text := wrap(e.Path[0].Prog+": error: "+e.Text+"\n", 0, "")
	if len(e.Tips) > 0 {
		text += "\nDid you mean:\n\t" + strings.Join(e.Tips, "\n\t") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// wrap breaks a text into lines of 75 characters and spreads blanks so that every line but the last is full.
func wrap(text string, offset int, indent string) string {
	var out strings.Builder
	line := ""
	column := offset
	for _, word := range words(text) {
		column += len(word)
		if column > usageWidth {
			out.WriteString(justify(line, usageWidth, column-len(word)))
			out.WriteString("\n" + indent)
			line = ""
			column = len(indent) + len(word)
		}
		line += word
		if strings.HasSuffix(word, "\n") {
			out.WriteString(line + indent)
			line = ""
			column = len(indent)
		}
	}
	return out.String() + line
}

// justify widens the gaps of a line that ends at column until it ends at width; what does not divide evenly goes to the gaps in
// the middle.
func justify(line string, width, column int) string {
	trimmed := strings.Trim(line, " ")
	column -= len(line) - len(trimmed)
	gaps := 0
	for i := range len(trimmed) {
		if trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			gaps++
		}
	}
	if gaps == 0 {
		return trimmed
	}
	missing := width - column
	each, rest := missing/gaps, missing%gaps
	from := (gaps - rest + 1) / 2
	var out strings.Builder
	gap := 0
	for i := range len(trimmed) {
		if trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			n := each
			if gap >= from && gap < from+rest {
				n++
			}
			for range n {
				out.WriteByte(' ')
			}
			gap++
		}
		out.WriteByte(trimmed[i])
	}
	return out.String()
}
