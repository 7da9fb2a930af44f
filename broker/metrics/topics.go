package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// TopicCounters counts the traffic of one topic, or of all together: Kafka's BrokerTopicMetrics.
type TopicCounters struct {
	MessagesIn, BytesIn, BytesOut, BytesRejected *Counter
	ProduceRequests, FetchRequests               *Counter
	FailedProduce, FailedFetch                   *Counter
	MessageConversions                           *Counter // produced in the old formats and converted
}

// Topics holds the counters of all topics. A reader of a known topic takes no lock.
type Topics struct {
	reg     *Registry
	All     *TopicCounters // the sum over all topics, the series without a topic label
	mu      sync.Mutex
	byTopic atomic.Pointer[map[string]*TopicCounters]

	ReplicationBytesIn, ReplicationBytesOut *Counter
}

var topicFamilies = []struct {
	name, help string
	field      func(*TopicCounters) **Counter
}{
	{"messagesin", "Records produced.", func(c *TopicCounters) **Counter { return &c.MessagesIn }},
	{"bytesin", "Bytes produced.", func(c *TopicCounters) **Counter { return &c.BytesIn }},
	{"bytesout", "Bytes fetched by consumers.", func(c *TopicCounters) **Counter { return &c.BytesOut }},
	{"bytesrejected", "Bytes of refused batches.", func(c *TopicCounters) **Counter { return &c.BytesRejected }},
	{"totalproducerequests", "Produce requests, counted for each partition in them.", func(c *TopicCounters) **Counter { return &c.ProduceRequests }},
	{"totalfetchrequests", "Fetch requests, counted for each partition in them.", func(c *TopicCounters) **Counter { return &c.FetchRequests }},
	{"failedproducerequests", "Produce requests that failed, counted for each partition.", func(c *TopicCounters) **Counter { return &c.FailedProduce }},
	{"failedfetchrequests", "Fetch requests that failed, counted for each partition.", func(c *TopicCounters) **Counter { return &c.FailedFetch }},
	{"producemessageconversions", "Records converted from an old format.", func(c *TopicCounters) **Counter { return &c.MessageConversions }},
}

const topicPrefix = "kafka_server_brokertopicmetrics_"

// NewTopics registers the topic counters.
func NewTopics(reg *Registry) *Topics {
	t := &Topics{reg: reg}
	t.All = t.newCounters()
	t.ReplicationBytesIn = reg.Counter(topicPrefix+"replicationbytesin_total", "Bytes fetched from leaders.")
	t.ReplicationBytesOut = reg.Counter(topicPrefix+"replicationbytesout_total", "Bytes fetched by followers.")
	t.byTopic.Store(&map[string]*TopicCounters{})
	return t
}

func (t *Topics) newCounters(labels ...string) *TopicCounters {
	c := &TopicCounters{}
	for _, f := range topicFamilies {
		*f.field(c) = t.reg.Counter(topicPrefix+f.name+"_total", f.help, labels...)
	}
	return c
}

// Topic gives a topic's counters, made on first use. What is counted there is to be counted in All as well.
func (t *Topics) Topic(name string) *TopicCounters {
	if c, ok := (*t.byTopic.Load())[name]; ok {
		return c
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.byTopic.Load()
	if c, ok := old[name]; ok {
		return c
	}
	name = strings.Clone(name) // the caller's may lie in a request's buffer
	next := make(map[string]*TopicCounters, len(old)+1)
	maps.Copy(next, old)
	c := t.newCounters("topic", name)
	next[name] = c
	t.byTopic.Store(&next)
	return c
}

// Remove ends the series of a topic that is deleted.
func (t *Topics) Remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.byTopic.Load()
	if _, ok := old[name]; !ok {
		return
	}
	next := make(map[string]*TopicCounters, len(old))
	for k, v := range old {
		if k != name {
			next[k] = v
		}
	}
	t.byTopic.Store(&next)
	for _, f := range topicFamilies {
		t.reg.Remove(topicPrefix+f.name+"_total", "topic", name)
	}
}
