//go:build slow

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSeeds runs the command lines of lecture notes and blogs, from Kafka 2.5 to 3.2, in every spelling that they have. testdata/seeds is what they print;
// -update writes it.
func TestSeeds(t *testing.T) {
	files, err := filepath.Glob("../testdata/seeds/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no seeds", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			doc, err := readTranscript(file, false)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.links()
			for _, name := range []string{"", "kafka-01", "kafka-02", "kafka-03"} {
				w.distribution(w.machine(name))
			}
			w.play(doc)
		})
	}
}

// links makes kgo answer to the scripts' names, those on Windows included.
func (w *world) links() {
	w.t.Helper()
	bin := filepath.Join(w.dir, "bin")
	if out, err := exec.Command(filepath.Join(bin, "kgo"), "install-links", bin).CombinedOutput(); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	scripts, err := filepath.Glob(filepath.Join(bin, "*.sh"))
	if err != nil || len(scripts) < 20 {
		w.t.Fatal("too few links", scripts, err)
	}
	for _, s := range scripts {
		if err := os.Symlink("kgo", strings.TrimSuffix(s, ".sh")+".bat"); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Symlink(".", filepath.Join(bin, "windows")); err != nil {
		w.t.Fatal(err)
	}
}

// distribution lays out a machine as if Apache Kafka had been unpacked there: bin and config, with the settings that the seeds make.
func (w *world) distribution(m *machine) {
	w.t.Helper()
	if err := os.Symlink(filepath.Join(w.dir, "bin"), filepath.Join(m.dir, "bin")); err != nil {
		w.t.Fatal(err)
	}
	write := func(name string, lines ...string) {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(m.real(strings.Join(lines, "\n")+"\n")), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	common := []string{
		"num.network.threads=3", "num.io.threads=8", "socket.send.buffer.bytes=102400", "socket.receive.buffer.bytes=102400", "socket.request.max.bytes=104857600",
		"num.partitions=1", "num.recovery.threads.per.data.dir=1", "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1", "log.retention.hours=168", "log.segment.bytes=1073741824", "log.retention.check.interval.ms=300000",
		"zookeeper.connection.timeout.ms=18000", "group.initial.rebalance.delay.ms=0",
	}
	if m.name != "" {
		id := strings.TrimPrefix(m.name, "kafka-0")
		write("tmp/zookeeper/myid", id)
		write("config/zoo.cfg", "tickTime=2000", "initLimit=10", "syncLimit=5", "dataDir=/tmp/zookeeper", "clientPort=2181",
			"server.1=kafka-01:2888:3888", "server.2=kafka-02:2888:3888", "server.3=kafka-03:2888:3888")
		write("kafka_2.12-3.0.0/config/server.properties", append(common, "broker.id="+id, "listeners=PLAINTEXT://:9092", "advertised.listeners=PLAINTEXT://"+m.name+":9092",
			"log.dirs=/tmp/kafka-logs", "zookeeper.connect=kafka-01:2181,kafka-02:2181,kafka-03:2181")...)
		if err := os.Symlink(filepath.Join(w.dir, "bin"), filepath.Join(m.dir, "kafka_2.12-3.0.0", "bin")); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	write("config/zookeeper.properties", "dataDir=/tmp/zookeeper", "clientPort=2181", "maxClientCnxns=0", "admin.enableServer=false # not needed")
	for i, name := range []string{"server", "server1", "server2"} {
		write("config/"+name+".properties", append(common, "broker.id="+string(rune('0'+i)), "listeners=PLAINTEXT://localhost:909"+string(rune('2'+i)),
			"log.dirs=/tmp/kafka-logs"+[]string{"", "1", "2"}[i], "zookeeper.connect=localhost:2181")...)
	}
	write("config/connect-standalone.properties", "bootstrap.servers=localhost:9092", "listeners=http://localhost:8083", "key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable=false", "value.converter.schemas.enable=false",
		"offset.storage.file.filename=/tmp/connect.offsets", "offset.flush.interval.ms=10000")
	write("config/connect-file-sink.properties", "name=local-file-sink", "connector.class=FileStreamSink", "tasks.max=1", "file=test.sink.txt", "topics=topic3")
}
