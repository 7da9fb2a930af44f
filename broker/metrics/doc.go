// Package metrics counts what the broker does, under the names that dashboards made for Apache Kafka look for: those of the Prometheus
// JMX exporter's example rules, which Strimzi's use too.
package metrics
