// A Java client of an old Apache Kafka, from 0.10.2 on, against the broker named on the command line: java -cp LIBS OldClient.java BOOTSTRAP TOPIC CODEC...
// It writes with each codec, reads everything back in a group, commits, and finds the offsets by time. Exits 0 when everything came back.

import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;

public class OldClient {
    static final int RECORDS = 500;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1];
        Set<String> written = new TreeSet<>();
        long start = System.currentTimeMillis();
        for (int i = 2; i < args.length; i++) produce(bootstrap, topic, args[i], written);
        consume(bootstrap, topic, written, start);
        System.out.println(written.size() + " records");
        System.exit(0);
    }

    static void produce(String bootstrap, String topic, String codec, Set<String> written) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("compression.type", codec);
        p.put("acks", "all");
        p.put("retries", "5");
        p.put("linger.ms", "5");
        p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        KafkaProducer<String, String> producer = new KafkaProducer<>(p);
        List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
            String value = codec + " " + i;
            written.add(value);
            sent.add(producer.send(new ProducerRecord<>(topic, i % 2, System.currentTimeMillis(), "key" + i % 7, value)));
        }
        producer.flush();
        long[] last = {-1, -1};
        for (int i = 0; i < RECORDS; i++) {
            RecordMetadata m = sent.get(i).get();
            if (m.partition() != i % 2 || m.offset() <= last[m.partition()]) throw new Exception(codec + " " + i + " was acknowledged as " + m);
            last[m.partition()] = m.offset();
        }
        producer.close();
    }

    static void consume(String bootstrap, String topic, Set<String> written, long start) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", topic + "-readers");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p);
        consumer.subscribe(Collections.singletonList(topic));
        Set<String> got = new TreeSet<>();
        int records = 0;
        long end = System.currentTimeMillis() + 60_000;
        while (records < written.size() && System.currentTimeMillis() < end) {
            for (ConsumerRecord<String, String> r : consumer.poll(500)) {
                records++;
                got.add(r.value());
                if (!r.key().startsWith("key") || r.timestamp() < start - 60_000) throw new Exception("read " + r);
            }
        }
        if (!got.equals(written) || records != written.size()) throw new Exception("wrote " + written.size() + ", read " + records + ", of them different " + got.size());
        consumer.commitSync();
        TopicPartition one = new TopicPartition(topic, 1);
        long endOffset = consumer.endOffsets(Collections.singletonList(one)).get(one);
        if (consumer.committed(one).offset() != endOffset || consumer.position(one) != endOffset) throw new Exception("committed " + consumer.committed(one) + " of " + endOffset);
        if (consumer.beginningOffsets(Collections.singletonList(one)).get(one) != 0) throw new Exception("does not begin at 0");
        OffsetAndTimestamp at = consumer.offsetsForTimes(Collections.singletonMap(one, start)).get(one);
        if (at == null || at.offset() != 0) throw new Exception("offset of the first record by time: " + at);
        consumer.seek(one, endOffset - 1);
        int again = 0;
        while (again == 0 && System.currentTimeMillis() < end) again += consumer.poll(500).count();
        if (again != 1) throw new Exception("after a seek to the last record " + again + " were read");
        consumer.close();
    }
}
