// A Kafka Streams application against the broker named on the command line: java -cp LIBS StreamsCount.java BOOTSTRAP STATE_DIR. It counts words through
// a repartition topic into a store with a changelog, joins the counts with a table and a global table, and does so again from the changelogs after its
// local state was removed. Exits 0 when the store and the output topic had what they had to.

import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

public class StreamsCount {
    static final String STRING = "org.apache.kafka.common.serialization.String";
    static final String[] WORDS = "alpha beta gamma delta epsilon zeta eta theta".split(" ");

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        admin.createTopics(List.of(new NewTopic("lines", 4, (short) 1), new NewTopic("names", 4, (short) 1).configs(Map.of("cleanup.policy", "compact")),
            new NewTopic("marks", 1, (short) 1), new NewTopic("joined", 4, (short) 1))).all().get();
        Map<String, Long> counts = produce(bootstrap);
        Topology topology = topology();
        for (int round = 0; round < 2; round++) {
            Properties p = new Properties();
            p.putAll(Map.of("application.id", "words", "bootstrap.servers", bootstrap, "state.dir", args[1], "num.stream.threads", "2", "commit.interval.ms", "200",
                "auto.offset.reset", "earliest", "replication.factor", "1", "default.key.serde", Serdes.StringSerde.class.getName(), "default.value.serde", Serdes.StringSerde.class.getName()));
            KafkaStreams streams = new KafkaStreams(topology, p);
            streams.start();
            Map<String, Long> got = Map.of();
            for (long end = System.currentTimeMillis() + 90_000; !got.equals(counts); got = stored(streams)) {
                if (System.currentTimeMillis() > end) throw new Exception("round " + round + ": counted " + got + " of " + counts + ", " + streams.state());
                Thread.sleep(100);
            }
            streams.close(new KafkaStreams.CloseOptions().leaveGroup(true).timeout(java.time.Duration.ofSeconds(30)));
            streams.cleanUp();
        }
        Map<String, String> joined = joined(bootstrap, counts);
        for (String word : WORDS) {
            String want = "mark " + word + " name " + word + " " + counts.get(word);
            if (!want.equals(joined.get(word))) throw new Exception(word + ": joined " + joined.get(word) + ", not " + want);
        }
        Set<String> internal = new TreeSet<>(admin.listTopics().names().get());
        if (!internal.containsAll(List.of("words-counts-changelog", "words-counts-repartition"))) throw new Exception("topics: " + internal);
        ConfigResource changelog = new ConfigResource(ConfigResource.Type.TOPIC, "words-counts-changelog");
        String policy = admin.describeConfigs(List.of(changelog)).all().get().get(changelog).get("cleanup.policy").value();
        if (!policy.equals("compact")) throw new Exception("the changelog's cleanup.policy is " + policy);
        System.out.println("counted " + counts);
        System.exit(0);
    }

    static Topology topology() {
        StreamsBuilder b = new StreamsBuilder();
        GlobalKTable<String, String> marks = b.globalTable("marks");
        KTable<String, String> names = b.table("names");
        KStream<String, String> lines = b.stream("lines");
        KTable<String, Long> counts = lines.flatMapValues(line -> Arrays.asList(line.split(" "))).selectKey((k, word) -> word).groupByKey().count(Materialized.as("counts"));
        counts.join(names, (count, name) -> name + " " + count).toStream().join(marks, (k, v) -> k, (v, mark) -> mark + " " + v).to("joined");
        return b.build();
    }

    static Map<String, Long> produce(String bootstrap) {
        Map<String, Long> counts = new TreeMap<>();
        Map<String, Object> p = Map.of("bootstrap.servers", bootstrap, "key.serializer", STRING + "Serializer", "value.serializer", STRING + "Serializer");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            for (String word : WORDS) {
                producer.send(new ProducerRecord<>("names", word, "name " + word));
                producer.send(new ProducerRecord<>("marks", word, "mark " + word));
            }
            producer.flush();
            for (int i = 0; i < 2000; i++) {
                String line = WORDS[i % 8] + " " + WORDS[i * 7 % 8] + " " + WORDS[i % 3];
                for (String word : line.split(" ")) counts.merge(word, 1L, Long::sum);
                producer.send(new ProducerRecord<>("lines", "key" + i % 50, line));
            }
        }
        return counts;
    }

    static Map<String, Long> stored(KafkaStreams streams) {
        Map<String, Long> got = new TreeMap<>();
        if (streams.state() != KafkaStreams.State.RUNNING) return got;
        try (KeyValueIterator<String, Long> it = streams.store(StoreQueryParameters.fromNameAndType("counts", QueryableStoreTypes.<String, Long>keyValueStore())).all()) {
            while (it.hasNext()) {
                KeyValue<String, Long> row = it.next();
                got.put(row.key, row.value);
            }
        } catch (org.apache.kafka.streams.errors.InvalidStateStoreException e) {
            got.clear(); // not yet, or being moved
        }
        return got;
    }

    static Map<String, String> joined(String bootstrap, Map<String, Long> counts) {
        Map<String, String> last = new HashMap<>();
        Map<String, Object> p = Map.of("bootstrap.servers", bootstrap, "group.id", "check", "auto.offset.reset", "earliest", "key.deserializer", STRING + "Deserializer", "value.deserializer", STRING + "Deserializer");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            consumer.subscribe(List.of("joined"));
            for (long end = System.currentTimeMillis() + 60_000; System.currentTimeMillis() < end; ) {
                consumer.poll(java.time.Duration.ofMillis(200)).forEach(r -> last.put(r.key(), r.value()));
                if (counts.entrySet().stream().allMatch(c -> last.getOrDefault(c.getKey(), "").endsWith(" " + c.getValue()))) break;
            }
        }
        return last;
    }
}
