// A Java consumer with a rack: java -cp LIBS RackConsumer.java BOOTSTRAP TOPIC RACK PROTOCOL COUNT
// It reads COUNT records of partition 0 from its beginning in a group of PROTOCOL (classic, consumer), and prints the bytes that came from each broker: "1: 1234".

import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;

public class RackConsumer {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("client.rack", args[2]);
        p.put("group.protocol", args[3]);
        p.put("group.id", "rack-" + args[2] + "-" + args[3]);
        p.put("auto.offset.reset", "earliest");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        int want = Integer.parseInt(args[4]), got = 0;
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            consumer.subscribe(List.of(args[1]));
            for (long end = System.currentTimeMillis() + 60_000; got < want; ) {
                got += consumer.poll(Duration.ofMillis(500)).count();
                if (System.currentTimeMillis() > end) throw new RuntimeException(got + " of " + want + " records");
            }
            consumer.metrics().forEach((name, value) -> {
                String node = name.tags().get("node-id");
                if (name.name().equals("incoming-byte-total") && node != null && node.matches("node-[0-9]+") && node.length() < 10)
                    System.out.println(node.substring(5) + ": " + Math.round((Double) value.metricValue()));
            });
        }
    }
}
