package commands

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// coverage is what the tables try of a tool.
type coverage struct {
	lines int             // command lines that are compared
	words map[string]bool // every word of them and of the preparations; options without their dashes
}

func tableCoverage(t *testing.T) map[string]*coverage {
	t.Helper()
	all := make(map[string]*coverage)
	count := func(line string, compared int) {
		words := splitWords(line)
		c := all[words[0]]
		if c == nil {
			c = &coverage{words: make(map[string]bool)}
			all[words[0]] = c
		}
		c.lines += compared
		for _, w := range words[1:] {
			if option, _, _ := strings.Cut(w, "="); strings.HasPrefix(w, "-") {
				w = strings.TrimLeft(option, "-")
			}
			c.words[w] = true
		}
	}
	for _, table := range readTables(t) {
		for _, c := range table.lines {
			count(c.line, 1)
			for _, l := range c.head {
				if line, ok := strings.CutPrefix(l, "! "); ok {
					count(line, 0)
				} else if background, ok := strings.CutPrefix(l, "& "); ok {
					_, line, _ := strings.Cut(background, " ")
					count(line, 0)
				}
			}
		}
	}
	return all
}

// triedElsewhere are tools that the tables cannot try, and what does.
var triedElsewhere = map[string]string{
	"connect-distributed": "connect", "connect-standalone": "connect", "connect-mirror-maker": "connect", "connect-plugin-path": "connect",
	"server-start":    "TestScripts: a shell script around a broker, not a tool",
	"server-stop":     "TestScripts: a shell script",
	"zookeeper-shell": "TestScripts: Apache Kafka has none any more",
}

// untriedOptions are the options of the other tools that no line tries, and why.
var untriedOptions = map[string]string{
	"consumer-perf-test --print-metrics":             "the metrics are the client library's own",
	"producer-perf-test --print-metrics":             "the metrics are the client library's own",
	"share-consumer-perf-test --print-metrics":       "the metrics are the client library's own",
	"share-consumer-perf-test --show-detailed-stats": "how many lines there are is a matter of time",
}

// TestTablesTryEveryOption: each option that a tool of Apache Kafka 4.3 takes stands in a compared line. It counts them.
func TestTablesTryEveryOption(t *testing.T) {
	have := tableCoverage(t)
	tried, options := make(map[string]int), make(map[string]int)
	for _, o := range readAudit(t) {
		tool, sub, _ := strings.Cut(o.tool, " ")
		if !o.current() || triedElsewhere[tool] != "" || slices.Contains([]string{"", "h", "help", "version"}, o.name) {
			continue
		}
		options[tool]++
		c := have[tool]
		switch why := untriedOptions[o.tool+" --"+o.name]; {
		case c != nil && c.words[o.name] && (sub == "" || c.words[sub]):
			tried[tool]++
			if why != "" {
				t.Errorf("%s --%s is tried, and listed as untried", o.tool, o.name)
			}
		case why == "":
			t.Errorf("%s --%s: no line of testdata/compare tries it", o.tool, o.name)
		}
	}
	lines, all, took := 0, 0, 0
	for _, tool := range slices.Sorted(maps.Keys(options)) {
		if c := have[tool]; c != nil {
			lines += c.lines
			t.Logf("%-26s %4d lines, %2d of %2d options", tool, c.lines, tried[tool], options[tool])
		}
		all, took = all+options[tool], took+tried[tool]
	}
	t.Logf("%d tools, %d lines, %d of %d options", len(options), lines, took, all)
}
