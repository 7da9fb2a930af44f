package metrics

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// RegisterProcess adds what Prometheus expects of every process, and what dashboards for Kafka take from the system.
func RegisterProcess(reg *Registry, version string) {
	start := float64(time.Now().UnixMilli()) / 1000
	reg.GaugeFunc("process_start_time_seconds", "Start time of the process since the Unix epoch, in seconds.", func() float64 { return start })
	reg.Gauge("kgo_build_info", "The running version, value 1.", "version", version, "go", runtime.Version()).Set(1)
	reg.GaugeFunc("go_goroutines", "Goroutines that exist.", func() float64 { return float64(runtime.NumGoroutine()) })
	reg.GaugeFunc("go_memstats_heap_inuse_bytes", "Bytes of heap objects, live or not yet swept.", func() float64 { return runtimeMetric("/memory/classes/heap/objects:bytes") })
	reg.GaugeFunc("go_memstats_sys_bytes", "Bytes obtained from the system.", func() float64 { return runtimeMetric("/memory/classes/total:bytes") })
	reg.Collect("go_gc_cycles_total", "Garbage collections done.", KindCounter, func(emit Emit) { emit(runtimeMetric("/gc/cycles/total:gc-cycles")) })
	registerSystem(reg)
}

func runtimeMetric(name string) float64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(sample[0].Value.Uint64())
}
