package group

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A pattern may be a long list of topics, but not one that keeps every other group waiting.
func TestPatternsHaveALimit(t *testing.T) {
	var topics []string
	for i := range 300 {
		topics = append(topics, "orders-of-"+strings.Repeat(string(rune('a'+i%26)), 10))
	}
	if _, err := compileRegex(strings.Join(topics, "|")); err != nil {
		t.Errorf("300 topics: %v", err)
	}
	for _, hostile := range []string{"(a?b?c?){1000}(d?e?f?){1000}(g?h?){1000}", strings.Repeat("(a{0,30}|b{0,30})*", 500)} {
		if _, err := compileRegex(hostile); !errors.Is(err, kerr.InvalidRegularExpression) {
			t.Errorf("%.30s...: %v", hostile, err)
		}
	}
	if _, err := compileRegex("("); !errors.Is(err, kerr.InvalidRegularExpression) {
		t.Errorf("no pattern: %v", err)
	}
}
