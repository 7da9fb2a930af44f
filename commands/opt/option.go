// Package opt is the command-line layer of the mirrored tools: one declaration of a tool's options serves parsing, the usage
// text, the manual pages and shell completion.
//
// Apache Kafka's tools come in two families that read a command line differently. Those with an option table ([Parse]) take
// one dash or two, no abbreviations, and whatever word follows as an option's value; those with usage lines ([ParseArgs]) take
// sub-commands, abbreviations and short options. [Spec] declares a tool of either family, [Set] holds what was typed. Values are
// converted when they are read, as in the original, so that a tool decides how a bad value is reported.
package opt

// Arg says whether an option takes an argument.
type Arg int8

const (
	NoArg     Arg = iota // a flag
	Required             // the next word is the value, whatever it looks like
	Optional             // a following word that is not an option is the value
	OneOrMore            // usage-line tools: all words up to the next option
)

// Option declares one option.
type Option struct {
	Name    string // long name, without dashes
	Short   string // usage-line tools: the one-letter name
	Arg     Arg
	Type    string   // of the argument, as tables show it: String, Integer, Long, Double, or empty
	Meta    string   // the argument's name in the table or the usage line
	Desc    string   // what the original says about it
	Default string   // value when absent; shown as "(default: X)" by tables
	Choices []string // usage-line tools: the allowed values
	Repeat  bool     // every value counts; otherwise a second one is an error (tables) or replaces the first (usage lines)
	Must    bool     // the parser itself refuses a command line without it

	// Complete names what the shell offers as values: topic, group, broker, config, file.
	Complete string
	// Extra marks an option that is kgo's own: it is left out of the original's usage text.
	Extra bool
	// Means makes this an older spelling: it is read as the option it names.
	Means string
	// Gone makes this a removed option: using it is an error that says this.
	Gone string
	// Ignored makes this an option that once had an effect and is still accepted.
	Ignored bool
}

// hidden reports whether the option stays out of the original's usage text.
func (o *Option) hidden() bool { return o.Extra || o.Means != "" || o.Gone != "" || o.Ignored }

// Alternatives is a set of options of which at most one may be given (usage-line tools).
type Alternatives struct {
	Names []string
	Must  bool // one has to be given
}

// Section is a titled group of options in the help of a usage-line tool.
type Section struct {
	Title, Desc string
	Names       []string
}

// Spec declares a tool or one of its sub-commands.
type Spec struct {
	Name    string // of the tool or the sub-command
	Intro   string // what the tool is for: the line above the table, or the paragraph under the usage
	Bare    string // the line above the table when there are no arguments at all, if it differs from Intro
	Options []Option

	// The rest is for usage-line tools.

	Prog         string // the program name in usage and errors
	Desc         string // a sub-command's line in its parent's help
	Groups       []Alternatives
	Sections     []Section
	Sub          []*Spec
	SubMeta      string // how the usage shows the sub-commands; default {a,b,c}
	SubTitle     string // title above the sub-commands; default "positional arguments"
	ShowDefaults bool   // help ends with (default: X)
	Rest         *Rest  // words that belong to no option, where the tool takes them
}

// Rest describes the words of a usage-line tool that belong to no option.
type Rest struct{ Meta, Desc string }

func (r *Rest) usage() string { return "[" + r.Meta + " [" + r.Meta + " ...]]" }

// Lookup finds an option by its long or short name.
func (s *Spec) Lookup(name string) *Option {
	for i := range s.Options {
		o := &s.Options[i]
		if o.Name == name || (o.Short != "" && o.Short == name) {
			return o
		}
	}
	return nil
}

// SubCommand finds a sub-command by its name.
func (s *Spec) SubCommand(name string) *Spec {
	for _, sub := range s.Sub {
		if sub.Name == name {
			return sub
		}
	}
	return nil
}

// With returns a copy of the declaration with more options at its end, skipping names that it already has.
func (s *Spec) With(extra ...Option) *Spec {
	c := *s
	c.Options = append(make([]Option, 0, len(s.Options)+len(extra)), s.Options...)
	for _, o := range extra {
		if c.Lookup(o.Name) == nil {
			c.Options = append(c.Options, o)
		}
	}
	if len(s.Sub) > 0 {
		c.Sub = make([]*Spec, len(s.Sub))
		for i, sub := range s.Sub {
			c.Sub[i] = sub.With(extra...)
		}
	}
	return &c
}
