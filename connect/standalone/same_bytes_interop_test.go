//go:build interop && unix

package standalone_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// pipe is a file that goes through a source, a topic and a sink; both connectors have the same converters.
type pipe struct {
	name       string
	input      string
	converters string // lines of both connectors
	source     string // more lines of the source: transforms
	sink       string // more lines of the sink
	fails      string // the connector whose task fails
}

const (
	jsonPlain   = "value.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=false\nkey.converter=org.apache.kafka.connect.json.JsonConverter\nkey.converter.schemas.enable=false\n"
	jsonSchemas = "value.converter=org.apache.kafka.connect.json.JsonConverter\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n"
	text        = "value.converter=org.apache.kafka.connect.storage.StringConverter\n"
	smt         = "org.apache.kafka.connect.transforms."
	hoist       = "transforms=h\ntransforms.h.type=" + smt + "HoistField$Value\ntransforms.h.field=line\n"
)

// pipes have no times in what is compared: those are never the same.
var pipes = func() []pipe {
	lines := "plain\n\n \tspaces \t\n\"quoted\" \\back\\slash\\ / <html> & 'single'\ncarriage\r\nalone\rreturn\nnull\ncomma,colon:{brace}[bracket]\n" +
		"é ü 한국어 \U0001f600 \u2028\u2029\n\x00\x01\x1f\x7f\u0080\n\xff\xfe\xc3( \xe2\x82 \xf0\x9f\n" + strings.Repeat("long ", 20000) + "\nlast\n"
	list := []pipe{
		{name: "string", input: lines, converters: text},
		{name: "json", input: lines, converters: jsonPlain},
		{name: "json-schemas", input: lines, converters: jsonSchemas},
		{name: "bytes-of-strings", input: lines, converters: "value.converter=org.apache.kafka.connect.converters.ByteArrayConverter\n", fails: "source"},
		{name: "string-of-structs", input: lines, converters: text, source: hoist},
		{name: "json-of-structs", input: lines, converters: jsonPlain, source: hoist},
		{name: "schemas-of-structs", input: lines, converters: jsonSchemas, source: hoist},
		{name: "keys", input: lines, converters: jsonSchemas, source: hoist + "transforms=h,k,e\ntransforms.k.type=" + smt + "ValueToKey\ntransforms.k.fields=line\ntransforms.e.type=" + smt + "ExtractField$Key\ntransforms.e.field=line\n"},
		{name: "struct-keys", input: lines, converters: jsonPlain, source: hoist + "transforms=h,k\ntransforms.k.type=" + smt + "ValueToKey\ntransforms.k.fields=line\n"},
		{name: "insert", input: lines, converters: jsonSchemas, source: hoist + "transforms=h,i,m,n\ntransforms.i.type=" + smt + "InsertField$Value\ntransforms.i.static.field=from\ntransforms.i.static.value=a file\ntransforms.i.topic.field=topic?\n" +
			"transforms.m.type=" + smt + "MaskField$Value\ntransforms.m.fields=from\ntransforms.m.replacement=masked\ntransforms.n.type=" + smt + "SetSchemaMetadata$Value\ntransforms.n.schema.name=a.Line\ntransforms.n.schema.version=3\n"},
		{name: "flatten", input: lines, converters: jsonPlain, source: "transforms=h,g,f,r\ntransforms.h.type=" + smt + "HoistField$Value\ntransforms.h.field=line\ntransforms.g.type=" + smt + "HoistField$Value\ntransforms.g.field=outer\n" +
			"transforms.f.type=" + smt + "Flatten$Value\ntransforms.f.delimiter=_\ntransforms.r.type=" + smt + "ReplaceField$Value\ntransforms.r.renames=outer_line:text\n"},
		{name: "headers", input: lines, converters: jsonPlain, source: hoist + "transforms=h,a,b,c\ntransforms.a.type=" + smt + "InsertHeader\ntransforms.a.header=n\ntransforms.a.value.literal=17\n" +
			"transforms.b.type=" + smt + "InsertHeader\ntransforms.b.header=list\ntransforms.b.value.literal=[1, \"two\", null]\ntransforms.c.type=" + smt + "HeaderFrom$Value\ntransforms.c.fields=line\ntransforms.c.headers=text\ntransforms.c.operation=copy\n"},
		{name: "routed", input: lines, converters: text, source: "transforms=r\ntransforms.r.type=" + smt + "RegexRouter\ntransforms.r.regex=(.*)-in\ntransforms.r.replacement=$1\n"},
		{name: "filtered-sink", input: lines, converters: text, sink: "transforms=f\ntransforms.f.type=" + smt + "Filter\ntransforms.f.predicate=p\npredicates=p\npredicates.p.type=" + smt + "predicates.TopicNameMatches\npredicates.p.pattern=filtered.*\n"},
		{name: "sink-extracts", input: lines, converters: jsonSchemas, source: hoist, sink: "transforms=e\ntransforms.e.type=" + smt + "ExtractField$Value\ntransforms.e.field=line\n"},
		{name: "json-of-text", input: "{\"a\": 1, \"b\": [true, null, 1.50, 1e3, 12345678901234567890]}\n[]\n17\n\"s\"\nnull\n", converters: text, sink: jsonPlain},
		{name: "bad-json", input: "{\"a\":1}\nno json\n", converters: text, sink: jsonPlain, fails: "sink"},
		{name: "letters", input: "{\"a\":1}\nno json\n{\"a\":2}\n\n[\n", converters: text, sink: jsonPlain + "errors.tolerance=all\nerrors.deadletterqueue.topic.name=letters\nerrors.deadletterqueue.topic.replication.factor=1\nerrors.deadletterqueue.context.headers.enable=true\n"},
		{name: "bytes-sink", input: lines, converters: text, sink: "value.converter=org.apache.kafka.connect.storage.StringConverter\nheader.converter=org.apache.kafka.connect.converters.ByteArrayConverter\n"},
	}
	cast := func(kind, converter, input string) {
		list = append(list, pipe{
			name: "cast-" + kind, input: input, converters: "value.converter=org.apache.kafka.connect.converters." + converter + "\n",
			source: "transforms=c\ntransforms.c.type=" + smt + "Cast$Value\ntransforms.c.spec=" + kind + "\n",
		})
	}
	cast("int16", "ShortConverter", "0\n1\n-1\n32767\n-32768\n")
	cast("int32", "IntegerConverter", "0\n1\n-1\n2147483647\n-2147483648\n")
	cast("int64", "LongConverter", "0\n1\n-1\n9223372036854775807\n-9223372036854775808\n")
	cast("float32", "FloatConverter", "0\n1.5\n-0.1\n1e10\n3.4028235e38\nNaN\n-Infinity\n16777217\n")
	cast("float64", "DoubleConverter", "0\n1.5\n-0.1\n1e100\n0.001\n1234567.125\n1e7\nNaN\n")
	cast("boolean", "BooleanConverter", "true\nfalse\nTRUE\n")
	return list
}()

