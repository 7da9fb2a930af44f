package standalone_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/connect/standalone"
)

// TestBadConnectorsLeaveTheOthersAlone gives a worker files that are no good in every way among good ones.
func TestBadConnectorsLeaveTheOthersAlone(t *testing.T) {
	f := newFolder(t)
	in := f.write("in.txt", "one\ntwo\n")
	bad := map[string]string{ // what the log has to say of a file
		f.path("missing.properties"):                                                                                    "no such file",
		f.write("class.properties", "name=class\nconnector.class=Nope\n"):                                               "Failed to find any class that implements Connector and which name matches Nope",
		f.write("no-class.properties", "name=noclass\n"):                                                                "contains no connector type",
		f.write("no-name.properties", "connector.class=FileStreamSink\ntopics=t\n"):                                     "the connector has no name",
		f.write("invalid.properties", "name=invalid\nconnector.class=FileStreamSink\ntasks.max=0\n"):                    "Must configure one of topics or topics.regex",
		f.write("broken.json", `{"name":`):                                                                              "unexpected end of JSON input",
		f.write("escape.properties", "name=\\u12"):                                                                      "line 1",
		f.write("transform.properties", "name=tr\nconnector.class=FileStreamSink\ntopics=t\ntransforms=a\n"):            "transforms.a.type",
		f.write("list.json", `["a"]`):                                                                                   "give properties, or JSON",
		f.write("override.properties", "name=o\nconnector.class=FileStreamSource\ntopic=t\nproducer.override.acks=7\n"): "acks",
	}
	files := []string{f.worker(brokertest.Start(t).Addr, "")}
	for path := range bad {
		files = append(files, path)
	}
	files = append(files,
		f.write("source.json", fmt.Sprintf(`{"name":"source","config":{"connector.class":"FileStreamSource","file":%q,"topic":"lines","tasks.max":1}}`, in)),
		f.write("sink.json", fmt.Sprintf(`{"name":"sink","connector.class":"FileStreamSink","file":%q,"topics":"lines"}`, f.path("out.txt"))))
	w := f.run(files...)
	waitFor(t, func() bool { return f.read("out.txt") == "one\ntwo\n" })
	if got := w.get("/connectors"); got != `["sink","source"]` {
		t.Errorf("connectors %s", got)
	}
	for path, want := range bad {
		found := false
		for line := range strings.Lines(w.log.String()) {
			found = found || strings.Contains(line, "Failed to create connector for "+path) && strings.Contains(line, want)
		}
		if !found {
			t.Errorf("the log has no line on %s with %q:\n%s", path, want, w.log)
		}
	}
}

// TestRecordsThatDoNotConvert has a sink meet records that its converter cannot read: by default its task fails and says why, while other
// connectors go on; tolerated, they are passed over and go to the dead letter queue with what went wrong in headers.
func TestRecordsThatDoNotConvert(t *testing.T) {
	broker := brokertest.Start(t)
	f := newFolder(t)
	produce(t, broker, "mixed", `{"a":1}`, "no JSON", `{"a":2}`)
	const reads = "\nconnector.class=FileStreamSink\ntopics=mixed\nvalue.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=false\n"
	w := f.run(f.worker(broker.Addr, ""),
		f.write("strict.properties", "name=strict"+reads+"file="+f.path("strict.txt")+"\n"),
		f.write("tolerant.properties", "name=tolerant"+reads+"file="+f.path("tolerant.txt")+"\nerrors.tolerance=all\nerrors.log.enable=true\nerrors.log.include.messages=true\n"+
			"errors.deadletterqueue.topic.name=letters\nerrors.deadletterqueue.topic.replication.factor=1\nerrors.deadletterqueue.context.headers.enable=true\n"))
	if status := w.waitForState("strict", "FAILED"); !strings.Contains(status, "Tolerance exceeded in error handler") || !strings.Contains(status, "org.apache.kafka.connect.errors.DataException") {
		t.Error(status)
	}
	waitFor(t, func() bool { return f.read("tolerant.txt") == "{a=1}\n{a=2}\n" })
	letter := consume(t, broker.Client(), "letters", 1)[0]
	headers := make(map[string]string)
	for _, h := range letter.Headers {
		headers[strings.TrimPrefix(h.Key, "__connect.errors.")] = string(h.Value)
	}
	for name, want := range map[string]string{
		"topic": "mixed", "partition": "0", "offset": "1", "connector.name": "tolerant", "task.id": "0", "stage": "VALUE_CONVERTER",
		"class.name": "org.apache.kafka.connect.json.JsonConverter", "exception.class.name": "org.apache.kafka.connect.errors.DataException",
	} {
		if headers[name] != want {
			t.Errorf("header %s: %q, want %q", name, headers[name], want)
		}
	}
	if string(letter.Value) != "no JSON" {
		t.Errorf("the letter is %q", letter.Value)
	}
	if log := w.log.String(); !strings.Contains(log, "Error encountered in task tolerant-0. Executing stage 'VALUE_CONVERTER'") || !strings.Contains(log, "topic='mixed', partition=0, offset=1") {
		t.Error(log)
	}
	// What is mended goes on by a restart.
	if code, body := w.request(http.MethodPut, "/connectors/strict/config", fmt.Sprintf(`{"connector.class":"FileStreamSink","topics":"mixed","file":%q}`, f.path("strict.txt"))); code != http.StatusOK {
		t.Error(code, body)
	}
	waitFor(t, func() bool { return strings.HasSuffix(f.read("strict.txt"), "{\"a\":1}\nno JSON\n{\"a\":2}\n") })
}

