#!/bin/sh
# What acks=0, 1 and all risk, measured: `make demo-acks`. A producer sends numbers at a steady pace and notes each one that is acknowledged; meanwhile the
# leader of its partition meets with an accident. Afterwards everything is read back and compared. Usage: demo-acks.sh path/to/kgo
set -eu
kgo=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(mktemp -d)
finish() { "$kgo" lab --dir "$dir/lab" wipe > /dev/null 2>&1 || true; rm -rf "$dir"; }
trap finish EXIT
trap 'exit 130' INT TERM
total=${RECORDS:-3000} # records of a run
rate=${RATE:-3000}     # a second

lab() { "$kgo" lab --dir "$dir/lab" "$@"; }
# await asks a question of the cluster until the answer is yes: await QUESTION...
await() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 1200 ] || { echo "demo-acks: gave up waiting: $*" >&2; exit 1; }
    sleep 0.05
  done
}
acknowledged() { grep -c producer_send_success "$dir/events" || true; }
has_acknowledged() { [ "$(acknowledged)" -ge "$1" ]; }
whole() { [ -z "$("$kgo" topics --describe --under-replicated-partitions 2>&1)" ]; }
led_by_another() { "$kgo" topics --describe --topic "$1" 2> /dev/null | grep -q 'Leader: [23]'; }
ended() { ! kill -0 "$1" 2> /dev/null; }
breathe() { sleep 0.3; } # the accident lasts this long where no condition can be waited for

port=$((10000 + $$ % 9000))
tries=0
until lab start --brokers 3 --base-port "$port" > "$dir/start" 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 10 ] || { cat "$dir/start" >&2; exit 1; }
  lab wipe > /dev/null 2>&1 || true # a port was taken: elsewhere
  port=$((port + 1013))
done
KAFKA_BOOTSTRAP_SERVERS=localhost:$((port + 1)),localhost:$((port + 2)),localhost:$port
export KAFKA_BOOTSTRAP_SERVERS

# run ACCIDENT ACKS: broker 1 leads, 2 and 3 follow; the accident comes when a quarter has been acknowledged.
run() {
  accident=$1 acks=$2 topic=$1-acks-$2
  await whole
  "$kgo" topics --create --topic "$topic" --replica-assignment 1:2:3 --config min.insync.replicas=2 > /dev/null
  echo ready | "$kgo" console-producer --topic "$topic" --request-required-acks all # the followers follow
  : > "$dir/events"
  "$kgo" verifiable-producer --topic "$topic" --acks "$acks" --max-messages "$total" --throughput "$rate" --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" > "$dir/events" 2>&1 &
  producer=$!
  await has_acknowledged $((total / 4))
  case $accident in
    leader-hangs) lab pause 1 && breathe && lab kill 1 ;;
    followers-hang) lab pause 2 3 && breathe && lab kill 1 && lab resume 2 3 ;;
    leader-dies) lab kill 1 ;;
  esac
  await led_by_another "$topic"
  await ended "$producer"
  wait "$producer" || true
  end=$("$kgo" get-offsets --topic "$topic" | cut -d: -f3)
  "$kgo" console-consumer --topic "$topic" --partition 0 --offset earliest --max-messages "$end" 2> /dev/null | sort > "$dir/present"
  sed -n 's/.*producer_send_success.*"value":"\([0-9]*\)".*/\1/p' "$dir/events" | sort > "$dir/acked"
  lost=$(comm -23 "$dir/acked" "$dir/present" | wc -l)
  twice=$(uniq -d "$dir/present" | wc -l)
  printf '  acks=%-4s %7d sent %7d acknowledged %7d of these lost %7d twice\n' "$([ "$acks" = -1 ] && echo all || echo "$acks")" "$total" "$(acknowledged)" "$lost" "$twice"
  [ "$acks" != -1 ] || [ "$lost" -eq 0 ] || failed=yes
  lab start 1 > /dev/null
}

failed=
echo "Three brokers, replication factor 3, min.insync.replicas=2. A producer that never tries twice sends $total records, $rate a second."
for accident in leader-hangs followers-hang leader-dies; do
  case $accident in
    leader-hangs) text="The leader hangs for a moment (kill -STOP) and is then killed:" ;;
    followers-hang) text="Both followers hang for a moment, and the leader is killed meanwhile:" ;;
    leader-dies) text="The leader is killed, nothing else (kill -9):" ;;
  esac
  printf '\n%s\n' "$text"
  for acks in 0 1 -1; do run "$accident" "$acks"; done
done
echo
[ -z "$failed" ] || { echo "A record that was acknowledged with acks=all is lost: that must never be." >&2; exit 1; }
echo "With acks=all nothing that was acknowledged is lost, whatever happened."
