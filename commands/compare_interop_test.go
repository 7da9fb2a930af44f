//go:build interop

package commands

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "record in testdata/compare what Apache Kafka's tools answer, and where the other sides differ")

// TestCompareWithApache runs every line of testdata/compare three ways and compares with what is recorded: Apache Kafka's tools on
// Apache Kafka (the record itself), kgo's tools on Apache Kafka, and Apache Kafka's tools on kgo. The fourth way is TestCompare.
// KAFKA_LAB_CMD names a program that knows where Apache Kafka's jars lie.
func TestCompareWithApache(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka to compare with")
	}
	originals, beside := startApacheJVM(t, lab), startApacheJVM(t, lab)
	for _, all := range readTables(t) {
		t.Run(all.name, func(t *testing.T) {
			if *record {
				recordTable(t, originals, all)
				return
			}
			t.Run("apache-on-apache", func(t *testing.T) {
				t.Parallel()
				(&side{broker: originals.startBroker(t, all.config), tools: originals}).compare(t, all)
			})
			t.Run("kgo-on-apache", func(t *testing.T) {
				t.Parallel()
				(&side{kgoTool: true, broker: beside.startBroker(t, all.config), tools: newKgoTools()}).compare(t, all)
			})
			t.Run("apache-on-kgo", func(t *testing.T) {
				t.Parallel()
				all.skipWhereLacking(t)
				(&side{kgoBroker: true, broker: startKgo(t, all.config), tools: beside}).compare(t, all)
			})
		})
	}
}

// recordTable runs all four ways and writes down where they differ. A difference that has no reason yet gets the reason "?".
func recordTable(t *testing.T, originals *apacheJVM, all *table) {
	t.Helper()
	(&side{fresh: true, broker: originals.startBroker(t, all.config), tools: originals}).play(t, all, func(c *comparison, got answer) {
		if !c.slow {
			c.want = &got
		}
	})
	note := func(prefix, why string) func(*comparison, answer) {
		return func(c *comparison, got answer) {
			delete(c.differ, prefix)
			if want := c.expected(prefix[0] == 'k', prefix != "k"); got.String() == want.String() {
				return
			}
			if same := *c.want; prefix == "k" {
				if same.code = got.code; same.String() == got.String() {
					c.head = append(c.head, fmt.Sprintf("# kgo-exit %d: exit-code", got.code))
					return
				}
			}
			c.differ[prefix] = &got
			if !slices.ContainsFunc(c.head, func(l string) bool { return strings.HasPrefix(l, "# "+why+": ") }) {
				c.head = append(c.head, "# "+why+": ?")
			}
		}
	}
	(&side{hasty: true, kgoTool: true, broker: originals.startBroker(t, all.config), tools: newKgoTools()}).play(t, all, note("k", "kgo"))
	if all.lacks == "" {
		(&side{hasty: true, kgoBroker: true, broker: startKgo(t, all.config), tools: originals}).play(t, all, note("b", "broker"))
		(&side{hasty: true, kgoTool: true, kgoBroker: true, broker: startKgo(t, all.config), tools: newKgoTools()}).play(t, all, note("kb", "broker"))
	}
	for _, c := range all.lines { // reasons that nobody has given yet, for differences that are gone
		c.head = slices.DeleteFunc(c.head, func(l string) bool {
			return l == "# kgo: ?" && c.differ["k"] == nil || l == "# broker: ?" && c.differ["b"] == nil && c.differ["kb"] == nil
		})
	}
	all.write(t)
}
