// Java's producer with its defaults (idempotent, acks=all), until standard input ends: java -cp LIBS AckProducer.java BOOTSTRAP TOPIC PARTITIONS ID.
// Record N, "ID N", goes to partition N % PARTITIONS. Prints "N PARTITION OFFSET" for each acknowledged record and "sent COUNT" at the end; exits 0
// when all were acknowledged.

import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import org.apache.kafka.clients.producer.*;

public class AckProducer {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("linger.ms", "1");
        p.put("compression.type", "zstd");
        p.put("request.timeout.ms", "10000");
        p.put("max.block.ms", "120000");
        p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        AtomicBoolean ended = new AtomicBoolean();
        Thread input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (java.io.IOException e) { }
            ended.set(true);
        });
        input.setDaemon(true);
        input.start();
        KafkaProducer<String, String> producer = new KafkaProducer<>(p);
        Semaphore room = new Semaphore(64);
        AtomicReference<Exception> failed = new AtomicReference<>();
        int partitions = Integer.parseInt(args[2]), sent = 0;
        for (; !ended.get() && failed.get() == null; sent++) {
            room.acquire();
            int number = sent;
            producer.send(new ProducerRecord<>(args[1], number % partitions, null, args[3] + " " + number), (m, e) -> {
                room.release();
                if (e != null) failed.compareAndSet(null, e);
                else System.out.println(number + " " + m.partition() + " " + m.offset());
            });
            Thread.sleep(1);
        }
        producer.close();
        System.out.println("sent " + sent);
        if (failed.get() != null) throw failed.get();
        System.exit(0);
    }
}
