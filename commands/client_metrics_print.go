package commands

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// clientMetrics counts what a client does, for --print-metrics. It is a set of hooks of the client.
type clientMetrics struct {
	opened                    time.Time
	batches, records          atomic.Int64
	raw, compressed           atomic.Int64 // bytes of batches
	connections, requests     atomic.Int64
	out, in, latency, slowest atomic.Int64 // bytes, bytes, ns, ns
}

// OnNewClient notes when it began.
func (m *clientMetrics) OnNewClient(*kgo.Client) { m.opened = time.Now() }

// OnBrokerConnect counts connections.
func (m *clientMetrics) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		m.connections.Add(1)
	}
}

// OnProduceBatchWritten counts a batch that was sent.
func (m *clientMetrics) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.ProduceBatchMetrics) {
	m.batch(b.NumRecords, b.UncompressedBytes, b.CompressedBytes)
}

// OnFetchBatchRead counts a batch that was received.
func (m *clientMetrics) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics) {
	m.batch(b.NumRecords, b.UncompressedBytes, b.CompressedBytes)
}

func (m *clientMetrics) batch(records, raw, compressed int) {
	m.batches.Add(1)
	m.records.Add(int64(records))
	m.raw.Add(int64(raw))
	m.compressed.Add(int64(compressed))
}

// OnBrokerE2E counts a request and its answer.
func (m *clientMetrics) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e kgo.BrokerE2E) {
	m.requests.Add(1)
	m.out.Add(int64(e.BytesWritten))
	m.in.Add(int64(e.BytesRead))
	took := int64(e.DurationE2E())
	m.latency.Add(took)
	for {
		slowest := m.slowest.Load()
		if took <= slowest || m.slowest.CompareAndSwap(slowest, took) {
			return
		}
	}
}

// print lists the figures under the names Kafka's clients have for them; kind is producer or consumer.
func (m *clientMetrics) print(w io.Writer, kind, clientID string) {
	seconds := max(time.Since(m.opened).Seconds(), 1e-3)
	tags := ":{client-id=" + clientID + "}"
	group, records, bytes, perBatch := kind+"-metrics:", "record-send", "outgoing-byte", "records-per-request-avg"
	if kind == "consumer" {
		group, records, bytes, perBatch = "consumer-fetch-manager-metrics:", "records-consumed", "bytes-consumed", "records-per-request-avg"
	}
	each := func(sum, n int64) float64 { return float64(sum) / float64(max(n, 1)) }
	own := kind + "-metrics:"
	figures := map[string]string{
		"app-info:version" + tags:                kafkaVersion,
		"app-info:commit-id" + tags:              "kgo " + version,
		"app-info:start-time-ms" + tags:          strconv.FormatInt(m.opened.UnixMilli(), 10),
		group + records + "-total" + tags:        fmt.Sprintf("%.3f", float64(m.records.Load())),
		group + records + "-rate" + tags:         fmt.Sprintf("%.3f", float64(m.records.Load())/seconds),
		group + bytes + "-total" + tags:          fmt.Sprintf("%.3f", float64(m.compressed.Load())),
		group + bytes + "-rate" + tags:           fmt.Sprintf("%.3f", float64(m.compressed.Load())/seconds),
		group + perBatch + tags:                  fmt.Sprintf("%.3f", each(m.records.Load(), m.batches.Load())),
		group + "batch-size-avg" + tags:          fmt.Sprintf("%.3f", each(m.compressed.Load(), m.batches.Load())),
		group + "compression-rate-avg" + tags:    fmt.Sprintf("%.3f", each(m.compressed.Load(), m.raw.Load())),
		own + "connection-creation-total" + tags: fmt.Sprintf("%.3f", float64(m.connections.Load())),
		own + "request-total" + tags:             fmt.Sprintf("%.3f", float64(m.requests.Load())),
		own + "request-rate" + tags:              fmt.Sprintf("%.3f", float64(m.requests.Load())/seconds),
		own + "request-latency-avg" + tags:       fmt.Sprintf("%.3f", each(m.latency.Load(), m.requests.Load())/1e6),
		own + "request-latency-max" + tags:       fmt.Sprintf("%.3f", float64(m.slowest.Load())/1e6),
		own + "network-io-total" + tags:          fmt.Sprintf("%.3f", float64(m.out.Load()+m.in.Load())),
		own + "incoming-byte-total" + tags:       fmt.Sprintf("%.3f", float64(m.in.Load())),
	}
	names := slices.Sorted(maps.Keys(figures))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	fmt.Fprintf(w, "\n%-*s   Value\n", width, "Metric Name")
	for _, name := range names {
		fmt.Fprintf(w, "%-*s : %s\n", width, name, figures[name])
	}
}
