package controller

import (
	"github.com/kgo-project/kgo/broker/metrics"
)

// RegisterMetrics adds to reg what only the controller knows; what the metadata image tells is the server's to register.
func (c *Controller) RegisterMetrics(reg *metrics.Registry) {
	reg.Collect(metrics.UncleanLeaderElections, "Leaders elected from outside the ISR.", metrics.KindCounter, func(emit metrics.Emit) { emit(float64(c.unclean.Load())) })
}
