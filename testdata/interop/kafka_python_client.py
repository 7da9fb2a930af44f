"""kafka-python against the broker named on the command line. Exits 0 when everything that was written came back."""

import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

bootstrap = sys.argv[1]
topic = "kafka-python-%d" % time.time_ns()
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([NewTopic(name=topic, num_partitions=2, replication_factor=1)])

written = []
for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, acks="all")
    futures = []
    for i in range(500):
        value = ("%s %d" % (codec, i)).encode()
        written.append(value)
        futures.append(producer.send(topic, key=b"k%d" % (i % 7), value=value, headers=[("n", b"%d" % i)]))
    producer.flush(60)
    for f in futures:
        f.get(30)
    producer.close()

consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id="python-readers", auto_offset_reset="earliest", enable_auto_commit=False, consumer_timeout_ms=20000)
got = []
for record in consumer:
    got.append(record.value)
    if len(got) == len(written):
        break
assert sorted(got) == sorted(written), (len(got), len(written))
consumer.commit()
for p in range(2):
    tp = TopicPartition(topic, p)
    assert consumer.committed(tp) == consumer.end_offsets([tp])[tp], p
consumer.close()
admin.delete_topics([topic])
admin.close()
print("kafka-python: %d records in five codecs, a group and its offsets" % len(written))
