package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
)

// topicCreation creates the topics of a source connector by its topic.creation.* settings (KIP-158). Without any of those it is
// nil and topics are left to the brokers' own creation.
type topicCreation struct {
	admin  *client.Client
	groups []topicGroup // the default one last
	known  map[string]bool
}

// topicGroup is what topics whose names match are created with.
type topicGroup struct {
	name             string
	include, exclude []*regexp.Regexp
	partitions       int32
	replicas         int16
	configs          map[string]*string
}

const creationPrefix = "topic.creation."

func newTopicCreation(worker, config connect.Config) (*topicCreation, error) {
	used := false
	for k := range config {
		used = used || strings.HasPrefix(k, creationPrefix)
	}
	if !used || !worker.Bool("topic.creation.enable", true) {
		return nil, nil
	}
	c := &topicCreation{known: make(map[string]bool)}
	defaults := config.Prefixed(creationPrefix + "default.")
	for _, name := range append(slices.DeleteFunc(config.List("topic.creation.groups"), func(s string) bool { return s == "default" }), "default") {
		g, err := newTopicGroup(name, config.Prefixed(creationPrefix+name+"."), defaults)
		if err != nil {
			return nil, err
		}
		c.groups = append(c.groups, g)
	}
	return c, nil
}

func newTopicGroup(name string, own, defaults connect.Config) (topicGroup, error) {
	g := topicGroup{name: name, configs: make(map[string]*string)}
	prefix := creationPrefix + name + "."
	bad := func(key, value, text string) error {
		return &connect.DataError{Class: configException, Text: fmt.Sprintf("Invalid value %s for configuration %s%s: %s", value, prefix, key, text)}
	}
	count := func(key string, bits int) (int64, error) {
		text, ok := own[key]
		if !ok {
			text, ok = defaults[key]
		}
		if !ok {
			return 0, &connect.DataError{Class: configException, Text: fmt.Sprintf("Missing required configuration %q which has no default value.", creationPrefix+"default."+key)}
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, bits)
		if err != nil {
			return 0, bad(key, text, "Not a number of type "+map[int]string{16: "SHORT", 32: "INT"}[bits])
		}
		if n != -1 && n < 1 {
			what := map[int]string{16: "Replication factor", 32: "Number of partitions"}[bits]
			return 0, bad(key, text, what+" must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default")
		}
		return n, nil
	}
	partitions, err := count("partitions", 32)
	if err != nil {
		return g, err
	}
	replicas, err := count("replication.factor", 16)
	if err != nil {
		return g, err
	}
	g.partitions, g.replicas = int32(partitions), int16(replicas)
	for _, from := range []connect.Config{defaults, own} {
		for k, v := range from {
			if !slices.Contains([]string{"include", "exclude", "partitions", "replication.factor"}, k) {
				g.configs[k] = &v
			}
		}
	}
	if name == "default" {
		return g, nil
	}
	if len(own.List("include")) == 0 {
		return g, &connect.DataError{Class: configException, Text: fmt.Sprintf("Missing required configuration %q which has no default value.", prefix+"include")}
	}
	for key, into := range map[string]*[]*regexp.Regexp{"include": &g.include, "exclude": &g.exclude} {
		for _, pattern := range own.List(key) {
			re, err := regexp.Compile("^(?:" + pattern + ")$")
			if err != nil {
				return g, bad(key, own[key], "Syntax error in regular expression: "+err.Error())
			}
			*into = append(*into, re)
		}
	}
	return g, nil
}

const configException = "org.apache.kafka.common.config.ConfigException"

// group finds the settings for a topic: those of the first group that includes it.
func (c *topicCreation) group(topic string) *topicGroup {
	matches := func(list []*regexp.Regexp) bool {
		return slices.ContainsFunc(list, func(re *regexp.Regexp) bool { return re.MatchString(topic) })
	}
	for i, g := range c.groups {
		if g.name == "default" || matches(g.include) && !matches(g.exclude) {
			return &c.groups[i]
		}
	}
	return &c.groups[len(c.groups)-1]
}

// ensure creates a topic unless it is there.
func (c *topicCreation) ensure(ctx context.Context, topic string) error {
	if c == nil || c.known[topic] {
		return nil
	}
	g := c.group(topic)
	var resp kadm.CreateTopicResponse
	err := untilPresent(ctx, c.admin, func() error {
		found, err := c.admin.Admin.ListTopics(ctx, topic)
		if absent(c.admin.Cause(err)) || err == nil && found.Has(topic) {
			return err
		}
		resp, err = c.admin.Admin.CreateTopic(ctx, g.partitions, g.replicas, maps.Clone(g.configs), topic)
		return err
	})
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		text := c.admin.Cause(err).Error()
		if resp.ErrMessage != "" {
			text = resp.ErrMessage
		}
		return &connect.DataError{
			Class: "org.apache.kafka.connect.errors.ConnectException",
			Text:  "Task failed to create new topic " + topic + ". Ensure that the task is authorized to create topics or that the topic exists and restart the task",
			Cause: &connect.DataError{Class: "org.apache.kafka.connect.errors.ConnectException", Text: text},
		}
	}
	c.known[topic] = true
	return nil
}
