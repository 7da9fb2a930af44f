package transforms

import (
	"github.com/dlclark/regexp2"

	"github.com/kgo-project/kgo/connect"
)

func hasHeaderKey() *Plugin {
	return predicate("HasHeaderKey", []connect.ConfigKey{
		required("name", "STRING", "MEDIUM", "The header's name.", connect.NonEmpty),
	}, func(s settings) (connect.Predicate, error) { return headerKey(s.Config["name"]), nil })
}

// headerKey is true of records with a header of that name.
type headerKey string

func (p headerKey) Test(r *connect.Record) bool {
	for _, h := range r.Headers {
		if h.Key == string(p) {
			return true
		}
	}
	return false
}

func recordIsTombstone() *Plugin {
	return predicate("RecordIsTombstone", nil, func(settings) (connect.Predicate, error) { return tombstone{}, nil })
}

// tombstone is true of records without a value.
type tombstone struct{}

func (tombstone) Test(r *connect.Record) bool { return r.Value.Data == nil }

func topicNameMatches() *Plugin {
	return predicate("TopicNameMatches", []connect.ConfigKey{
		required("pattern", "STRING", "MEDIUM", "The pattern that the whole topic name has to match.", nonEmptyRegex),
	}, func(s settings) (connect.Predicate, error) {
		re, err := compileRegex(s.Config["pattern"])
		return &topicName{re}, err
	})
}

// topicName is true of records whose topic's whole name matches.
type topicName struct{ regex *regexp2.Regexp }

func (p *topicName) Test(r *connect.Record) bool {
	ok, err := p.regex.MatchString(r.Topic)
	return ok && err == nil
}
