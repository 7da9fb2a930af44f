package opt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// HelpWanted is returned by [ParseArgs] when --help was given: Path leads to the parser that was asked.
type HelpWanted struct{ Path []*Spec }

func (*HelpWanted) Error() string { return "help" }

// ParseArgs reads a command line as the tools with usage lines do: sub-commands, unambiguous abbreviations, one-letter options,
// the last value wins, and values are checked at once. --bootstrap-server is never required, because kgo has a default for it.
func ParseArgs(spec *Spec, args []string) (*Set, error) {
	return (&argsParser{path: []*Spec{spec}}).parse(spec, args)
}

type argsParser struct{ path []*Spec }

func (p *argsParser) errorf(format string, args ...any) *ArgsError {
	return &ArgsError{Path: p.path, Text: fmt.Sprintf(format, args...)}
}

func (p *argsParser) parse(spec *Spec, args []string) (*Set, error) {
	set := newSet(spec, args)
	for i := 0; i < len(args); i++ {
		word := args[i]
		if !isFlag(word) {
			if spec.Rest != nil {
				set.Words = append(set.Words, word)
				continue
			}
			if len(spec.Sub) == 0 {
				return nil, p.errorf("unrecognized arguments: '%s'", word)
			}
			sub, err := p.subCommand(spec, word)
			if err != nil {
				return nil, err
			}
			if err := p.checkRequired(set); err != nil {
				return nil, err
			}
			p.path = append(p.path, sub)
			set.Sub, err = p.parse(sub, args[i+1:])
			return set, err
		}
		o, value, hasValue, err := p.resolve(spec, word)
		if err != nil {
			return nil, err
		}
		switch {
		case o == nil:
			return nil, &HelpWanted{Path: p.path}
		case o.Gone != "":
			return nil, &GoneError{Option: o.Name, Instead: o.Gone}
		case o.Means != "":
			o = spec.Lookup(o.Means)
		}
		if err := p.checkGroups(set, o); err != nil {
			return nil, err
		}
		if !o.Repeat {
			delete(set.values, o.Name)
		}
		if o.Arg == NoArg {
			if hasValue {
				return nil, p.errorf("argument %s: ignored explicit argument '%s'", o.display(), value)
			}
			set.add(o)
			continue
		}
		var values []string
		if hasValue {
			values = []string{value}
		}
		for !hasValue && i+1 < len(args) && !isFlag(args[i+1]) && (o.Arg == OneOrMore || len(values) == 0) {
			i++
			values = append(values, args[i])
		}
		if len(values) == 0 && o.Arg != Optional {
			expected := "one argument"
			if o.Arg == OneOrMore {
				expected = "at least one argument"
			}
			return nil, p.errorf("argument %s: expected %s", o.display(), expected)
		}
		for _, v := range values {
			if err := p.check(o, v); err != nil {
				return nil, err
			}
		}
		set.add(o, values...)
	}
	if len(spec.Sub) > 0 {
		return nil, p.errorf("too few arguments")
	}
	if err := p.checkRequired(set); err != nil {
		return nil, err
	}
	return set, nil
}

// isFlag reports whether a word names options; negative numbers do not.
func isFlag(word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	_, err := strconv.ParseFloat(word, 64)
	return err != nil
}

// resolve finds the option a word means; nil stands for help.
func (p *argsParser) resolve(spec *Spec, word string) (o *Option, value string, hasValue bool, err error) {
	if word == "-h" || word == "--help" {
		return nil, "", false, nil
	}
	if name, isLong := strings.CutPrefix(word, "--"); isLong {
		name, value, hasValue = strings.Cut(name, "=")
		if o := spec.Lookup(name); o != nil && o.Name == name {
			return o, value, hasValue, nil
		}
		var found []*Option
		for i := range spec.Options {
			if c := &spec.Options[i]; !c.hidden() && strings.HasPrefix(c.Name, name) && name != "" {
				found = append(found, c)
			}
		}
		switch {
		case len(found) == 1 && !strings.HasPrefix("help", name):
			return found[0], value, hasValue, nil
		case len(found) == 0 && name != "" && strings.HasPrefix("help", name):
			return nil, "", false, nil
		case len(found) > 0:
			names := make([]string, 0, len(found))
			for _, c := range found {
				names = append(names, "--"+c.Name)
			}
			slices.Sort(names)
			return nil, "", false, p.errorf("ambiguous option: --%s could match %s", name, strings.Join(names, ", "))
		}
		return nil, "", false, p.unrecognized(spec, word, name)
	}
	if o := spec.Lookup(word[1:2]); o != nil && o.Short == word[1:2] {
		rest := word[2:]
		return o, strings.TrimPrefix(rest, "="), rest != "", nil
	}
	name, _, _ := strings.Cut(word[1:], "=")
	return nil, "", false, p.unrecognized(spec, word, name)
}

