package opt

import "fmt"

// UnknownOptionError reports an option that the tool does not have.
type UnknownOptionError struct {
	Option string
	// Suggestion is the option that was probably meant, or empty.
	Suggestion string
}

func (e *UnknownOptionError) Error() string { return e.Option + " is not a recognized option" }

// MissingArgumentError reports an option whose value is missing.
type MissingArgumentError struct{ Option string }

func (e *MissingArgumentError) Error() string {
	return fmt.Sprintf("Option %s requires an argument", e.Option)
}

// MultipleArgumentsError reports a second value for an option that takes one.
type MultipleArgumentsError struct{ Option string }

func (e *MultipleArgumentsError) Error() string {
	return fmt.Sprintf("Found multiple arguments for option %s, but you asked for only one", e.Option)
}

// SpellingsError reports an option that was given under its name and under an older one, or under two older ones: it isn't clear which is meant.
type SpellingsError struct{ Option, One, Other string }

func (e *SpellingsError) Error() string {
	if e.One != e.Option && e.Other != e.Option {
		return fmt.Sprintf("--%s and --%s both stand for --%s: give only one", e.One, e.Other, e.Option)
	}
	old := e.One
	if old == e.Option {
		old = e.Other
	}
	return fmt.Sprintf("--%s is an old form of --%s: give only one of the two", old, e.Option)
}

// ConversionError reports a value that is not of the option's type.
type ConversionError struct{ Option, Value string }

func (e *ConversionError) Error() string {
	return fmt.Sprintf("Cannot parse argument '%s' of option %s", e.Value, e.Option)
}

// MissingOptionError reports the absence of an option that the parser itself requires.
type MissingOptionError struct{ Option string }

func (e *MissingOptionError) Error() string {
	return fmt.Sprintf("Missing required option(s) [%s]", e.Option)
}

// GoneError reports an option that Kafka has removed.
type GoneError struct{ Option, Instead string }

func (e *GoneError) Error() string {
	return fmt.Sprintf("Option --%s was removed from Kafka: %s", e.Option, e.Instead)
}

// UsageError is a wrong combination of options, found by a tool's own checks: the text is printed above the usage.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// Usagef makes a [UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...)}
}

// ArgsError is a wrong command line of a usage-line tool.
type ArgsError struct {
	Path []*Spec  // from the tool down to the parser that refused: its usage lines are shown
	Text string   // what is wrong
	Tips []string // what may have been meant
}

func (e *ArgsError) Error() string { return e.Text }
