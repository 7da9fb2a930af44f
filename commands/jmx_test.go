package commands

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const someMetrics = `# HELP kafka_server_replicamanager_leadercount Replicas.
# TYPE kafka_server_replicamanager_leadercount gauge
kafka_server_replicamanager_leadercount 7
kafka_server_brokertopicmetrics_messagesin_total{topic="a"} 50
kafka_network_requestmetrics_totaltimems{request="Fetch",quantile="0.50"} 0.5
kafka_network_requestmetrics_totaltimems_sum{request="Fetch"} 6
kafka_network_requestmetrics_totaltimems_count{request="Fetch"} 4
kafka_cluster_partition_underminisr{topic="we\"ird,}",partition="3"} 1
kafka_server_raftmetrics_current_leader 2
process_start_time_seconds 1000
kgo_something_total 3
broken{a="b 4
`

func TestMetricsHaveKafkasNames(t *testing.T) {
	got := make(map[string]string)
	for _, v := range jmxValues(someMetrics, time.Unix(1010, 0)) {
		got[v.key()] = v.text
	}
	for name, want := range map[string]string{
		"kafka.server:type=ReplicaManager,name=LeaderCount:Value":                         "7",
		"kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=a:Count":        "50",
		"kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=a:MeanRate":     "5.0",
		"kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Fetch:50thPercentile": "0.5",
		"kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Fetch:Mean":           "1.5",
		"kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Fetch:Count":          "4",
		`kafka.cluster:type=Partition,name=UnderMinIsr,topic=we"ird,},partition=3:Value`:  "1",
		"kafka.server:type=raft-metrics:current-leader":                                   "2",
		"java.lang:type=Runtime:StartTime":                                                "1000000",
		"kgo:type=metrics,name=kgo_something_total:Value":                                 "3",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestObjectNamesMatchPatterns(t *testing.T) {
	name := namedObject("kafka.server:BrokerTopicMetrics,name=MessagesInPerSec", [][2]string{{"topic", "a/b[c]"}})
	for pattern, want := range map[string]bool{
		"kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,topic=a/b[c]": true,
		"kafka.server:topic=a/b[c],name=MessagesInPerSec,type=BrokerTopicMetrics": true,
		"kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec":              false,
		"kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec,*":            true,
		"kafka.*:type=BrokerTopicMetrics,name=*,topic=?/b[c]":                     true,
		"kafka.network:*": false,
		"kafka.server:*":  true,
	} {
		if got := name.match(pattern); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

// FuzzMetrics feeds the reader of metrics, which come from whoever listens at the address, with anything.
func FuzzMetrics(f *testing.F) {
	f.Add(someMetrics)
	f.Add(`a{b="c\\",d="\"`)
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(jmxValues(text, time.Unix(0, 0))); n > 3*(strings.Count(text, "\n")+1) {
			t.Errorf("%d values of %d lines", n, strings.Count(text, "\n")+1)
		}
	})
}

// TestJmxWaitsForNamedObjectsOnly: --wait without a name, or with a pattern, has nothing that could be missing.
func TestJmxWaitsForNamedObjectsOnly(t *testing.T) {
	var asked atomic.Int32
	nothingYet := int32(0) // how often the server has nothing to tell
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text := someMetrics
		if asked.Add(1) <= nothingYet {
			text = ""
		}
		_, _ = io.WriteString(w, text)
	}))
	defer server.Close()
	run := func(words ...string) (out string, code int) {
		asked.Store(0)
		out, _, code = runKgo(append([]string{"jmx", "--jmx-url", server.URL, "--one-time", "--wait"}, words...))
		return out, code
	}
	if _, code := run(); code != 0 || asked.Load() != 1 {
		t.Errorf("without a name: exit code %d after %d questions", code, asked.Load())
	}
	if _, code := run("--object-name", "kafka.server:type=ReplicaManager,name=*"); code != 0 || asked.Load() != 1 {
		t.Errorf("with a pattern: exit code %d after %d questions", code, asked.Load())
	}
	nothingYet = 1
	out, code := run("--object-name", "kafka.server:type=ReplicaManager,name=LeaderCount")
	if code != 0 || asked.Load() != 3 || !strings.Contains(out, "7") { // nothing, found, printed
		t.Errorf("with a name: exit code %d after %d questions\n%s", code, asked.Load(), out)
	}
}
