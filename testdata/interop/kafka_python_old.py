"""kafka-python as clients of old brokers speak, down to 0.8.2, against the broker named on the command line: legacy message sets, Kafka's own LZ4 framing
of that time, groups and offsets. Exits 0 when everything that was written came back."""

import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

bootstrap = sys.argv[1]
codecs = [None, "gzip", "snappy", "lz4"]
try:
    import xxhash  # noqa: F401  what kafka-python needs for lz4 before 0.10
except ImportError:
    codecs.remove("lz4")

admin = KafkaAdminClient(bootstrap_servers=bootstrap)
for version in [(0, 8, 2), (0, 9), (0, 10), (0, 11), (1, 1), (2, 1), (2, 8)]:
    topic = "kafka-python-" + ".".join(map(str, version))
    admin.create_topics([NewTopic(name=topic, num_partitions=2, replication_factor=1)])
    written = []
    for codec in codecs:
        producer = KafkaProducer(bootstrap_servers=bootstrap, api_version=version, compression_type=codec, acks="all", enable_idempotence=False)
        futures = []
        for i in range(200):
            value = ("%s %d" % (codec, i)).encode()
            written.append(value)
            futures.append(producer.send(topic, key=b"k%d" % i, value=value))
        producer.flush(60)
        for f in futures:
            f.get(30)
        producer.close()
    partitions = [TopicPartition(topic, p) for p in range(2)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, api_version=version, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False, consumer_timeout_ms=20000)
    if version < (0, 9):  # had no groups of consumers
        consumer.assign(partitions)
    else:
        consumer.subscribe([topic])
    got = []
    for record in consumer:
        got.append(record.value)
        if len(got) == len(written):
            break
    assert sorted(got) == sorted(written), (version, len(got), len(written))
    consumer.commit()
    assert sum(consumer.committed(tp) for tp in partitions) == len(written), version
    consumer.close()
    print("kafka-python as of %s: %d records in %d codecs, and their offsets" % (".".join(map(str, version)), len(written), len(codecs)))
admin.close()
