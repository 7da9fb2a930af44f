// Java's consumers as members of groups, in both protocols, against the broker named on the command line: java -cp LIBS GroupMembers.java BOOTSTRAP.
// Two members share a topic and one leaves, a static member comes back without a rebalance and a second one is kept out, a pattern finds a new topic,
// partitions are paused and sought, and members of both protocols share a group. Exits 0 when all went as with Apache Kafka.

import java.time.Duration;
import java.util.*;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;

public class GroupMembers {
    static final String STRING = "org.apache.kafka.common.serialization.String";
    static String bootstrap;
    static Admin admin;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        for (String protocol : List.of("classic", "consumer")) {
            topic(protocol, 6, 600);
            share(protocol);
            comeBack(protocol);
            pattern(protocol);
            seek(protocol);
            System.out.println(protocol + " is well");
        }
        migrate();
        System.out.println("both together are well");
        System.exit(0);
    }

    static void topic(String name, int partitions, int records) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "key.serializer", STRING + "Serializer", "value.serializer", STRING + "Serializer"))) {
            for (int i = 0; i < records; i++) producer.send(new ProducerRecord<>(name, i % partitions, "k", "v" + i));
        }
    }

    static KafkaConsumer<String, String> consumer(String protocol, String group, String... more) {
        Properties p = new Properties();
        p.putAll(Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "metadata.max.age.ms", "500", "key.deserializer", STRING + "Deserializer", "value.deserializer", STRING + "Deserializer"));
        for (int i = 0; i < more.length; i += 2) p.put(more[i], more[i + 1]);
        if (protocol.equals("classic")) {
            p.put("heartbeat.interval.ms", "300");
            p.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        }
        return new KafkaConsumer<>(p);
    }

    static void check(boolean ok, Object said) throws Exception {
        if (!ok) throw new Exception(String.valueOf(said));
    }

    /** Polls until it is so, and returns how many records came. */
    @SafeVarargs
    static int until(BooleanSupplier so, KafkaConsumer<String, String>... members) throws Exception {
        int records = 0;
        for (long end = System.currentTimeMillis() + 60_000; !so.getAsBoolean(); ) {
            check(System.currentTimeMillis() < end, "waited in vain");
            for (KafkaConsumer<String, String> m : members) records += m.poll(Duration.ofMillis(50)).count();
        }
        return records;
    }

    /** Polls until n records have come, and returns them. */
    static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> member, int n) throws Exception {
        List<ConsumerRecord<String, String>> got = new ArrayList<>();
        for (long end = System.currentTimeMillis() + 60_000; got.size() < n; ) {
            check(System.currentTimeMillis() < end, "read " + got.size() + " of " + n);
            member.poll(Duration.ofMillis(100)).forEach(got::add);
        }
        return got;
    }

    static void share(String protocol) throws Exception {
        KafkaConsumer<String, String> one = consumer(protocol, protocol + "-share"), two = consumer(protocol, protocol + "-share");
        one.subscribe(List.of(protocol));
        check(read(one, 600).size() == 600, "one member reads everything once");
        one.commitSync();
        two.subscribe(List.of(protocol));
        int again = until(() -> one.assignment().size() == 3 && two.assignment().size() == 3, one, two);
        check(again == 0, again + " records were read again after a commit");
        check(Collections.disjoint(one.assignment(), two.assignment()), "both have " + one.assignment());
        two.close();
        until(() -> one.assignment().size() == 6, one);
        one.close();
    }

    static void comeBack(String protocol) throws Exception {
        String group = protocol + "-static";
        KafkaConsumer<String, String> one = consumer(protocol, group, "group.instance.id", "me");
        one.subscribe(List.of(protocol));
        read(one, 600);
        one.commitSync();
        int generation = one.groupMetadata().generationId();
        one.close();
        check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size() == 1, "a static member that closes stays a member");
        KafkaConsumer<String, String> back = consumer(protocol, group, "group.instance.id", "me"), other = consumer(protocol, group, "group.instance.id", "me");
        back.subscribe(List.of(protocol));
        int again = until(() -> back.assignment().size() == 6, back);
        check(again == 0 && back.groupMetadata().generationId() == generation, again + " records again, generation " + generation + " became " + back.groupMetadata().generationId());
        other.subscribe(List.of(protocol));
        try {
            until(() -> false, other, back);
        } catch (org.apache.kafka.common.errors.FencedInstanceIdException | org.apache.kafka.common.errors.UnreleasedInstanceIdException e) {
            back.close();
            other.close();
        }
    }

    static void pattern(String protocol) throws Exception {
        String prefix = protocol + "-found-";
        topic(prefix + "a", 1, 10);
        KafkaConsumer<String, String> member = consumer(protocol, protocol + "-pattern");
        if (protocol.equals("classic")) member.subscribe(Pattern.compile(prefix + ".*"));
        else member.subscribe(new SubscriptionPattern(prefix + ".*")); // RE2, resolved by the broker
        read(member, 10);
        topic(prefix + "b", 1, 10);
        check(read(member, 10).stream().allMatch(r -> r.topic().equals(prefix + "b")), "only the new topic's records are new");
        admin.deleteTopics(List.of(prefix + "a")).all().get();
        until(() -> member.assignment().equals(Set.of(new TopicPartition(prefix + "b", 0))), member);
        member.close();
    }

    static void seek(String protocol) throws Exception {
        TopicPartition zero = new TopicPartition(protocol, 0), one = new TopicPartition(protocol, 1);
        KafkaConsumer<String, String> member = consumer(protocol, protocol + "-seek", "max.poll.records", "10");
        member.assign(List.of(zero, one));
        member.seek(zero, 5);
        member.pause(List.of(one));
        List<ConsumerRecord<String, String>> got = read(member, 30);
        check(got.get(0).offset() == 5 && got.stream().allMatch(r -> r.partition() == 0), "paused and sought: " + got.get(0));
        member.resume(List.of(one));
        member.seekToEnd(List.of(zero));
        check(member.position(zero) == 100 && member.endOffsets(List.of(zero)).get(zero) == 100, "the end is " + member.position(zero));
        check(read(member, 10).stream().allMatch(r -> r.partition() == 1), "resumed");
        member.seek(zero, 1_000_000);
        member.pause(List.of(one));
        check(read(member, 1).get(0).offset() == 0, "an offset out of range is reset");
        member.commitSync(Map.of(zero, new OffsetAndMetadata(7, "seven")));
        check(member.committed(Set.of(zero)).get(zero).equals(new OffsetAndMetadata(7, "seven")), "committed " + member.committed(Set.of(zero)));
        member.close();
    }

    static void migrate() throws Exception {
        KafkaConsumer<String, String> old = consumer("classic", "both"), young = consumer("consumer", "both");
        old.subscribe(List.of("classic"));
        read(old, 600);
        old.commitSync();
        young.subscribe(List.of("classic"));
        until(() -> old.assignment().size() == 3 && young.assignment().size() == 3, old, young);
        check(type("both").equals(GroupType.CONSUMER), "a member of the new protocol makes it " + type("both"));
        young.close();
        until(() -> old.assignment().size() == 6, old);
        check(type("both").equals(GroupType.CLASSIC), "without it, it is " + type("both"));
        old.close();
    }

    static GroupType type(String group) throws Exception {
        for (GroupListing g : admin.listGroups().all().get()) if (g.groupId().equals(group)) return g.type().get();
        return GroupType.UNKNOWN;
    }
}
