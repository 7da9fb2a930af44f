#!/bin/sh
# The demo of `make demo`: three brokers and a coordinator, a replicated topic, records in and out, kill -9 of a broker under them, its return,
# a group's lag. Prints each command before its output and stops what it started. Usage: demo.sh path/to/kgo
set -eu
kgo=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(mktemp -d)
finish() { "$kgo" lab --dir "$dir/lab" wipe > /dev/null 2>&1 || true; rm -rf "$dir"; }
trap finish EXIT
trap 'exit 130' INT TERM
say() { printf '\n$ %s\n' "$*"; }
run() { say "kgo $*"; "$kgo" "$@"; }
lab() { say "kgo lab $*"; "$kgo" lab --dir "$dir/lab" "$@"; }

echo "Three brokers and a coordinator, each a process of its own. Tools find them by KAFKA_BOOTSTRAP_SERVERS."
port=$((10000 + $$ % 9000))
tries=0
until "$kgo" lab --dir "$dir/lab" start --brokers 3 --base-port "$port" > "$dir/start" 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 10 ] || { cat "$dir/start" >&2; exit 1; }
  "$kgo" lab --dir "$dir/lab" wipe > /dev/null 2>&1 || true # a port was taken: elsewhere
  port=$((port + 1013))
done
say "kgo lab start --brokers 3 --base-port $port"
cat "$dir/start"
KAFKA_BOOTSTRAP_SERVERS=localhost:$port,localhost:$((port + 1)),localhost:$((port + 2))
export KAFKA_BOOTSTRAP_SERVERS
say "cat broker-1.properties"
cat "$dir/lab/broker-1.properties"
run topics --create --topic greetings --partitions 3 --replication-factor 3
say "seq 1 100000 | kgo console-producer --topic greetings"
seq 1 100000 | "$kgo" console-producer --topic greetings
run console-consumer --topic greetings --group readers --from-beginning --max-messages 5
run topics --describe --topic greetings
lab kill 2
tries=0
until [ -n "$("$kgo" topics --describe --topic greetings --under-replicated-partitions)" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || break
  sleep 0.02
done
run topics --describe --topic greetings
say "seq 100001 200000 | kgo console-producer --topic greetings        # with one broker less"
seq 100001 200000 | "$kgo" console-producer --topic greetings
lab status
lab start 2
tries=0
until [ -z "$("$kgo" topics --describe --topic greetings --under-replicated-partitions)" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || break
  sleep 0.05
done
run topics --describe --topic greetings
say "kgo console-consumer --topic greetings --from-beginning --max-messages 200000 | sort -un | wc -l"
"$kgo" console-consumer --topic greetings --from-beginning --max-messages 200000 | sort -un | wc -l
run consumer-groups --describe --group readers
lab status
lab stop
echo "All of it was there, once each. That's Kafka in $(du -k "$kgo" | cut -f1) kB, without a JVM."
