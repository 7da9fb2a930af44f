"""Prints the values of a topic's only partition, one a line, with confluent-kafka: read_lines.py BOOTSTRAP TOPIC COUNT."""

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "read-lines", "enable.auto.commit": False})
consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
out = sys.stdout.buffer
left = count
while left > 0:
    messages = consumer.consume(min(left, 10000), timeout=30)
    if not messages:
        sys.exit("no record for 30 s, %d of %d still to come" % (left, count))
    for msg in messages:
        if msg.error():
            raise KafkaException(msg.error())
        out.write(msg.value() + b"\n")
    left -= len(messages)
consumer.close()
