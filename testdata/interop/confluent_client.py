"""confluent-kafka (librdkafka) against the broker named on the command line. Exits 0 when everything that was written came back."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

bootstrap = sys.argv[1]
admin = AdminClient({"bootstrap.servers": bootstrap})


def done(futures):
    for name, future in futures.items():
        future.result(30)


topic = "confluent-%d" % time.time_ns()
done(admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1, config={"retention.ms": "3600000"})]))
done(admin.create_partitions([NewPartitions(topic, 4)]))

resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
config = admin.describe_configs([resource])[resource].result(30)
assert config["retention.ms"].value == "3600000", config["retention.ms"]

written = {}
failed = []


def delivered(err, msg):
    if err is not None:
        failed.append(err)


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": codec, "linger.ms": 5})
    for i in range(2000):
        key, value = "%s-%d" % (codec, i), ("value %d " % i) * 10
        written[key] = value
        producer.produce(topic, key=key, value=value, headers=[("codec", codec.encode()), ("empty", b""), ("null", None)], on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(60) == 0
assert not failed, failed[:3]


def read_all(group, commit):
    got = {}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    deadline = time.monotonic() + 60
    while len(got) < len(written) and time.monotonic() < deadline:
        for msg in consumer.consume(500, timeout=1.0):
            if msg.error():
                raise KafkaException(msg.error())
            headers = dict(msg.headers())
            assert headers["null"] is None and headers["empty"] == b"", headers
            got[msg.key().decode()] = msg.value().decode()
    if commit:
        consumer.commit(asynchronous=False)
    consumer.close()
    return got


assert read_all("readers", True) == written

# A second member of the group begins where the first has committed: at the end.
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", "auto.offset.reset": "earliest"})
positions = consumer.committed([TopicPartition(topic, p) for p in range(4)], timeout=30)
ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in range(4)]
assert [p.offset for p in positions] == ends, (positions, ends)
now = consumer.offsets_for_times([TopicPartition(topic, p, 0) for p in range(4)], timeout=30)
assert all(p.offset == 0 for p in now if ends[p.partition] > 0), now
consumer.close()

groups = admin.list_consumer_groups().result(30)
assert "readers" in [g.group_id for g in groups.valid], groups.valid
described = admin.describe_consumer_groups(["readers"])["readers"].result(30)
assert described.group_id == "readers" and not described.members, described
done(admin.delete_consumer_groups(["readers"]))
done(admin.delete_topics([topic]))
print("confluent-kafka: %d records in five codecs, groups, configs, offsets by time" % len(written))
