"""librdkafka's idempotent producer, until standard input ends: ack_producer.py BOOTSTRAP TOPIC PARTITIONS ID. Record N, "ID N", goes to partition
N % PARTITIONS. Prints "N PARTITION OFFSET" for each acknowledged record and "sent COUNT" at the end; exits 0 when all were acknowledged."""

import sys
import threading

from confluent_kafka import Producer

bootstrap, topic, partitions, name = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
failed = []


def delivered(number):
    def on_delivery(err, msg):
        if err is not None:
            failed.append(err)
        else:
            print(number, msg.partition(), msg.offset(), flush=True)

    return on_delivery


producer = Producer(
    {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 1, "compression.type": "lz4", "message.timeout.ms": 120000, "log_level": 0}
)
sent = 0
while not ended.wait(0.001) and not failed:
    producer.produce(topic, partition=sent % partitions, value="%s %d" % (name, sent), on_delivery=delivered(sent))
    sent += 1
    producer.poll(0)
    while len(producer) > 64 and not failed:
        producer.poll(0.05)
left = producer.flush(120)
print("sent", sent, flush=True)
sys.exit("%d records left, errors %s" % (left, failed[:3]) if left or failed else 0)
