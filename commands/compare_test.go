package commands

import "testing"

// TestCompare runs every line of testdata/compare with kgo's tools on kgo's broker and compares with what Apache Kafka's tools
// answered on Apache Kafka. TestCompareWithApache does the same for the other three ways.
func TestCompare(t *testing.T) {
	for _, all := range readTables(t) {
		t.Run(all.name, func(t *testing.T) {
			t.Parallel()
			all.skipWhereLacking(t)
			s := &side{kgoTool: true, kgoBroker: true, broker: startKgo(t, all.config), tools: newKgoTools()}
			s.compare(t, all)
		})
	}
}

// compare runs a table on a side and reports what differs.
func (s *side) compare(t *testing.T, all *table) {
	t.Helper()
	s.play(t, all, func(c *comparison, got answer) {
		if want := c.expected(s.kgoTool, s.kgoBroker); got.String() != want.String() {
			t.Errorf("%s:\n$ %s\ngot:\n%s\nwant:\n%s", s, c.line, got, want)
		}
	})
}