// TestLinesThatAreTooLarge: a line that the broker does not take fails the task, or is passed over where that is tolerated.
func TestLinesThatAreTooLarge(t *testing.T) {
	broker := brokertest.Start(t)
	f := newFolder(t)
	in := f.write("in.txt", "one\n"+strings.Repeat("x", 2<<20)+"\nthree\n")
	const source = "\nconnector.class=FileStreamSource\nbatch.size=1\nfile="
	w := f.run(f.worker(broker.Addr, ""),
		f.write("strict.properties", "name=strict"+source+in+"\ntopic=strict\n"),
		f.write("tolerant.properties", "name=tolerant"+source+in+"\ntopic=tolerant\nerrors.tolerance=all\n"))
	if status := w.waitForState("strict", "FAILED"); !strings.Contains(strings.ToLower(status), "large") {
		t.Error(status)
	}
	var lines []string
	for _, r := range consume(t, broker.Client(), "tolerant", 2) {
		lines = append(lines, string(r.Value))
	}
	if strings.Join(lines, " ") != "one three" {
		t.Errorf("%q", lines)
	}
}

// TestBytesThatAreNoText: a line is a string, in which Java's decoder and kgo's put U+FFFD for what is not UTF-8; all else is unharmed.
func TestBytesThatAreNoText(t *testing.T) {
	broker := brokertest.Start(t)
	f := newFolder(t)
	in := f.write("in.bin", "a\xffb\n\x00\x01\x7f\n\n\xc3(\n\u00e9\U0001f600\n")
	f.run(f.worker(broker.Addr, ""),
		f.write("source.properties", "name=source\nconnector.class=FileStreamSource\nfile="+in+"\ntopic=bytes\n"),
		f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\nfile="+f.path("out.bin")+"\ntopics=bytes\n"))
	waitFor(t, func() bool { return strings.HasSuffix(f.read("out.bin"), "\U0001f600\n") })
	if got, want := f.read("out.bin"), "a\ufffdb\n\x00\x01\x7f\n\n\ufffd(\n\u00e9\U0001f600\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFilesThatChangeUnderASource: truncated, deleted and made again, with file.follow; the task never fails.
func TestFilesThatChangeUnderASource(t *testing.T) {
	broker := brokertest.Start(t)
	f := newFolder(t)
	in := f.path("in.txt")
	w := f.run(f.worker(broker.Addr, ""),
		f.write("source.properties", "name=source\nconnector.class=FileStreamSource\nfile="+in+"\ntopic=lines\nfile.follow=true\n"),
		f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\nfile="+f.path("out.txt")+"\ntopics=lines\n"))
	waitFor(t, func() bool { return strings.Contains(w.log.String(), "Couldn't find file "+in) })
	arrives := func(line string) { waitFor(t, func() bool { return strings.HasSuffix(f.read("out.txt"), line+"\n") }) }
	f.write("in.txt", "one\ntwo\n")
	arrives("two")
	f.write("in.txt", "cut\n") // truncated
	arrives("cut")
	if err := os.Remove(in); err != nil {
		t.Fatal(err)
	}
	f.write("in.txt", "made again\n")
	arrives("made again")
	if err := os.Rename(in, in+".1"); err != nil {
		t.Fatal(err)
	}
	f.write("in.txt", "rotated\n")
	arrives("rotated")
	if got := f.read("out.txt"); got != "one\ntwo\ncut\nmade again\nrotated\n" {
		t.Errorf("%q", got)
	}
	if status := w.get("/connectors/source/status"); strings.Contains(status, "FAILED") {
		t.Error(status)
	}
}

// TestWorkersThatCannotStart says why in one line.
func TestWorkersThatCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := newFolder(t)
	for _, c := range []struct{ setting, want string }{
		{"listeners=http://" + taken.Addr().String(), "address already in use"},
		{"offset.flush.interval.ms=abc", "Invalid value abc for configuration offset.flush.interval.ms: Not a number of type LONG"},
		{"key.converter=Nope", "Invalid value Nope for configuration key.converter: Class Nope could not be found."},
		{"bootstrap.servers=nohost", "Invalid url in bootstrap.servers: nohost"},
		{"connector.client.config.override.policy=Nope", "None, Principal or Allowlist"},
		{"rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension", "REST extensions are Java classes"},
		{"offset.storage.file.filename=" + f.dir, f.dir},
		{"admin.security.protocol=QUIC", "QUIC"},
	} {
		path := f.worker("127.0.0.1:1", c.setting+"\n")
		err := standalone.Run(t.Context(), standalone.Options{WorkerFile: path, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.setting, err)
		}
	}
}

// TestSettingsThatMeanNothingAreNamed in the log, and the worker starts all the same.
func TestSettingsThatMeanNothingAreNamed(t *testing.T) {
	f := newFolder(t)
	w := f.run(f.worker(brokertest.Start(t).Addr, "plugin.path=/opt/connectors\nplugin.discovery=service_load\nofset.flush.interval.ms=1\nproducer.linger.ms=5\nwhat=ever\n"))
	if log := w.log.String(); !strings.Contains(log, `keys="ofset.flush.interval.ms, what"`) {
		t.Error(log)
	}
}

func produce(t *testing.T, broker *brokertest.Node, topic string, values ...string) {
	t.Helper()
	cl := broker.Client(kgo.AllowAutoTopicCreation())
	for _, v := range values {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// consume reads the first records of a topic.
func consume(t *testing.T, cl *kgo.Client, topic string, count int) (records []*kgo.Record) {
	t.Helper()
	cl.AddConsumeTopics(topic)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(records) < count {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records of %s came", len(records), count, topic)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}
