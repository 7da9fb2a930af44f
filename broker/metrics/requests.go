package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests measures the requests of the socket server: Kafka's RequestMetrics. It implements what broker/wire asks of its metrics.
type Requests struct {
	reg  *Registry
	apis [maxAPIKey]atomic.Pointer[api]
}

const (
	maxAPIKey  = 128
	maxVersion = 32
)

// api is what is measured of one api key, made at its first request.
type api struct {
	name                                                    string
	versions                                                [maxVersion]atomic.Pointer[Counter]
	requestBytes, responseBytes, total, local, remote, send *Summary
}

// NewRequests registers the request metrics.
func NewRequests(reg *Registry) *Requests {
	return &Requests{reg: reg}
}

// Request counts one answered request.
func (m *Requests) Request(key, version int16, requestBytes, responseBytes int, local, total, send time.Duration) {
	if key < 0 || key >= maxAPIKey || version < 0 || version >= maxVersion {
		return
	}
	a := m.apis[key].Load()
	if a == nil {
		a = m.newAPI(key)
	}
	n := a.versions[version].Load()
	if n == nil {
		n = m.reg.Counter("kafka_network_requestmetrics_requests_total", "Requests answered, by request and version.", "request", a.name, "version", strconv.Itoa(int(version)))
		a.versions[version].Store(n)
	}
	n.Inc()
	a.requestBytes.observe(int64(requestBytes))
	a.responseBytes.observe(int64(responseBytes))
	a.total.Observe(total)
	a.local.Observe(local)
	a.remote.Observe(max(total-local-send, 0))
	a.send.Observe(send)
}

func (m *Requests) newAPI(key int16) *api {
	name := apiName(key)
	time := func(metric, help string) *Summary {
		return m.reg.Summary("kafka_network_requestmetrics_"+metric, help, "request", name)
	}
	size := func(metric, help string) *Summary {
		s := time(metric, help)
		s.bytes.Store(true)
		return s
	}
	a := &api{
		name:          name,
		requestBytes:  size("requestbytes", "Size of requests in bytes."),
		responseBytes: size("responsebytes", "Size of responses in bytes."),
		total:         time("totaltimems", "Time from a request's last byte read to its response's last byte written, in ms."),
		local:         time("localtimems", "Time in the request's handler, in ms."),
		remote:        time("remotetimems", "Time between the handler's end and the start of sending: waiting for followers, data or the coordinator, in ms."),
		send:          time("responsesendtimems", "Time to write the response, in ms."),
	}
	m.apis[key].Store(a)
	return a
}

// Error counts an error code that a response carries. Handlers call it; "NONE" is counted as well, as in Kafka.
func (m *Requests) Error(key int16, code string) {
	m.reg.Counter("kafka_network_requestmetrics_errors_total", "Error codes in responses, by request.", "request", apiName(key), "error", code).Inc()
}

// ConnectionOpened counts a connection of a listener.
func (m *Requests) ConnectionOpened(listener string) {
	m.reg.Gauge("kafka_server_socket_server_metrics_connection_count", "Open connections.", "listener", listener).Add(1)
	m.reg.Counter("kafka_server_socket_server_metrics_connection_creation_total", "Connections opened.", "listener", listener).Inc()
}

// ConnectionClosed counts a connection's end.
func (m *Requests) ConnectionClosed(listener string) {
	m.reg.Gauge("kafka_server_socket_server_metrics_connection_count", "Open connections.", "listener", listener).Add(-1)
	m.reg.Counter("kafka_server_socket_server_metrics_connection_close_total", "Connections closed.", "listener", listener).Inc()
}

// spelled are the names that Kafka spells differently from kmsg.
var spelled = map[int16]string{
	4: "LeaderAndIsr", 17: "SaslHandshake", 22: "InitProducerId", 29: "DescribeAcls", 30: "CreateAcls", 31: "DeleteAcls", 36: "SaslAuthenticate",
	45: "AlterPartitionReassignments", 50: "DescribeUserScramCredentials", 51: "AlterUserScramCredentials", 67: "AllocateProducerIds",
}

func apiName(key int16) string {
	if name, ok := spelled[key]; ok {
		return name
	}
	return kmsg.NameForKey(key)
}
