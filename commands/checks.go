package commands

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kgo-project/kgo/commands/opt"
)

// The checks below word their refusals as the originals' shared checks do.

// required refuses a command line without one of the options.
func required(set *opt.Set, names ...string) error {
	for _, n := range names {
		if !set.Has(n) {
			return opt.Usagef(`Missing required argument "[%s]"`, n)
		}
	}
	return nil
}

// excludes refuses the options beside the one named first, if that one was given.
func excludes(set *opt.Set, used string, others ...string) error {
	if !set.Has(used) {
		return nil
	}
	for _, n := range others {
		if n != used && set.Has(n) {
			return opt.Usagef(`Option "[%s]" can't be used with option "[%s]"`, used, n)
		}
	}
	return nil
}

// oneOf refuses more than one of the options.
func oneOf(set *opt.Set, names []string) error {
	for _, n := range names {
		if err := excludes(set, n, names...); err != nil {
			return err
		}
	}
	return nil
}

// firstError returns the first error of a list of checks.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// count tells how many of the options were given.
func count(set *opt.Set, names ...string) int {
	n := 0
	for _, name := range names {
		if set.Has(name) {
			n++
		}
	}
	return n
}

// without returns the names that are not in drop.
func without(names []string, drop ...string) []string {
	var out []string
next:
	for _, n := range names {
		for _, d := range drop {
			if n == d {
				continue next
			}
		}
		out = append(out, n)
	}
	return out
}

// topicFilter matches topic names: a regular expression for the whole name, commas as alternatives, surrounding quotes
// dropped. An absent pattern matches every name.
type topicFilter struct {
	pattern *regexp.Regexp // nil matches all
	literal string         // the one name that can match, if it is known to be only one
}

func newTopicFilter(text string, given bool) (topicFilter, error) {
	if !given {
		return topicFilter{}, nil
	}
	cleaned := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), ",", "|"), " ", "")
	cleaned = strings.Trim(cleaned, `"'`)
	re, err := regexp.Compile("^(?:" + cleaned + ")$")
	if err != nil {
		return topicFilter{}, fmt.Errorf("%s is an invalid regex.", text)
	}
	f := topicFilter{pattern: re}
	if cleaned != "" && strings.Trim(cleaned, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		f.literal = cleaned
	}
	return f, nil
}

func (f topicFilter) match(topic string) bool {
	return f.pattern == nil || f.pattern.MatchString(topic)
}

// isInternal names the topics that the cluster keeps for itself.
func isInternal(topic string) bool {
	return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state"
}
