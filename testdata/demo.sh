#!/bin/sh
# The demo of `make demo`: a cluster of one, a topic, records in and out, a group's lag, kill -9 and a restart. Prints each command before
# its output and stops what it started. Usage: demo.sh path/to/kgo
set -eu
kgo=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || kill "$pid" 2> /dev/null || true
  [ -z "$pid" ] || wait "$pid" 2> /dev/null || true
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

cat > "$dir/server.properties" << EOF
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:0
log.dirs=$dir/data
group.initial.rebalance.delay.ms=0
EOF

start() {
  say "kgo server server.properties &"
  "$kgo" server "$dir/server.properties" --address-file "$dir/address" > "$dir/server.log" 2>&1 &
  pid=$!
  tries=0
  until [ -s "$dir/address" ]; do
    kill -0 "$pid" 2> /dev/null || { cat "$dir/server.log" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 1000 ] || { echo "the server did not come up" >&2; cat "$dir/server.log" >&2; exit 1; }
    sleep 0.01
  done
  KAFKA_BOOTSTRAP_SERVERS=$(cat "$dir/address")
  export KAFKA_BOOTSTRAP_SERVERS
  rm -f "$dir/address"
}
say() { printf '\n$ %s\n' "$*"; }
run() { say "kgo $*"; "$kgo" "$@"; }

echo "A Kafka cluster of one, from nothing. Tools find it by KAFKA_BOOTSTRAP_SERVERS."
start
run topics --create --topic greetings --partitions 3
say "seq 1 100000 | kgo console-producer --topic greetings"
seq 1 100000 | "$kgo" console-producer --topic greetings
run console-consumer --topic greetings --group readers --from-beginning --max-messages 5
run topics --describe --topic greetings
run consumer-groups --describe --group readers
say "kill -9 $pid        # no goodbye"
kill -9 "$pid"
wait "$pid" 2> /dev/null || true
start
run consumer-groups --describe --group readers
say "kgo console-consumer --topic greetings --from-beginning --max-messages 100000 | wc -l"
"$kgo" console-consumer --topic greetings --from-beginning --max-messages 100000 | wc -l
say "kill $pid           # a clean stop"
kill "$pid"
wait "$pid" || true
pid=
echo "All of it was still there. That's Kafka in $(du -k "$kgo" | cut -f1) kB, without a JVM."
