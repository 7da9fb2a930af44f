// Writes the fixtures of this directory with Apache Kafka's own classes, and reads batches that kgo wrote:
//
//   java -cp "$KAFKA_HOME/libs/*" Fixtures.java write DIR
//   java -cp "$KAFKA_HOME/libs/*" Fixtures.java read FILE...     one line a record, as batch_interop_test.go compares them
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import org.apache.kafka.common.compress.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Fixtures {
    static final long T = 1700000000000L;

    static byte[] bytes(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }

    static String big() {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < 6000; i++) b.append("line ").append(i * 7919 % 1000).append(" of a log file\n");
        return b.toString();
    }

    static ByteBuffer build(byte magic, Compression compression, TimestampType type, long baseOffset, boolean big) {
        ByteBuffer buf = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder b = MemoryRecords.builder(buf, magic, compression, type, baseOffset, type == TimestampType.LOG_APPEND_TIME ? T + 99 : -1L);
        long t = magic == 0 ? -1L : T;
        long d = magic == 0 ? 0L : 1L;
        Header[] headers = magic < 2 ? new Header[0] : new Header[] { new RecordHeader("h1", bytes("x")), new RecordHeader("", null), new RecordHeader("h1", bytes("")) };
        b.append(t + 5 * d, bytes("key"), bytes("value"), headers);
        b.append(t + 9 * d, null, bytes("no key"));
        b.append(t - 3 * d, bytes("tombstone"), null);
        b.append(t + 9 * d, bytes(""), bytes(""));
        if (big) b.append(t + 4 * d, bytes("big"), bytes(big()));
        return b.build().buffer();
    }

    static void write(Path dir, String name, ByteBuffer buf) throws Exception {
        byte[] out = new byte[buf.remaining()];
        buf.get(out);
        Files.write(dir.resolve(name), out);
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) {
            Path dir = Path.of(args[1]);
            Compression[] codecs = { Compression.NONE, Compression.gzip().build(), Compression.snappy().build(), Compression.lz4().build(), Compression.zstd().build() };
            for (byte magic = 0; magic <= 2; magic++)
                for (Compression c : codecs) {
                    if (magic < 2 && c.type() == CompressionType.ZSTD) continue;
                    TimestampType type = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
                    write(dir, "v" + magic + "-" + c.type().name + ".bin", build(magic, c, type, 42, c.type() != CompressionType.NONE));
                    if (magic > 0 && c.type().id < 2)
                        write(dir, "v" + magic + "-" + c.type().name + "-logappendtime.bin", build(magic, c, TimestampType.LOG_APPEND_TIME, 42, false));
                }
            write(dir, "v2-gzip9.bin", build((byte) 2, Compression.gzip().level(9).build(), TimestampType.CREATE_TIME, 42, true));
            write(dir, "v2-lz417.bin", build((byte) 2, Compression.lz4().level(17).build(), TimestampType.CREATE_TIME, 42, true));
            write(dir, "v2-zstd19.bin", build((byte) 2, Compression.zstd().level(19).build(), TimestampType.CREATE_TIME, 42, true));
            write(dir, "v2-endtxn-commit.bin", MemoryRecords.withEndTransactionMarker(7, T, 3, 1001L, (short) 5, new EndTransactionMarker(ControlRecordType.COMMIT, 12)).buffer());
            write(dir, "v2-endtxn-abort.bin", MemoryRecords.withEndTransactionMarker(7, T, 3, 1001L, (short) 5, new EndTransactionMarker(ControlRecordType.ABORT, 12)).buffer());
            ByteBuffer buf = ByteBuffer.allocate(1 << 16);
            MemoryRecordsBuilder b = new MemoryRecordsBuilder(buf, (byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 100L, -1L, 77L, (short) 2, 2147483646, true, false, 9, 1 << 16);
            b.append(T, bytes("a"), bytes("1"));
            b.append(T + 1, bytes("b"), bytes("2"));
            b.append(T + 2, bytes("c"), bytes("3"));
            write(dir, "v2-transactional.bin", b.build().buffer());
            ByteBuffer empty = ByteBuffer.allocate(61);
            DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 77L, (short) 2, 5, 100L, 109L, 9, TimestampType.CREATE_TIME, T, true, false);
            empty.flip();
            write(dir, "v2-empty.bin", empty);
            return;
        }
        for (int i = 1; i < args.length; i++) {
            System.out.println("file " + Path.of(args[i]).getFileName());
            try {
                MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(Path.of(args[i]))));
                for (MutableRecordBatch batch : records.batches()) {
                    batch.ensureValid();
                    System.out.println("batch " + batch.magic() + " " + (batch.magic() < 2 ? 0 : batch.baseOffset()) + " " + batch.lastOffset() + " " + batch.compressionType().name + " " + batch.timestampType().name
                        + " " + batch.maxTimestamp() + " " + batch.producerId() + " " + batch.producerEpoch() + " " + batch.baseSequence() + " " + batch.lastSequence() + " " + batch.partitionLeaderEpoch()
                        + " " + batch.isTransactional() + " " + batch.isControlBatch() + " " + batch.deleteHorizonMs().orElse(-1L));
                    for (org.apache.kafka.common.record.internal.Record r : batch) {
                        r.ensureValid();
                        StringBuilder line = new StringBuilder("record " + r.offset() + " " + r.timestamp() + " " + hex(r.key()) + " " + hex(r.value()));
                        for (Header h : r.headers()) line.append(" ").append(hex(ByteBuffer.wrap(bytes(h.key())))).append("=").append(h.value() == null ? "null" : hex(ByteBuffer.wrap(h.value())));
                        System.out.println(line);
                    }
                }
            } catch (Exception e) {
                System.out.println("error " + e);
            }
        }
    }

    static String hex(ByteBuffer b) {
        if (b == null) return "null";
        if (b.remaining() > 1000) {
            java.util.zip.CRC32 crc = new java.util.zip.CRC32();
            int n = b.remaining();
            crc.update(b.duplicate());
            return "crc" + crc.getValue() + "/" + n;
        }
        StringBuilder s = new StringBuilder("x");
        for (int i = b.position(); i < b.limit(); i++) s.append(String.format("%02x", b.get(i)));
        return s.toString();
    }
}
