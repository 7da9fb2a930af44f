package opt

import (
	"strconv"
	"strings"
)

// Parse reads a command line as the tools with an option table do: one dash is as good as two, a value follows its option as
// the next word or after an equals sign, names are never abbreviated, and words that belong to no option are set aside.
func Parse(spec *Spec, args []string) (*Set, error) {
	set := newSet(spec, args)
	spelled := make(map[string]string) // how an option was typed
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			set.Words = append(set.Words, args[i+1:]...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			set.Words = append(set.Words, word)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		o := spec.Lookup(name)
		if o == nil {
			return nil, unknownOption(spec, word, name)
		}
		if o.Gone != "" {
			return nil, &GoneError{Option: o.Name, Instead: o.Gone}
		}
		typed := o.Name
		if o.Means != "" {
			o = spec.Lookup(o.Means)
		}
		if other, given := spelled[o.Name]; given && other != typed {
			return nil, &SpellingsError{Option: o.Name, One: other, Other: typed}
		}
		spelled[o.Name] = typed
		keep := func(value string) {
			if typed == "zookeeper" { // HOST:PORT/chroot, a coordinator's: the client asks it for the brokers
				value, _, _ = strings.Cut(value, "/")
				value = ZooKeeperScheme + value
			}
			set.add(o, value)
		}
		switch {
		case o.Arg == NoArg:
			set.add(o)
		case hasValue:
			keep(value)
		case o.Arg == Required:
			if i++; i == len(args) {
				return nil, &MissingArgumentError{Option: typed}
			}
			keep(args[i])
		case i+1 < len(args) && (!looksLikeOption(args[i+1]) || o.isNumber(args[i+1])):
			i++
			keep(args[i])
		default:
			set.add(o)
		}
	}
	return set, nil
}

// CheckRequired refuses a set that lacks an option which the parser itself requires. --bootstrap-server is never required,
// because kgo has a default for it.
func (s *Set) CheckRequired() error {
	for i := range s.Spec.Options {
		if o := &s.Spec.Options[i]; o.Must && !s.Has(o.Name) && o.Name != "bootstrap-server" {
			return &MissingOptionError{Option: o.Name}
		}
	}
	return nil
}

func looksLikeOption(word string) bool { return len(word) > 1 && word[0] == '-' }

// unknownOption names the word as the original does: after a single dash it looks for one-letter options and complains about
// the first letter.
func unknownOption(spec *Spec, word, name string) error {
	e := &UnknownOptionError{Option: name, Suggestion: Suggest(spec, name)}
	if !strings.HasPrefix(word, "--") && e.Suggestion == "" {
		e.Option = name[:min(1, len(name))]
	}
	return e
}

// isNumber reports whether the option takes numbers and the word is one: -1 is a value then, not an option.
func (o *Option) isNumber(word string) bool {
	if o.Type != "Integer" && o.Type != "Long" {
		return false
	}
	_, err := strconv.ParseInt(word, 10, 64)
	return err == nil
}

// ZooKeeperScheme marks addresses that were given by --zookeeper.
const ZooKeeperScheme = "zookeeper://"
