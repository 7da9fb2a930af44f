//go:build interop && unix

package standalone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// restStep is a request made of both workers. Before it, both have to answer so that until is in what GET waitFor says.
type restStep struct {
	method, path, body string
	header             string // "Name: value", besides that a body is JSON
	waitFor, until     string
	onlyStatus         bool   // the words are Java's
	differs            string // why the answers are not the same
}

// restWorker is one of the two workers that are compared.
type restWorker struct {
	name, url, dir string
}

// TestRESTAnswersAsApache makes the same requests of kgo's worker and of Apache Kafka's: the same status, and the same body field
// by field, after masking what has to differ.
func TestRESTAnswersAsApache(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names a launcher of Apache Kafka; it is not set")
	}
	var workers []restWorker
	for _, who := range []string{"kgo", "apache"} {
		broker := brokertest.Start(t)
		w := restWorker{name: who, dir: t.TempDir(), url: "http://127.0.0.1:" + freePort(t)}
		write := func(name, text string) string {
			path := filepath.Join(w.dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		write("in.txt", "one\ntwo\n")
		file := write("worker.properties", "bootstrap.servers="+broker.Addr+"\nkey.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter=org.apache.kafka.connect.json.JsonConverter\noffset.storage.file.filename="+filepath.Join(w.dir, "offsets")+"\noffset.flush.interval.ms=100\nlisteners="+w.url+"\n"+
			"config.providers=vault\nconfig.providers.vault.class=org.apache.kafka.common.config.provider.FileConfigProvider\n")
		write("secrets.properties", "file="+filepath.Join(w.dir, "out.txt")+"\n")
		t.Cleanup(run(t, who, lab, []string{file}))
		workers = append(workers, w)
	}
	for _, w := range workers {
		waitFor(t, func() bool {
			status, _, err := request(w, "GET", "/health", "", "")
			return err == nil && status == 200
		})
	}
	for _, step := range restSteps {
		var answers []string
		for _, w := range workers {
			if step.waitFor != "" {
				waitFor(t, func() bool {
					_, body, err := request(w, "GET", step.waitFor, "", "")
					return err == nil && strings.Contains(body, step.until)
				})
			}
			status, body, err := request(w, step.method, step.path, step.body, step.header)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, fmt.Sprintf("%d %s", status, masked(body, w)))
		}
		if step.onlyStatus {
			answers[0], answers[1] = answers[0][:3], answers[1][:3]
		}
		if diff := difference(answers[0], answers[1]); (diff != "") != (step.differs != "") {
			t.Errorf("%s %s %s\n%s", step.method, step.path, step.body, diff)
		}
	}
}

func request(w restWorker, method, path, body, header string) (int, string, error) {
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(strings.ReplaceAll(body, "DIR", w.dir)))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if name, value, set := strings.Cut(header, ": "); set {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if l := resp.Header.Get("Location"); l != "" {
		b = append(b, " Location: "+l...)
	}
	return resp.StatusCode, string(b), err
}

// What only Java says: parse positions, class names of Jackson, patterns' errors.
var (
	javaWords = regexp.MustCompile(`(Invalid regex: )[^"]*|(available connectors are: )[^"]*`)
)

// masked takes away what differs from one worker to the other.
func masked(body string, w restWorker) string {
	body = strings.NewReplacer(w.dir, "DIR", strings.TrimPrefix(w.url, "http://"), "WORKER").Replace(body)
	body = strings.ReplaceAll(body, "org.apache.kafka.connect.errors.ConnectException: Failed to find", "Failed to find") // sometimes
	body = javaWords.ReplaceAllString(body, "$1$2…")
	var v any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return body
	}
	rest, _ := io.ReadAll(io.MultiReader(d.Buffered()))
	b, _ := json.MarshalIndent(maskValue(v), "", " ")
	return string(b) + string(rest)
}

var ourOwn = regexp.MustCompile(`org\.apache\.kafka\.connect\.mirror\.|^kgo|Http`)

func maskValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			switch k {
			case "documentation", "commit", "kafka_cluster_id":
				v[k] = "…"
			case "trace": // the first line's class says what happened
				first, _, _ := strings.Cut(e.(string), ":")
				v[k] = first
			default:
				v[k] = maskValue(e)
			}
		}
		return v
	case []any:
		out := []any{}
		if unordered(v) {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				if ourOption(m) {
					continue
				}
				if class, ok := m["class"].(string); ok && ourOwn.MatchString(class) {
					continue
				}
				if d, ok := m["value"].(map[string]any); ok && strings.Contains(fmt.Sprint(d["name"]), ".override.") {
					m["definition"] = nil // kgo has none of clients' settings
				}
			}
			out = append(out, maskValue(e))
		}
		return out
	}
	return v
}

// ourOption tells whether a setting is one that Apache's file connectors do not have.
func ourOption(m map[string]any) bool {
	name, _ := m["name"].(string)
	if d, ok := m["definition"].(map[string]any); ok {
		name, _ = d["name"].(string)
	}
	return regexp.MustCompile(`^(file\..+|part\..+|csv\..+|format|compression)$`).MatchString(name) && m["topics"] == nil
}

// unordered tells whether a list is one of offsets or of connectors, which are Java's sets.
func unordered(list []any) bool {
	if len(list) == 0 {
		return false
	}
	m, _ := list[0].(map[string]any)
	return m["partition"] != nil || slices.Contains(list, any("lazy"))
}

// difference shows the lines that are only in one of two texts.
func difference(kgo, apache string) string {
	if kgo == apache {
		return ""
	}
	a, b := strings.Split(kgo, "\n"), strings.Split(apache, "\n")
	var out bytes.Buffer
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	fmt.Fprintf(&out, "from line %d:\n", i+1)
	for _, side := range []struct {
		name  string
		lines []string
	}{{"kgo   ", a}, {"apache", b}} {
		for _, l := range side.lines[min(max(i-3, 0), len(side.lines)):min(i+6, len(side.lines))] {
			fmt.Fprintf(&out, "%s| %.600s\n", side.name, l)
		}
	}
	return out.String()
}

const (
	sinkConfig   = `{"connector.class":"FileStreamSink","topics":"lines","file":"DIR/out.txt"`
	sourceConfig = `{"connector.class":"FileStreamSource","topic":"lines","file":"DIR/in.txt"`
)