// TestSameBytesAsApache runs the same connectors by kgo and by Apache Kafka's connect-standalone, each with a cluster of its own: the records
// in the topics (keys, values, headers) and the files that come out are the same, byte for byte, and the same tasks fail.
func TestSameBytesAsApache(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names a launcher of Apache Kafka; it is not set")
	}
	got := make(map[string]map[string]string)
	for _, who := range []string{"kgo", "apache"} {
		broker := brokertest.Start(t)
		f := newFolder(t)
		w := restWorker{name: who, dir: f.dir, url: "http://127.0.0.1:" + freePort(t)}
		files := []string{f.worker(broker.Addr, "listeners="+w.url+"\n")}
		for _, p := range pipes {
			in := f.write(p.name+".txt", p.input)
			topic := p.name + "-in"
			files = append(files, f.write(p.name+"-source.properties", "name="+p.name+"-source\nconnector.class=FileStreamSource\nfile="+in+"\ntopic="+topic+"\n"+p.converters+p.source))
			if p.name == "routed" {
				topic = p.name
			}
			files = append(files, f.write(p.name+"-sink.properties", "name="+p.name+"-sink\nconnector.class=FileStreamSink\nfile="+f.path(p.name+".out")+"\ntopics="+topic+"\n"+p.converters+p.sink))
		}
		stop := run(t, who, lab, files)
		cl := kadm.NewClient(broker.Client())
		got[who] = make(map[string]string)
		for _, p := range pipes {
			got[who][p.name] = p.result(t, f, w, broker, cl)
		}
		stop()
	}
	for _, p := range pipes {
		if diff := difference(got["kgo"][p.name], got["apache"][p.name]); diff != "" {
			t.Errorf("%s: %s", p.name, diff)
		}
	}
}

