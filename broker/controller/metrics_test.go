package controller

import (
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/metrics"
)

func TestGaugesDescribeTheCluster(t *testing.T) {
	n := startNode(t)
	n.join(1)
	n.submit(creation("a", 3))
	reg := metrics.NewRegistry()
	n.ctl.RegisterMetrics(reg)
	var b strings.Builder
	if _, err := reg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"activecontrollercount 1", "globaltopiccount 1", "globalpartitioncount 3", "activebrokercount 1", "fencedbrokercount 0",
		"offlinepartitionscount 0", "preferredreplicaimbalancecount 0",
	} {
		if !strings.Contains(b.String(), "kafka_controller_kafkacontroller_"+want+"\n") {
			t.Errorf("%s is missing in\n%s", want, b.String())
		}
	}
}
