// Package metrics counts what the broker does, under the names that dashboards made for Apache Kafka look for: those of the Prometheus
// JMX exporter's example rules, which Strimzi's use too (kafka_server_brokertopicmetrics_messagesin_total{topic="..."}).
//
// Counting is one atomic addition. Everything that takes work (quantiles, values computed from the broker's state, the text itself) happens
// when somebody scrapes. A series exists from its first use on; idle ones cost nothing.
package metrics