func validate(settings string) restStep {
	return restStep{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"name":"x","connector.class":"FileStreamSink",` + settings + `}`}
}

func validateSource(settings string) restStep {
	return restStep{method: "PUT", path: "/connector-plugins/FileStreamSource/config/validate", body: `{"name":"x","connector.class":"FileStreamSource",` + settings + `}`}
}

var restSteps = slices.Concat(lookSteps, pluginSteps(), validateSteps, lifeSteps)

var lookSteps = []restStep{
	{method: "GET", path: "/"},
	{method: "GET", path: "/health"},
	{method: "GET", path: "/connectors"},
	{method: "GET", path: "/connectors?expand=status"},
	{method: "GET", path: "/nothing"},
	{method: "DELETE", path: "/connectors"},
	{method: "GET", path: "/connectors/none"},
	{method: "GET", path: "/connectors/none/config"},
	{method: "GET", path: "/connectors/none/status"},
	{method: "GET", path: "/connectors/none/tasks"},
	{method: "GET", path: "/connectors/none/tasks/0/status"},
	{method: "GET", path: "/connectors/none/tasks/x/status"},
	{method: "GET", path: "/connectors/none/topics"},
	{method: "PUT", path: "/connectors/none/topics/reset"},
	{method: "GET", path: "/connectors/none/offsets"},
	{method: "DELETE", path: "/connectors/none/offsets"},
	{method: "PATCH", path: "/connectors/none/offsets", body: `{"offsets":[]}`},
	{method: "PATCH", path: "/connectors/none/offsets", body: `{"offsets":[{"partition":{"a":1},"offset":null}]}`},
	{method: "PUT", path: "/connectors/none/pause"},
	{method: "PUT", path: "/connectors/none/resume"},
	{method: "PUT", path: "/connectors/none/stop"},
	{method: "POST", path: "/connectors/none/restart", differs: "a null pointer in Apache's"},
	{method: "POST", path: "/connectors/none/restart?includeTasks=true"},
	{method: "POST", path: "/connectors/none/tasks/0/restart", differs: "Apache's tries to start the task"},
	{method: "DELETE", path: "/connectors/none"},
	{method: "PATCH", path: "/connectors/none/config", body: `{"a":"b"}`},
	{method: "PUT", path: "/connectors/none/config", body: `{"connector.class":"Nope"}`},
	{method: "PUT", path: "/connectors/none/config", body: `{}`},
	{method: "PUT", path: "/connectors/none/config", body: `{"name":"other","connector.class":"FileStreamSink","topics":"t"}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"connector.class":"Nope"}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x"}`, differs: "a null pointer in Apache's"},
	{method: "POST", path: "/connectors", body: `{"config":{"connector.class":"FileStreamSink","topics":"t"}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"name":"y","connector.class":"FileStreamSink","topics":"t"}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"connector.class":"FileStreamSink"}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","initial_state":"ASLEEP","config":{"connector.class":"FileStreamSink","topics":"t"}}`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"connector.class":"FileStreamSink","topics":"t","tasks.max":"zero"}}`},
	{method: "POST", path: "/connectors", body: `{"name":`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `no json`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: ``, header: "Content-Type: application/json", onlyStatus: true},
	{method: "POST", path: "/connectors", body: `[]`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `{"name":"x","other":1,"config":{}}`, onlyStatus: true},
	{method: "GET", path: "/connectors/"},
	{method: "GET", path: "/connectors/none/config/"},
	{method: "GET", path: "/connectors", header: "Accept: text/html"},
	{method: "GET", path: "/connectors", header: "Accept: text/html, application/*;q=0.1"},
	{method: "HEAD", path: "/connectors"},
	{method: "TRACE", path: "/connectors"},
	{method: "POST", path: "/connectors", body: "{}", header: "Content-Type: text/plain"},
	{method: "POST", path: "/connectors", body: "{}", header: "Content-Type: application/json;charset=utf-8", onlyStatus: true},
	{method: "PUT", path: "/connectors/none/pause", header: "Content-Type: application/x-www-form-urlencoded"},
	{method: "GET", path: "/connectors/none", header: "Content-Type: text/plain"},
	{method: "POST", path: "/connectors", body: `{"name":7,"config":{"connector.class":"FileStreamSink","topics":"t","tasks.max":0}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"connector.class":"FileStreamSink","topics":"t","tasks.max":1.0}}`},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":{"connector.class":"FileStreamSink","topics":["t"]}}`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `{"name":"x","config":null}`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `null`, onlyStatus: true},
	{method: "POST", path: "/connectors", body: `{"name":"a\u0001b\u001fc","config":{"connector.class":"FileStreamSink","topics":"t"}}`},
	{method: "PUT", path: "/connectors/x/config", body: `{"connector.class":"Nope"} and more`, onlyStatus: true},
	{method: "PUT", path: "/admin/loggers/root", body: `{"level":5}`},
	{method: "PUT", path: "/admin/loggers/root", body: `{"level":null}`},
	{method: "PUT", path: "/admin/loggers/root", body: ``, header: "Content-Type: application/json", onlyStatus: true},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"connector.class":"FileStreamSink","topics":5,"name":true,"tasks.max":2}`},
	{method: "GET", path: "/admin/loggers/none"},
	{method: "PUT", path: "/admin/loggers/root", body: `{}`},
	{method: "PUT", path: "/admin/loggers/root", body: `{"level":"LOUD"}`},
	{method: "PUT", path: "/admin/loggers/root?scope=cluster", body: `{"level":"INFO"}`},
	{method: "GET", path: "/connector-plugins/Nope/config"},
	{method: "PUT", path: "/connector-plugins/Nope/config/validate", body: `{"connector.class":"Nope"}`},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"name":"x"}`},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"connector.class":"FileStreamSource","topic":"t"}`},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","topics":"t"}`},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{}`},
	{method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: `{"name":null,"connector.class":"FileStreamSink","topics":"t"}`},
	{method: "GET", path: "/connector-plugins"},
	{method: "GET", path: "/connector-plugins?connectorsOnly=true"},
	{method: "GET", path: "/connector-plugins?connectorsOnly=false"},
}

func pluginSteps() []restStep {
	var steps []restStep
	for _, class := range []string{
		"FileStreamSink", "FileStreamSource", "org.apache.kafka.connect.file.FileStreamSinkConnector", "FileStreamSinkConnector", "JsonConverter", "StringConverter", "SimpleHeaderConverter",
		"LongConverter", "Filter", "RegexRouter", "TimestampRouter", "InsertHeader", "DropHeaders", "ValueToKey", "HasHeaderKey", "RecordIsTombstone", "TopicNameMatches",
		"org.apache.kafka.connect.transforms.Cast$Value", "Cast$Value",
	} {
		steps = append(steps, restStep{method: "GET", path: "/connector-plugins/" + class + "/config"})
	}
	for _, name := range []string{"Cast", "ExtractField", "Flatten", "HeaderFrom", "HoistField", "InsertField", "MaskField", "ReplaceField", "SetSchemaMetadata", "TimestampConverter"} {
		steps = append(steps, restStep{method: "GET", path: "/connector-plugins/org.apache.kafka.connect.transforms." + name + "$Key/config"})
	}
	return steps
}

var validateSteps = []restStep{
	validate(`"topics":"t"`), validate(`"topics":""`), validate(`"topics":"a,a"`), validate(`"topics":"a,,b"`), validate(`"topics":" a , b "`),
	validate(`"topics":"t","topics.regex":"x"`), validate(`"topics.regex":"("`), validate(`"topics.regex":"q.*","errors.deadletterqueue.topic.name":"q"`),
	validate(`"topics":"t","errors.deadletterqueue.topic.name":"t"`), validate(`"topics":"t","tasks.max":"x"`), validate(`"topics":"t","tasks.max":"0"`), validate(`"topics":"t","tasks.max":" 2 "`),
	validate(`"topics":"t","errors.tolerance":"some"`), validate(`"topics":"t","errors.retry.timeout":"-2"`), validate(`"topics":"t","errors.log.enable":"TRUE"`), validate(`"topics":"t","errors.log.enable":"maybe"`),
	validate(`"topics":"t","config.action.reload":"x"`), validate(`"topics":"t","errors.deadletterqueue.topic.replication.factor":"70000"`), validate(`"topics":"t","name":""`),
	validate(`"topics":"t","key.converter":"Nope"`),
	validate(`"topics":"t","key.converter":"JsonConverter","key.converter.schemas.enable":"x","key.converter.decimal.format":"y"`),
	validate(`"topics":"t","value.converter":"StringConverter","header.converter":"org.apache.kafka.connect.converters.LongConverter","key.converter":"JsonConverter"`),
	validate(`"topics":"t","unknown":"x"`),
	validate(`"topics":"t","consumer.override.max.poll.records":"7"`),
	validate(`"topics":"t","transforms":"a,b","predicates":"p","transforms.a.type":"org.apache.kafka.connect.transforms.RegexRouter","transforms.a.regex":"(","transforms.b.type":"org.apache.kafka.connect.transforms.MaskField$Value","transforms.b.fields":"x","transforms.b.predicate":"p","transforms.b.negate":"true","predicates.p.type":"TopicNameMatches","predicates.p.pattern":"t"`),
	validate(`"topics":"t","transforms":"a"`), validate(`"topics":"t","transforms":"a","transforms.a.type":"Nope"`), validate(`"topics":"t","transforms":"a,a","transforms.a.type":"Filter"`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"Filter","transforms.a.negate":"true"`), validate(`"topics":"t","transforms":"a","transforms.a.type":"Filter","transforms.a.negate":"maybe"`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"MaskField$Value","transforms.a.fields":"x"`), validate(`"topics":"t","transforms":"a","transforms.a.type":"org.apache.kafka.connect.transforms.InsertField"`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"RecordIsTombstone"`), validate(`"topics":"t","predicates":"p"`), validate(`"topics":"t","predicates":"p","predicates.p.type":"Nope"`),
	validate(`"topics":"t","predicates":"p","predicates.p.type":"HasHeaderKey","predicates.p.name":""`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"org.apache.kafka.connect.transforms.DropHeaders","transforms.a.headers":""`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"org.apache.kafka.connect.transforms.HeaderFrom$Value","transforms.a.fields":"","transforms.a.headers":"b","transforms.a.operation":"steal"`),
	validate(`"topics":"t","transforms":"a","transforms.a.type":"org.apache.kafka.connect.transforms.ReplaceField$Value","transforms.a.renames":"a:b:c"`),
	validateSource(`"topic":"t"`), validateSource(`"topic":""`), validateSource(`"file":"x"`), validateSource(`"topic":"t","batch.size":"y"`), validateSource(`"topic":"t","batch.size":"0"`),
	validateSource(`"topic":"t","topic.creation.groups":"g,g"`), validateSource(`"topic":"t","topic.creation.groups":"g","topic.creation.default.partitions":"2"`),
	validateSource(`"topic":"t","exactly.once.support":"x"`), validateSource(`"topic":"t","transaction.boundary":"x"`), validateSource(`"topic":"t","transaction.boundary.interval.ms":"x"`), validateSource(`"topic":"t","transaction.boundary.interval.ms":"-1"`),
	validateSource(`"topic":"t","offsets.storage.topic":" "`), validateSource(`"topic":"t","exactly.once.support":"REQUIRED","transaction.boundary":"Interval"`),
}

