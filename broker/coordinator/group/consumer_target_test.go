package group

import (
	"errors"
	"slices"
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

// countedTopics counts how often its names are listed.
type countedTopics struct {
	topicTable
	version, listed int64
}

func (t *countedTopics) TopicsVersion() int64 { return t.version }
func (t *countedTopics) TopicNames() []string { t.listed++; return t.topicTable.TopicNames() }

// Patterns are matched again only when topics have come or gone.
func TestPatternsAreMatchedOnce(t *testing.T) {
	topics := &countedTopics{topicTable: topicTable{"a1": 1, "a2": 1, "b": 1}}
	s := &shard{topics: topics}
	for range 10 {
		if got := s.matchingTopics("a."); !slices.Equal(got, []string{"a1", "a2"}) {
			t.Fatal(got)
		}
	}
	if topics.listed != 1 {
		t.Errorf("the topics were listed %d times", topics.listed)
	}
	topics.topicTable["a3"], topics.version = 1, 1
	if got := s.matchingTopics("a."); !slices.Equal(got, []string{"a1", "a2", "a3"}) {
		t.Error(got)
	}
}
