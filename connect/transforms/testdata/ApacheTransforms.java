import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/** Runs each line of standard input, a case as in cases.jsonl, by Apache Kafka's own classes and prints what comes out. */
public class ApacheTransforms {
    static final ObjectMapper JSON = new ObjectMapper();
    static final JsonConverter CONVERTER = new JsonConverter();
    static JsonNode records; // by name, from the first line

    public static void main(String[] args) throws Exception {
        CONVERTER.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode c = JSON.readTree(line);
            if (c.has("records")) {
                records = c.get("records");
                continue;
            }
            String result = c.has("parse") ? parse(c.get("parse").asText()) : run(c);
            out.println(result.replace("\\", "\\\\").replace("\n", "\\n"));
        }
        out.flush();
    }

    static String parse(String text) {
        try {
            SchemaAndValue v = Values.parseString(text);
            return v == null ? "null" : schema(v.schema()) + " " + value(v.value());
        } catch (Throwable e) {
            return "error " + e.getClass().getName() + ": " + e.getMessage();
        }
    }

    @SuppressWarnings("unchecked")
    static String run(JsonNode c) {
        ConnectRecord<?> r = record(c);
        for (JsonNode step : c.get("steps")) {
            Map<String, String> config = new HashMap<>();
            step.get(1).fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().isNull() ? null : e.getValue().asText()));
            Object o;
            try {
                o = Class.forName("org.apache.kafka.connect.transforms." + step.get(0).asText()).getConstructor().newInstance();
                if (o instanceof Predicate) ((Predicate<?>) o).configure(config); else ((Transformation<?>) o).configure(config);
            } catch (Throwable e) {
                return "config " + e.getClass().getName() + ": " + e.getMessage();
            }
            try {
                if (o instanceof Predicate) return "" + ((Predicate) o).test(r);
                r = (ConnectRecord<?>) ((Transformation) o).apply(r);
            } catch (Throwable e) {
                return "apply " + e.getClass().getName() + ": " + e.getMessage();
            }
            if (r == null) return "dropped";
        }
        StringBuilder b = new StringBuilder("topic=" + r.topic() + " partition=" + r.kafkaPartition() + " timestamp=" + r.timestamp());
        b.append(" key=" + schema(r.keySchema()) + " " + value(r.key()));
        b.append(" value=" + schema(r.valueSchema()) + " " + value(r.value()));
        for (Header h : r.headers()) b.append(" header " + h.key() + "=" + schema(h.schema()) + " " + value(h.value()));
        return b.toString();
    }

    static JsonNode named(JsonNode n) {
        return n != null && n.isTextual() ? records.get(n.asText()) : n;
    }

    static SchemaAndValue data(JsonNode n) {
        if (n == null) return SchemaAndValue.NULL;
        return CONVERTER.toConnectData("t", n.toString().getBytes(StandardCharsets.UTF_8));
    }

    static ConnectRecord<?> record(JsonNode c) {
        SchemaAndValue key = data(named(c.get("key"))), value = data(named(c.get("value")));
        String topic = c.has("topic") ? c.get("topic").asText() : "t";
        Long timestamp = c.has("timestamp") ? (c.get("timestamp").isNull() ? null : Long.valueOf(c.get("timestamp").asLong())) : Long.valueOf(1700000000123L);
        ConnectRecord<?> r = c.has("source")
            ? new SourceRecord(Map.of("p", 1), Map.of("o", 2), topic, null, key.schema(), key.value(), value.schema(), value.value(), timestamp)
            : new SinkRecord(topic, 3, key.schema(), key.value(), value.schema(), value.value(), 42, timestamp, TimestampType.CREATE_TIME);
        if (c.has("headers")) for (JsonNode h : named(c.get("headers"))) {
            SchemaAndValue v = data(h.get(1));
            r.headers().add(h.get(0).asText(), v);
        }
        return r;
    }

    static String schema(Schema s) {
        if (s == null) return "null";
        StringBuilder b = new StringBuilder(s.type().getName());
        switch (s.type()) {
            case ARRAY: b.append("[" + schema(s.valueSchema()) + "]"); break;
            case MAP: b.append("<" + schema(s.keySchema()) + "," + schema(s.valueSchema()) + ">"); break;
            case STRUCT:
                b.append("{");
                for (Field f : s.fields()) b.append((f.index() > 0 ? "," : "") + f.name() + ":" + schema(f.schema()));
                b.append("}");
                break;
            default:
        }
        if (s.isOptional()) b.append("?");
        if (s.name() != null) b.append(" name=" + s.name());
        if (s.version() != null) b.append(" version=" + s.version());
        if (s.doc() != null) b.append(" doc=" + s.doc());
        if (s.parameters() != null && !s.parameters().isEmpty()) b.append(" params=" + new TreeMap<>(s.parameters()));
        if (s.defaultValue() != null) b.append(" default=" + value(s.defaultValue()));
        return b.toString();
    }

    static String value(Object v) {
        if (v == null) return "null";
        if (v instanceof String) return "\"" + v + "\"";
        if (v instanceof byte[]) return "bytes:" + HexFormat.of().formatHex((byte[]) v);
        if (v instanceof java.nio.ByteBuffer) return "buffer:" + HexFormat.of().formatHex(((java.nio.ByteBuffer) v).array());
        if (v instanceof Byte) return "int8:" + v;
        if (v instanceof Short) return "int16:" + v;
        if (v instanceof Integer) return "int32:" + v;
        if (v instanceof Long) return "int64:" + v;
        if (v instanceof Float) return "float:" + v;
        if (v instanceof Double) return "double:" + v;
        if (v instanceof Boolean) return v.toString();
        if (v instanceof java.math.BigDecimal) return "decimal:" + v;
        if (v instanceof java.math.BigInteger) return "biginteger:" + v;
        if (v instanceof java.util.Date) return "time:" + ((java.util.Date) v).getTime();
        StringBuilder b = new StringBuilder();
        if (v instanceof List) {
            b.append("[");
            for (Object e : (List<?>) v) b.append((b.length() > 1 ? "," : "") + value(e));
            return b + "]";
        }
        if (v instanceof Map) {
            b.append("{");
            for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) b.append((b.length() > 1 ? "," : "") + value(e.getKey()) + ":" + value(e.getValue()));
            return b + "}";
        }
        if (v instanceof Struct) {
            b.append("(");
            for (Field f : ((Struct) v).schema().fields()) b.append((b.length() > 1 ? "," : "") + f.name() + "=" + value(((Struct) v).getWithoutDefault(f.name())));
            return b + ")";
        }
        return v.getClass().getName() + ":" + v;
    }
}
