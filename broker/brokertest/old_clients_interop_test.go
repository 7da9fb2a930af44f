//go:build interop

package brokertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestInteropOldPythonClient has kafka-python speak as clients of Apache Kafka 0.8.2 to 2.8 did.
func TestInteropOldPythonClient(t *testing.T) {
	python := os.Getenv("KGO_PYTHON")
	if python == "" || exec.Command(python, "-c", "import kafka").Run() != nil {
		t.Skip("KGO_PYTHON names no python with kafka-python")
	}
	n := brokertest.Start(t)
	out, err := exec.CommandContext(t.Context(), python, "../../testdata/interop/kafka_python_old.py", n.Addr).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestInteropOldJavaClients has Java clients since 0.10.2 work with a node. Apache Kafka 4 refuses those before 2.1.
func TestInteropOldJavaClients(t *testing.T) {
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: no old Java clients to try", tool)
		}
	}
	n := brokertest.Start(t)
	admin := kadm.NewClient(n.Client())
	for _, version := range []string{"0.10.2.2", "1.1.1", "2.0.1", "2.8.2", "3.9.1"} {
		t.Run(version, func(t *testing.T) {
			libs := javaClient(t, version)
			topic := "java-" + version
			if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
				t.Fatal(err)
			}
			args := []string{"-cp", libs + "/*", "../../testdata/interop/OldClient.java", n.Addr, topic, "none", "gzip", "snappy", "lz4"}
			if matches, err := filepath.Glob(libs + "/zstd-*"); err == nil && len(matches) > 0 {
				args = append(args, "zstd")
			}
			out, err := exec.CommandContext(t.Context(), "java", args...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "records") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// javaClient fetches a release of Java's client and returns the folder of its jars.
func javaClient(t *testing.T, version string) string {
	dir := t.TempDir()
	pom := fmt.Sprintf(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>kgo</groupId><artifactId>old-client</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>%s</version></dependency></dependencies></project>`, version)
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(pom), 0o600); err != nil {
		t.Fatal(err)
	}
	libs := filepath.Join(dir, "libs")
	cmd := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+libs)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("Java's client %s can't be fetched: %v\n%s", version, err, out)
	}
	return libs
}