var lifeSteps = []restStep{
	{method: "POST", path: "/connectors", body: `{"name":"source","config":` + sourceConfig + `}}`},
	{method: "POST", path: "/connectors", body: `{"name":"source","config":` + sourceConfig + `}}`},
	{method: "GET", path: "/connectors/source", waitFor: "/connectors/source/tasks/0/status", until: "RUNNING"},
	{method: "GET", path: "/connectors/source/config"},
	{method: "GET", path: "/connectors/source/tasks"},
	{method: "GET", path: "/connectors/source/status"},
	{method: "GET", path: "/connectors/source/tasks/0/status"},
	{method: "GET", path: "/connectors/source/tasks/1/status"},
	{method: "GET", path: "/connectors/source/tasks-config"},
	{method: "GET", path: "/connectors/source/topics", waitFor: "/connectors/source/topics", until: "lines"},
	{method: "GET", path: "/connectors/source/offsets", waitFor: "/connectors/source/offsets", until: "position"},
	{method: "PUT", path: "/connectors/sink/config", body: sinkConfig + `}`},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/status", until: `"id":0,"state":"RUNNING"`},
	{method: "GET", path: "/connectors/sink/topics", waitFor: "/connectors/sink/topics", until: "lines"},
	{method: "GET", path: "/connectors/sink/offsets", waitFor: "/connectors/sink/offsets", until: `"kafka_offset":2`},
	{method: "GET", path: "/connectors"},
	{method: "GET", path: "/connectors?expand=status&expand=info"},
	{method: "GET", path: "/connectors?expand=info"},
	{method: "GET", path: "/connectors?expand=nothing"},
	{method: "PUT", path: "/connectors/sink/config", body: sinkConfig + `,"tasks.max":"2"}`},
	{method: "GET", path: "/connectors/sink", waitFor: "/connectors/sink/status", until: `"id":1,"state":"RUNNING"`},
	{method: "GET", path: "/connectors/sink/tasks"},
	{method: "PATCH", path: "/connectors/sink/config", body: `{"tasks.max":"1","extra":"x"}`},
	{method: "PATCH", path: "/connectors/sink/config", body: `{"extra":null}`},
	{method: "PATCH", path: "/connectors/sink/config", body: `{"topics":null}`},
	{method: "PUT", path: "/connectors/sink/config", body: sinkConfig + `,"errors.tolerance":"x"}`},
	{method: "PUT", path: "/connectors/sink/pause"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/tasks/0/status", until: "PAUSED"},
	{method: "DELETE", path: "/connectors/sink/offsets"},
	{method: "PUT", path: "/connectors/sink/resume"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/tasks/0/status", until: "RUNNING"},
	{method: "POST", path: "/connectors/sink/restart"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/tasks/0/status", until: "RUNNING"},
	{method: "POST", path: "/connectors/sink/restart/?includeTasks=TRUE"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/tasks/0/status", until: "RUNNING"},
	{method: "POST", path: "/connectors/sink/restart?includeTasks=true&onlyFailed=true"},
	{method: "POST", path: "/connectors/sink/restart?onlyFailed=true"},
	{method: "POST", path: "/connectors/sink/tasks/0/restart"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/tasks/0/status", until: "RUNNING"},
	{method: "PUT", path: "/connectors/sink/stop"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/status", until: `"STOPPED"`},
	{method: "GET", path: "/connectors/sink/tasks"},
	{method: "GET", path: "/connectors/sink/offsets"},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":0},"offset":{"kafka_offset":1}}]}`},
	{method: "GET", path: "/connectors/sink/offsets"},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines"},"offset":{"kafka_offset":1}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":"x"},"offset":{"kafka_offset":1}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":0},"offset":{"offset":1}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":0},"offset":{"kafka_offset":-1}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":0},"offset":{"kafka_offset":"x"}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"offset":{"kafka_offset":1}}]}`},
	{method: "PATCH", path: "/connectors/sink/offsets", body: `{"offsets":[{"partition":{"kafka_topic":"lines","kafka_partition":0},"offset":null}]}`},
	{method: "GET", path: "/connectors/sink/offsets"},
	{method: "DELETE", path: "/connectors/sink/offsets"},
	{method: "GET", path: "/connectors/sink/offsets"},
	{method: "POST", path: "/connectors/sink/restart"},
	{method: "POST", path: "/connectors/sink/restart/?includeTasks=TRUE"},
	{method: "PUT", path: "/connectors/sink/pause"},
	{method: "GET", path: "/connectors/sink/status", waitFor: "/connectors/sink/status", until: `"PAUSED"`},
	{method: "DELETE", path: "/connectors/source/offsets"},
	{method: "PUT", path: "/connectors/source/stop"},
	{method: "GET", path: "/connectors/source/offsets", waitFor: "/connectors/source/status", until: `"STOPPED"`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"filename":"DIR/in.txt"},"offset":{"position":4}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"filename":"other"},"offset":{"position":4}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"file":"x"},"offset":{"position":4}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"filename":"DIR/in.txt"},"offset":{"at":4}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"filename":"DIR/in.txt"},"offset":{"position":-4}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":{"filename":"DIR/in.txt"},"offset":{"position":"4"}}]}`},
	{method: "PATCH", path: "/connectors/source/offsets", body: `{"offsets":[{"partition":null,"offset":{"position":4}}]}`},
	{method: "GET", path: "/connectors/source/offsets"},
	{method: "DELETE", path: "/connectors/source/offsets"},
	{method: "GET", path: "/connectors/source/offsets"},
	{method: "PUT", path: "/connectors/source/topics/reset"},
	{method: "GET", path: "/connectors/source/topics"},
	{method: "PUT", path: "/connectors/source/resume"},
	{method: "GET", path: "/connectors/source/status", waitFor: "/connectors/source/status", until: `"id":0,"state":"RUNNING"`},
	{method: "POST", path: "/connectors", body: `{"name":"lazy","initial_state":"STOPPED","config":` + sinkConfig + `}}`},
	{method: "GET", path: "/connectors/lazy/status", waitFor: "/connectors/lazy/status", until: "STOPPED"},
	{method: "POST", path: "/connectors", body: `{"name":"rest","initial_state":"paused","config":` + sinkConfig + `}}`},
	{method: "GET", path: "/connectors/rest/status", waitFor: "/connectors/rest/status", until: `"PAUSED"`},
	{method: "POST", path: "/connectors", body: `{"name":"broken","config":{"connector.class":"FileStreamSink","topics":"lines","file":"DIR/no/such/folder"}}`},
	{method: "GET", path: "/connectors/broken/status", waitFor: "/connectors/broken/tasks/0/status", until: "FAILED"},
	{method: "POST", path: "/connectors/broken/restart?includeTasks=true&onlyFailed=true"},
	{method: "GET", path: "/connectors/broken/status", waitFor: "/connectors/broken/tasks/0/status", until: "FAILED"},
	{method: "POST", path: "/connectors/broken/tasks/0/restart"},
	{method: "DELETE", path: "/connectors/broken"},
	{method: "DELETE", path: "/connectors/broken"},
	{method: "POST", path: "/connectors", body: `{"name":"secretive","config":{"connector.class":"FileStreamSink","topics":"lines","file":"${vault:DIR/secrets.properties:file}","x":"${env:HOME}"}}`},
	{method: "GET", path: "/connectors/secretive/config", waitFor: "/connectors/secretive/tasks/0/status", until: "RUNNING"},
	{method: "GET", path: "/connectors/secretive/tasks"},
	validate(`"topics":"t","file":"${vault:DIR/secrets.properties:file}"`),
	{method: "DELETE", path: "/connectors/secretive"},
	{method: "POST", path: "/connectors", body: `{"name":"lost","config":{"connector.class":"FileStreamSink","topics":"lines","file":"${vault:DIR/no-such-file:file}"}}`, onlyStatus: true},
	{method: "GET", path: "/connectors/broken"},
	{method: "GET", path: "/connectors"},
	{method: "POST", path: "/connectors/source/tasks/9/restart"}, // leaves a task behind in Apache's
}
