// Package config knows every key that a Kafka server can be given: its type, default, range, where it may be changed, and what kgo does with it.
//
// One table (keys.tsv) is the source for the parser of properties files, for `kgo server --check`, for DescribeConfigs and for
// the validation of dynamic changes. From it two resolved forms are made: Broker, what a server needs to start, and Topic, what a
// partition's log needs to run.
//
// A broker's value comes from four layers, the first that has one wins: the dynamic config of this broker, the dynamic default of
// the cluster, the static settings (file, --override, environment), the default. A topic's value has the topic's own config on top of those.
package config
