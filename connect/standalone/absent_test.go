package standalone_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestClusterComesAndGoes starts a worker before its cluster and restarts the cluster under it: tasks wait and go on by themselves, the
// log says what they wait for, and no line is lost.
func TestClusterComesAndGoes(t *testing.T) {
	port := freePort(t)
	f := newFolder(t)
	in := f.write("in.txt", "one\n")
	w := f.run(f.worker("127.0.0.1:"+port, ""),
		f.write("source.properties", "name=source\nconnector.class=FileStreamSource\nfile="+in+"\ntopic=lines\ntopic.creation.default.partitions=1\ntopic.creation.default.replication.factor=1\n"),
		f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\nfile="+f.path("out.txt")+"\ntopics=lines\nerrors.tolerance=all\nerrors.deadletterqueue.topic.name=letters\nerrors.deadletterqueue.topic.replication.factor=1\n"))
	waitFor(t, func() bool { return strings.Count(w.log.String(), "waiting for a broker") >= 2 })
	for _, name := range []string{"source", "sink"} {
		if status := w.get("/connectors/" + name + "/status"); strings.Contains(status, "FAILED") {
			t.Errorf("without a cluster: %s", status)
		}
	}
	if code, body := w.request(http.MethodGet, "/", ""); code != http.StatusInternalServerError || !strings.Contains(body, "127.0.0.1:"+port) {
		t.Errorf("without a cluster, GET /: %d %s", code, body)
	}
	broker := brokertest.Start(t, "listeners=PLAINTEXT://127.0.0.1:"+port)
	waitFor(t, func() bool { return strings.HasSuffix(f.read("out.txt"), "one\n") })
	waitFor(t, func() bool { code, _ := w.request(http.MethodGet, "/", ""); return code == http.StatusOK })
	for _, line := range []string{"two\n", "three\n"} {
		broker.Stop()
		f.write("in.txt", f.read("in.txt")+line)
		broker.Restart()
		waitFor(t, func() bool { return strings.HasSuffix(f.read("out.txt"), line) })
	}
	if !strings.Contains(w.log.String(), "there again") {
		t.Error("the log does not say that the cluster is back")
	}
	if log := w.log.String(); strings.Contains(log, "Task threw") {
		t.Error(log)
	}
}