func (p *argsParser) unrecognized(spec *Spec, word, name string) error {
	e := p.errorf("unrecognized arguments: '%s'", word)
	if len(name) >= 2 {
		candidates := []string{"--help"}
		for i := range spec.Options {
			if o := &spec.Options[i]; !o.hidden() {
				candidates = append(candidates, o.flags()...)
			}
		}
		candidates = slices.DeleteFunc(candidates, func(flag string) bool { return len(strings.TrimLeft(flag, "-")) < 2 })
		e.Tips = closestAll(name, candidates)
	}
	return e
}

func (p *argsParser) subCommand(spec *Spec, word string) (*Spec, error) {
	if sub := spec.SubCommand(word); sub != nil {
		return sub, nil
	}
	var found []*Spec
	names, quoted := make([]string, 0, len(spec.Sub)), make([]string, 0, len(spec.Sub))
	for _, sub := range spec.Sub {
		if strings.HasPrefix(sub.Name, word) {
			found = append(found, sub)
		}
		names = append(names, sub.Name)
		quoted = append(quoted, "'"+sub.Name+"'")
	}
	switch len(found) {
	case 0:
		e := p.errorf("invalid choice: '%s' (choose from %s)", word, strings.Join(quoted, ", "))
		e.Tips = closestAll(word, names)
		return nil, e
	case 1:
		return found[0], nil
	}
	names = names[:0]
	for _, sub := range found {
		names = append(names, sub.Name)
	}
	return nil, p.errorf("ambiguous command: %s could match %s", word, strings.Join(names, ", "))
}

func (p *argsParser) checkGroups(set *Set, o *Option) error {
	for _, g := range set.Spec.Groups {
		if !contains(g.Names, o.Name) {
			continue
		}
		for _, other := range g.Names {
			if other != o.Name && set.Has(other) {
				return p.errorf("argument %s: not allowed with argument %s", o.display(), set.Spec.Lookup(other).display())
			}
		}
	}
	return nil
}

func (p *argsParser) checkRequired(set *Set) error {
	for i := range set.Spec.Options {
		if o := &set.Spec.Options[i]; o.Must && !set.Has(o.Name) && o.Name != "bootstrap-server" {
			return p.errorf("argument %s is required", o.display())
		}
	}
	for _, g := range set.Spec.Groups {
		if !g.Must || contains(g.Names, "bootstrap-server") {
			continue
		}
		given := false
		shown := make([]string, 0, len(g.Names))
		for _, name := range g.Names {
			given = given || set.Has(name)
			shown = append(shown, set.Spec.Lookup(name).display())
		}
		if !given {
			return p.errorf("one of the arguments %s is required", strings.Join(shown, " "))
		}
	}
	return nil
}

// check refuses a value that is not of the option's type or not among its choices.
func (p *argsParser) check(o *Option, value string) error {
	var err error
	switch o.Type {
	case "Integer":
		_, err = strconv.ParseInt(value, 10, 32)
	case "Long":
		_, err = strconv.ParseInt(value, 10, 64)
	case "Double":
		_, err = strconv.ParseFloat(value, 64)
	}
	if err != nil {
		return p.errorf("argument %s: could not convert '%s' to %s (For input string: \"%s\")", o.display(), value, o.Type, value)
	}
	if len(o.Choices) > 0 && !contains(o.Choices, value) {
		return p.errorf("argument %s: invalid choice: '%s' (choose from {%s})", o.display(), value, strings.Join(o.Choices, ","))
	}
	return nil
}

func (o *Option) flags() []string {
	if o.Short == "" {
		return []string{"--" + o.Name}
	}
	return []string{"--" + o.Name, "-" + o.Short}
}

// display is the option's name in an error.
func (o *Option) display() string { return strings.Join(o.flags(), "/") }

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}
