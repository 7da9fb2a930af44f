package commands

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// objectName is the name of an MBean: DOMAIN:KEY=VALUE,...
type objectName struct {
	domain     string
	properties [][2]string // in Kafka's order
}

func (n objectName) String() string {
	parts := make([]string, 0, len(n.properties))
	for _, p := range n.properties {
		parts = append(parts, p[0]+"="+p[1])
	}
	return n.domain + ":" + strings.Join(parts, ",")
}

// match reports whether a name or pattern, of which the properties may stand in any order, means this object.
func (n objectName) match(pattern string) bool {
	domain, properties, _ := strings.Cut(pattern, ":")
	if !globbed(domain, n.domain) {
		return false
	}
	more, seen := false, 0
	for p := range strings.SplitSeq(properties, ",") {
		if p == "*" {
			more = true
			continue
		}
		key, value, _ := strings.Cut(p, "=")
		i := slices.IndexFunc(n.properties, func(have [2]string) bool { return have[0] == key })
		if i < 0 || !globbed(value, n.properties[i][1]) {
			return false
		}
		seen++
	}
	return more || seen == len(n.properties)
}

// globbed matches * and ?; a slash is a character as any other, and so are brackets.
func globbed(pattern, s string) bool {
	escape := strings.NewReplacer("/", "\x00", "[", "\x01", "]", "\x02", `\`, "\x03")
	ok, err := path.Match(escape.Replace(pattern), escape.Replace(s))
	return ok && err == nil
}

// jmxValue is an attribute of an object.
type jmxValue struct {
	object    objectName
	attribute string
	text      string
}

func (v jmxValue) key() string { return v.object.String() + ":" + v.attribute }

// mbeans are the objects of Kafka that kgo's metrics have values for. The metric's name follows from the object's:
// kafka.server:type=ReplicaManager,name=LeaderCount is kafka_server_replicamanager_leadercount, and ...PerSec is ..._total.
var mbeans = []string{
	"kafka.server:ReplicaManager:LeaderCount", "kafka.server:ReplicaManager:PartitionCount", "kafka.server:ReplicaManager:OfflineReplicaCount",
	"kafka.server:ReplicaManager:UnderReplicatedPartitions", "kafka.server:ReplicaManager:UnderMinIsrPartitionCount",
	"kafka.server:ReplicaManager:AtMinIsrPartitionCount", "kafka.server:ReplicaManager:ReassigningPartitions",
	"kafka.server:ReplicaManager:IsrShrinksPerSec", "kafka.server:ReplicaManager:IsrExpandsPerSec", "kafka.server:ReplicaManager:FailedIsrUpdatesPerSec",
	"kafka.server:ReplicaFetcherManager:MaxLag", "kafka.server:ReplicaFetcherManager:FailedPartitionsCount",
	"kafka.server:FetchSessionCache:NumIncrementalFetchSessions", "kafka.server:FetchSessionCache:NumIncrementalFetchPartitionsCached",
	"kafka.server:FetchSessionCache:IncrementalFetchSessionEvictionsPerSec", "kafka.server:DelayedOperationPurgatory:PurgatorySize",
	"kafka.server:KafkaServer:BrokerState", "kafka.server:KafkaRequestHandlerPool:RequestHandlerAvgIdlePercent",
	"kafka.server:BrokerTopicMetrics:MessagesInPerSec", "kafka.server:BrokerTopicMetrics:BytesInPerSec", "kafka.server:BrokerTopicMetrics:BytesOutPerSec",
	"kafka.server:BrokerTopicMetrics:BytesRejectedPerSec", "kafka.server:BrokerTopicMetrics:ReplicationBytesInPerSec",
	"kafka.server:BrokerTopicMetrics:ReplicationBytesOutPerSec", "kafka.server:BrokerTopicMetrics:TotalProduceRequestsPerSec",
	"kafka.server:BrokerTopicMetrics:TotalFetchRequestsPerSec", "kafka.server:BrokerTopicMetrics:FailedProduceRequestsPerSec",
	"kafka.server:BrokerTopicMetrics:FailedFetchRequestsPerSec", "kafka.server:BrokerTopicMetrics:ProduceMessageConversionsPerSec",
	"kafka.server:BrokerTopicMetrics:FetchMessageConversionsPerSec",
	"kafka.cluster:Partition:UnderMinIsr", "kafka.cluster:Partition:AtMinIsr", "kafka.cluster:Partition:InSyncReplicasCount", "kafka.cluster:Partition:ReplicasCount",
	"kafka.log:Log:Size", "kafka.log:Log:LogEndOffset", "kafka.log:Log:LogStartOffset", "kafka.log:Log:NumLogSegments",
	"kafka.log:LogManager:OfflineLogDirectoryCount", "kafka.log:LogManager:LogDirectoryOffline", "kafka.log:LogFlushStats:LogFlushRateAndTimeMs",
	"kafka.controller:KafkaController:ActiveControllerCount", "kafka.controller:KafkaController:ActiveBrokerCount",
	"kafka.controller:KafkaController:FencedBrokerCount", "kafka.controller:KafkaController:GlobalTopicCount",
	"kafka.controller:KafkaController:GlobalPartitionCount", "kafka.controller:KafkaController:OfflinePartitionsCount",
	"kafka.controller:KafkaController:PreferredReplicaImbalanceCount", "kafka.controller:ControllerStats:UncleanLeaderElectionsPerSec",
	"kafka.coordinator.group:GroupMetadataManager:NumGroups", "kafka.coordinator.group:GroupMetadataManager:NumOffsets",
	"kafka.network:RequestChannel:RequestQueueSize", "kafka.network:SocketServer:NetworkProcessorAvgIdlePercent",
	"kafka.network:RequestMetrics:RequestsPerSec", "kafka.network:RequestMetrics:ErrorsPerSec", "kafka.network:RequestMetrics:TotalTimeMs",
	"kafka.network:RequestMetrics:LocalTimeMs", "kafka.network:RequestMetrics:RemoteTimeMs", "kafka.network:RequestMetrics:RequestQueueTimeMs",
	"kafka.network:RequestMetrics:ResponseQueueTimeMs", "kafka.network:RequestMetrics:ResponseSendTimeMs", "kafka.network:RequestMetrics:ThrottleTimeMs",
	"kafka.network:RequestMetrics:RequestBytes", "kafka.network:RequestMetrics:ResponseBytes",
}

// attributes of objects that have several, and of those of the JVM that have a counterpart: metric, object, attribute, factor.
var jmxAttributes = []struct {
	metric, domain, kind, attribute string
	factor                          float64
}{
	{"kafka_server_socket_server_metrics_connection_count", "kafka.server", "socket-server-metrics", "connection-count", 1},
	{"kafka_server_socket_server_metrics_connection_creation_total", "kafka.server", "socket-server-metrics", "connection-creation-total", 1},
	{"kafka_server_socket_server_metrics_connection_close_total", "kafka.server", "socket-server-metrics", "connection-close-total", 1},
	{"kafka_server_raftmetrics_current_leader", "kafka.server", "raft-metrics", "current-leader", 1},
	{"kafka_server_raftmetrics_current_epoch", "kafka.server", "raft-metrics", "current-epoch", 1},
	{"kafka_server_raftmetrics_current_vote", "kafka.server", "raft-metrics", "current-vote", 1},
	{"kafka_server_raftmetrics_high_watermark", "kafka.server", "raft-metrics", "high-watermark", 1},
	{"kafka_server_raftmetrics_log_end_offset", "kafka.server", "raft-metrics", "log-end-offset", 1},
	{"kafka_server_raftmetrics_append_records_rate", "kafka.server", "raft-metrics", "append-records-rate", 1},
	{"kafka_server_raftmetrics_commit_latency_avg", "kafka.server", "raft-metrics", "commit-latency-avg", 1},
	{"kafka_server_brokermetadatametrics_last_applied_record_offset", "kafka.server", "broker-metadata-metrics", "last-applied-record-offset", 1},
	{"kafka_server_kafkaserver_linux_disk_read_bytes", "kafka.server", "KafkaServer,name=linux-disk-read-bytes", "Value", 1},
	{"kafka_server_kafkaserver_linux_disk_write_bytes", "kafka.server", "KafkaServer,name=linux-disk-write-bytes", "Value", 1},
	{"process_open_fds", "java.lang", "OperatingSystem", "OpenFileDescriptorCount", 1},
	{"process_max_fds", "java.lang", "OperatingSystem", "MaxFileDescriptorCount", 1},
	{"process_cpu_seconds_total", "java.lang", "OperatingSystem", "ProcessCpuTime", 1e9},
	{"process_start_time_seconds", "java.lang", "Runtime", "StartTime", 1e3},
}

// metricName is what the JMX exporter's rules make of an object's name.
func metricName(domain, kind, name string) string {
	name = strings.ToLower(name)
	if short, ok := strings.CutSuffix(name, "persec"); ok {
		name = short + "_total"
	} else if short, ok := strings.CutSuffix(name, "percent"); ok {
		name = short + "_percent"
	}
	return strings.ReplaceAll(strings.ToLower(domain), ".", "_") + "_" + strings.ToLower(kind) + "_" + name
}

// sample is one line of the text format of metrics.
type sample struct {
	name   string
	labels [][2]string
	value  float64
}

// parseSamples reads the text format, and skips what it does not understand.
func parseSamples(text string) []sample {
	var out []sample
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var s sample
		var rest string
		if i := strings.IndexByte(line, '{'); i >= 0 {
			s.name = line[:i]
			var ok bool
			if s.labels, rest, ok = parseLabels(line[i+1:]); !ok {
				continue
			}
		} else {
			s.name, rest, _ = strings.Cut(line, " ")
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			continue
		}
		s.value = v
		out = append(out, s)
	}
	return out
}

// parseLabels reads name="value",...} and returns what follows.
func parseLabels(s string) (labels [][2]string, rest string, ok bool) {
	for {
		s = strings.TrimLeft(s, ", ")
		if rest, done := strings.CutPrefix(s, "}"); done {
			return labels, rest, true
		}
		name, quoted, found := strings.Cut(s, `="`)
		if !found {
			return nil, "", false
		}
		end := 0
		for end < len(quoted) && quoted[end] != '"' {
			if quoted[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(quoted) {
			return nil, "", false
		}
		value := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(quoted[:end])
		labels = append(labels, [2]string{name, value})
		s = quoted[end+1:]
	}
}

// jmxValues turns metrics into attributes of MBeans.
func jmxValues(text string, now time.Time) []jmxValue {
	samples := parseSamples(text)
	uptime := 0.0
	for _, s := range samples {
		if s.name == "process_start_time_seconds" {
			uptime = float64(now.UnixMilli())/1e3 - s.value
		}
	}
	known := make(map[string][3]string, len(mbeans)) // by metric: domain, type, name
	for _, m := range mbeans {
		parts := [3]string(strings.SplitN(m, ":", 3))
		known[metricName(parts[0], parts[1], parts[2])] = parts
	}
	sums := make(map[string]float64) // of a summary, until its count follows
	var out []jmxValue
	for _, s := range samples {
		out = append(out, s.attributes(known, sums, uptime)...)
	}
	return out
}

// quantiles of a summary, by the names that Kafka's histograms give them.
var jmxQuantiles = map[string]string{
	"0.50": "50thPercentile", "0.5": "50thPercentile", "0.75": "75thPercentile", "0.95": "95thPercentile", "0.98": "98thPercentile",
	"0.99": "99thPercentile", "0.999": "999thPercentile",
}

func (s sample) attributes(known map[string][3]string, sums map[string]float64, uptime float64) []jmxValue {
	for _, a := range jmxAttributes {
		if a.metric == s.name {
			v := a.domain + ":" + a.kind
			return []jmxValue{{namedObject(v, s.labels), a.attribute, jmxNumber(math.Round(s.value*a.factor*1e3) / 1e3)}}
		}
	}
	if m, ok := known[s.name]; ok {
		quantile, labels := takeLabel(s.labels, "quantile")
		object := namedObject(m[0]+":"+m[1]+",name="+m[2], labels)
		switch {
		case quantile != "":
			if attribute := jmxQuantiles[quantile]; attribute != "" {
				return []jmxValue{{object, attribute, javaDouble(s.value)}}
			}
			return nil
		case strings.HasSuffix(s.name, "_total"):
			values := []jmxValue{{object, "Count", jmxNumber(s.value)}, {object, "RateUnit", "SECONDS"}}
			if uptime > 0 {
				values = append(values, jmxValue{object, "MeanRate", javaDouble(s.value / uptime)})
			}
			return values
		}
		return []jmxValue{{object, "Value", jmxNumber(s.value)}}
	}
	for _, suffix := range []string{"_sum", "_count"} {
		base, ok := strings.CutSuffix(s.name, suffix)
		m, summary := known[base]
		if !ok || !summary {
			continue
		}
		object := namedObject(m[0]+":"+m[1]+",name="+m[2], s.labels)
		if suffix == "_sum" {
			sums[object.String()] = s.value
			return nil
		}
		values := []jmxValue{{object, "Count", jmxNumber(s.value)}}
		if s.value > 0 {
			values = append(values, jmxValue{object, "Mean", javaDouble(sums[object.String()] / s.value)})
		}
		return values
	}
	return []jmxValue{{namedObject("kgo:metrics,name="+s.name, s.labels), "Value", jmxNumber(s.value)}}
}

// namedObject makes an object of DOMAIN:TYPE[,name=NAME] and a metric's labels.
func namedObject(text string, labels [][2]string) objectName {
	domain, rest, _ := strings.Cut(text, ":")
	kind, name, named := strings.Cut(rest, ",name=")
	n := objectName{domain: domain, properties: [][2]string{{"type", kind}}}
	if named {
		n.properties = append(n.properties, [2]string{"name", name})
	}
	n.properties = append(n.properties, labels...)
	return n
}

func takeLabel(labels [][2]string, name string) (value string, rest [][2]string) {
	for _, l := range labels {
		if l[0] == name {
			value = l[1]
		} else {
			rest = append(rest, l)
		}
	}
	return value, rest
}

// jmxNumber prints whole numbers as Java prints longs.
func jmxNumber(v float64) string {
	if v == float64(int64(v)) {
		return strconv.FormatInt(int64(v), 10)
	}
	return javaDouble(v)
}
