//go:build interop && unix

package standalone_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestSameFilesAsApache runs the same properties files by kgo and by Apache Kafka's connect-standalone:
// the files that come out, and the offset files, have to be the same.
func TestSameFilesAsApache(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names a launcher of Apache Kafka; it is not set")
	}
	bootstrap := brokertest.Start(t).Addr
	var lines strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&lines, "line %d \"quoted\" \\ \t end\n", i)
	}
	for _, converter := range []string{"org.apache.kafka.connect.json.JsonConverter", "org.apache.kafka.connect.storage.StringConverter"} {
		results := make(map[string][]byte)
		for _, who := range []string{"kgo", "apache"} {
			dir := t.TempDir()
			input, topic := lines.String(), fmt.Sprintf("interop-%s-%d", who, time.Now().UnixNano())
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			in := write("in.txt", input)
			out, offsets := filepath.Join(dir, "out.txt"), filepath.Join(dir, "offsets")
			files := []string{
				write("worker.properties", "bootstrap.servers="+bootstrap+"\nkey.converter="+converter+"\nvalue.converter="+converter+"\noffset.storage.file.filename="+offsets+"\noffset.flush.interval.ms=200\nlisteners=http://127.0.0.1:0\n"),
				write("source.properties", "name="+topic+"\nconnector.class=FileStreamSource\nfile="+in+"\ntopic="+topic+"\n"),
				write("sink.properties", "name=k"+topic+"\nconnector.class=FileStreamSink\nfile="+out+"\ntopics="+topic+"\n"),
			}
			stop := run(t, who, lab, files)
			position := fmt.Sprintf(`{"position":%d}`, len(input))
			waitFor(t, func() bool {
				got, _ := os.ReadFile(out)
				stored, _ := os.ReadFile(offsets)
				return len(got) >= len(input) && bytes.Contains(stored, []byte(position))
			})
			stop()
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != input {
				t.Errorf("%s with %s: the sink's file differs from the source's", who, converter)
			}
			stored, err := os.ReadFile(offsets)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := bytes.Cut(stored, []byte(`["`)) // what follows has this run's names
			results[who] = head[:len(head)-4]
		}
		if !bytes.Equal(results["kgo"], results["apache"]) {
			t.Errorf("the offset files differ:\n%x\n%x", results["kgo"], results["apache"])
		}
	}
}

func run(t *testing.T, who, lab string, files []string) (stop func()) {
	t.Helper()
	if who == "kgo" {
		return start(t, files...)
	}
	cmd := exec.Command(lab, append([]string{"connect-standalone"}, files...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	}
}
