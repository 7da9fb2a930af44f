package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/config"
)

// A node with an address for metrics shows its traffic there, under Kafka's names.
func TestMetricsOfANode(t *testing.T) {
	layers, cfg, _, err := config.Load(config.LoadOptions{Overrides: []string{
		"listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=" + t.TempDir(), "kgo.metrics.listener=127.0.0.1:0",
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := Start(ctx, Options{Layers: layers, Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Addr("PLAINTEXT").String()), kgo.DefaultProduceTopic("traffic"), kgo.ConsumeTopics("traffic"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(ctx, 2, 1, nil, "traffic"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		client.Produce(ctx, kgo.StringRecord("hello"), nil)
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 10; {
		n += client.PollFetches(ctx).NumRecords()
	}
	if got := get(t, s, "/readyz"); got != "ok\n" {
		t.Errorf("/readyz: %q", got)
	}
	const counted = `kafka_network_requestmetrics_totaltimems_count{request="Produce"} `
	text := get(t, s, "/metrics")
	for ; !strings.Contains(text, counted) && ctx.Err() == nil; text = get(t, s, "/metrics") { // a request is counted when its answer has left
	}
	for _, want := range []string{
		`kafka_server_brokertopicmetrics_messagesin_total{topic="traffic"} 10`,
		"kafka_server_brokertopicmetrics_messagesin_total 10",
		`kafka_cluster_partition_insyncreplicascount{topic="traffic",partition="1"} 1`,
		"kafka_server_replicamanager_underreplicatedpartitions 0",
		"kafka_controller_kafkacontroller_activecontrollercount 1",
		"kafka_controller_kafkacontroller_offlinepartitionscount 0",
		"kafka_log_logmanager_offlinelogdirectorycount 0",
		`kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"} `,
		counted,
		`kgo_build_info{version="test"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	if _, err := admin.DeleteTopic(ctx, "traffic"); err != nil {
		t.Fatal(err)
	}
	for strings.Contains(get(t, s, "/metrics"), `messagesin_total{topic="traffic"}`) {
		if ctx.Err() != nil {
			t.Fatal("the deleted topic keeps its series")
		}
	}
}

func get(t *testing.T, s *Server, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
