package transforms

import (
	"testing"

	"github.com/kgo-project/kgo/connect"
)

func TestPredicatesChooseWhatIsTransformed(t *testing.T) {
	chain, err := Chain(connect.Config{
		"transforms": "drop, route", "predicates": "tomb,logs",
		"transforms.drop.type": "Filter", "transforms.drop.predicate": "tomb",
		"transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.route.regex": "(.*)", "transforms.route.replacement": "other-$1",
		"transforms.route.predicate": "logs", "transforms.route.negate": "true",
		"predicates.tomb.type": "RecordIsTombstone", "predicates.logs.type": "TopicNameMatches", "predicates.logs.pattern": "logs-.*",
	})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(topic string, value any) string {
		r := &connect.Record{Topic: topic, Value: connect.Value{Data: value}}
		for i := range chain {
			if r, err = chain[i].Apply(r); err != nil {
				t.Fatal(err)
			}
			if r == nil {
				return "dropped"
			}
		}
		return r.Topic
	}
	for _, c := range []struct {
		topic string
		value any
		want  string
	}{{"logs-a", "x", "logs-a"}, {"a", "x", "other-a"}, {"a", nil, "dropped"}, {"logs-a", nil, "dropped"}} {
		if got := apply(c.topic, c.value); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.topic, c.value, got, c.want)
		}
	}
}

func TestBadChainsAreRefused(t *testing.T) {
	for _, c := range []struct {
		config connect.Config
		want   string
	}{
		{connect.Config{"transforms": "a"}, "Invalid value  for configuration transforms.a.type: Class  could not be found."},
		{connect.Config{"transforms": "a", "transforms.a.type": "Filter", "transforms.a.predicate": "p"}, "transforms.a.predicate=p: predicates lists no p"},
		{connect.Config{"predicates": "p", "predicates.p.type": "Filter"}, "Invalid value Filter for configuration predicates.p.type: Class Filter could not be found."},
		{connect.Config{"predicates": "p", "predicates.p.type": "HasHeaderKey"}, `Missing required configuration "name" which has no default value.`},
	} {
		if _, err := Chain(c.config); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.config, err, c.want)
		}
	}
}
