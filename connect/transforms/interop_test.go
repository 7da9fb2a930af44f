//go:build interop

package transforms

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/apache.golden")

// TestGoldenIsApaches runs the cases by Apache Kafka's classes: the golden file says what they say now.
func TestGoldenIsApaches(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD names a launcher of Apache Kafka; it is not set")
	}
	classpath, err := exec.Command(lab, "classpath").Output()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	java := exec.Command("java", "-Xmx512m", "-Duser.timezone=UTC", "-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", strings.TrimSpace(string(classpath)), "testdata/ApacheTransforms.java")
	java.Stdin = in
	var complaints bytes.Buffer
	java.Stderr = &complaints
	got, err := java.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.Bytes())
	}
	if *update {
		if err := os.WriteFile("testdata/apache.golden", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/apache.golden")
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(string(got), "\n"), strings.Split(string(golden), "\n")
	for i := range min(len(a), len(b)) {
		if comparable(a[i]) != comparable(b[i]) {
			t.Errorf("case %d:\nApache %s\ngolden %s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d results, %d in the golden file", len(a), len(b))
	}
}