// result waits until a pipe is through and shows what is in its topic and its file, or what its task failed with.
func (p pipe) result(t *testing.T, f folder, w restWorker, broker *brokertest.Node, cl *kadm.Client) string {
	t.Helper()
	var out strings.Builder
	if p.fails != "" {
		var status string
		waitFor(t, func() bool {
			_, status, _ = request(w, "GET", "/connectors/"+p.name+"-"+p.fails+"/tasks/0/status", "", "")
			return strings.Contains(status, "FAILED")
		})
		fmt.Fprintln(&out, masked(status, w))
		if p.fails == "source" {
			return out.String()
		}
	}
	topic := p.name + "-in"
	if p.name == "routed" {
		topic = p.name
	}
	want := fmt.Sprintf(`["%s-source",{"filename":"%s"}]`, p.name, f.path(p.name+".txt"))
	position := fmt.Sprintf(`{"position":%d`, len(p.input))
	var end int64
	waitFor(t, func() bool {
		_, after, found := strings.Cut(f.read("offsets"), want)
		if strings.Contains(p.input, "é") {
			return found && endOf(cl, topic) >= int64(len(javaLines(p.input)))
		}
		return found && strings.Contains(after[:min(len(after), 60)], position)
	})
	end = endOf(cl, topic)
	waitFor(t, func() bool {
		if p.fails == "sink" {
			return true
		}
		committed, err := cl.FetchOffsets(context.Background(), "connect-"+p.name+"-sink")
		at, _ := committed.Lookup(topic, 0)
		return err == nil && at.At == end
	})
	for _, r := range consume(t, broker.Client(kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), topic, int(end)) {
		fmt.Fprintf(&out, "key %s value %s", shown(r.Key), shown(r.Value))
		for _, h := range r.Headers {
			fmt.Fprintf(&out, " header %q=%s", h.Key, shown(h.Value))
		}
		fmt.Fprintln(&out)
	}
	if p.name == "letters" { // with the words of a JSON parser in two of the headers
		for _, r := range consume(t, broker.Client(kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), "letters", 2) {
			fmt.Fprintf(&out, "letter key %s value %s", shown(r.Key), shown(r.Value))
			for _, h := range r.Headers {
				if h.Key == "__connect.errors.exception.stacktrace" {
					first, _, _ := strings.Cut(string(h.Value), ":")
					h.Value = []byte(first)
				}
				fmt.Fprintf(&out, " header %q=%s", h.Key, shown(h.Value))
			}
			fmt.Fprintln(&out)
		}
	}
	for line := range strings.Lines(f.read(p.name + ".out")) {
		fmt.Fprintf(&out, "file %q\n", line)
	}
	return out.String()
}

func shown(b []byte) string {
	if b == nil {
		return "null"
	}
	return strconv.Quote(string(b))
}

// javaLines splits where Java's readers do.
func javaLines(text string) []string {
	return strings.Split(strings.TrimSuffix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n"), "\n")
}

func endOf(cl *kadm.Client, topic string) int64 {
	ends, err := cl.ListEndOffsets(context.Background(), topic)
	if err != nil {
		return -1
	}
	at, _ := ends.Lookup(topic, 0)
	return at.Offset
}
