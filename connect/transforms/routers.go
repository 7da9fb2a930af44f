package transforms

import (
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/javatime"
)

func regexRouterPlugins() []*Plugin {
	return plain("RegexRouter", []connect.ConfigKey{
		required("regex", "STRING", "HIGH", "The pattern that the whole topic name has to match.", validRegex),
		required("replacement", "STRING", "HIGH", "The new topic name; $1 and ${name} are groups of the pattern.", nil),
	}, func(s settings) (connect.Transform, error) {
		re, err := compileRegex(s.Config["regex"])
		return &regexRouter{re, s.Config["replacement"]}, err
	})
}

// regexRouter renames topics by a pattern.
type regexRouter struct {
	regex    *regexp2.Regexp
	template string
}

func (t *regexRouter) Apply(r *connect.Record) (*connect.Record, error) {
	m, err := t.regex.FindStringMatch(r.Topic)
	if err != nil || m == nil {
		return r, err
	}
	topic, err := replacement(t.template, m)
	if err != nil {
		return nil, err
	}
	c := *r
	c.Topic = topic
	return &c, nil
}

func timestampRouterPlugins() []*Plugin {
	return plain("TimestampRouter", []connect.ConfigKey{
		defaulted("topic.format", "STRING", "${topic}-${timestamp}", "HIGH", "The new topic name, with ${topic} and ${timestamp} in it.", nil),
		defaulted("timestamp.format", "STRING", "yyyyMMdd", "HIGH", "How the record's time is written: a pattern of Java's SimpleDateFormat.", nil),
	}, func(s settings) (connect.Transform, error) {
		f, err := compileFormat(s.Config["timestamp.format"])
		return &timestampRouter{topic: s.Config["topic.format"], format: f, bad: err}, nil
	})
}

// timestampRouter puts a record's time into its topic's name.
type timestampRouter struct {
	topic  string
	format *javatime.Format
	bad    error // of the pattern: Java compiles it at the first record
}

func (t *timestampRouter) Apply(r *connect.Record) (*connect.Record, error) {
	if r.TimestampMs == connect.NoTimestamp {
		return nil, dataErrorf("Timestamp missing on record: topic=%s partition=%d", r.Topic, r.Partition)
	}
	if t.bad != nil {
		return nil, t.bad
	}
	c := *r
	c.Topic = strings.NewReplacer("${topic}", r.Topic, "${timestamp}", t.format.Format(time.UnixMilli(r.TimestampMs))).Replace(t.topic)
	return &c, nil
}

func filterPlugins() []*Plugin {
	return plain("Filter", nil, func(settings) (connect.Transform, error) { return filter{}, nil })
}

// filter drops every record that it is given; a predicate chooses them.
type filter struct{}

func (filter) Apply(*connect.Record) (*connect.Record, error) { return nil, nil }
