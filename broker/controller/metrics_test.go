package controller

import (
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/metrics"
)

func TestUncleanElectionsAreCounted(t *testing.T) {
	n := startNode(t)
	reg := metrics.NewRegistry()
	n.ctl.RegisterMetrics(reg)
	n.ctl.unclean.Add(2)
	var b strings.Builder
	if _, err := reg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), metrics.UncleanLeaderElections+" 2\n") {
		t.Errorf("unclean elections are missing in\n%s", b.String())
	}
}
