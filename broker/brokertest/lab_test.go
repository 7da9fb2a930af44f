package brokertest_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLab runs a lab through its commands: start, status, kill, start, cut, mend, stop, wipe.
func TestLab(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir, base := filepath.Join(t.TempDir(), "lab"), freeRange(t)
	lab := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), path, append([]string{"lab", "--dir", dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("kgo lab %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(dir); err == nil {
			_ = exec.Command(path, "lab", "--dir", dir, "wipe").Run() // what a failed test left
		}
	})
	await := func(what string, lines ...string) {
		t.Helper()
		var status string
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			status = lab("status")
			ok := true
			for _, l := range lines {
				ok = ok && regexp.MustCompile("(?m)^"+l+"$").MatchString(status)
			}
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s:\n%s", what, status)
			}
		}
	}
	lab("start", "--brokers", "3", "--coordinators", "3", "--base-port", strconv.Itoa(base))
	topics := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), path, append([]string{"topics", "--bootstrap-server", fmt.Sprintf("localhost:%d", base)}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("kgo topics %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	topics("--create", "--topic", "t", "--partitions", "3", "--replication-factor", "3")
	await("three brokers", `broker-1\s.*running +1 +0`, `broker-2\s.*running +1 +0`, `broker-3\s.*running +1 +0`, `coordinator-\d.*coordinator \(leader\).*`)
	var rows []struct {
		Node, Role, State string
		PID, Leaders, Lag *int
		QuorumRole        *string  `json:"quorum_role"`
		CutFrom           []string `json:"cut_from"`
	}
	if err := json.Unmarshal([]byte(lab("status", "--output", "json")), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 || rows[0].Node != "coordinator-1" || rows[0].QuorumRole == nil || rows[0].Leaders != nil || rows[5].Node != "broker-3" || rows[5].Role != "broker" || rows[5].State != "running" ||
		rows[5].PID == nil || rows[5].Leaders == nil || *rows[5].Leaders != 1 || rows[5].Lag == nil || rows[5].CutFrom == nil {
		t.Errorf("status as JSON: %+v", rows)
	}
	lab("kill", "2")
	await("broker 2 to be gone", `broker-2 +- .*stopped.*`)
	lab("start", "2")
	lab("pause", "coordinator-1")
	await("a paused coordinator", `coordinator-1\s.*paused.*`, `coordinator-[23].*coordinator \(leader\).*`)
	lab("resume", "coordinator-1")

	inSync := func(n int) func() bool {
		return func() bool {
			full := 0
			for line := range strings.Lines(topics("--describe", "--topic", "t")) {
				if m := regexp.MustCompile(`Isr: ([\d,]*)`).FindStringSubmatch(line); m != nil && strings.Count(m[1], ",") == 2 {
					full++
				}
			}
			return full == n
		}
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s:\n%s\n%s", what, topics("--describe"), lab("status"))
			}
		}
	}
	until("all replicas in sync", inSync(3))
	for _, c := range []string{"coordinator-1", "coordinator-2", "coordinator-3"} {
		lab("cut", "3", c)
	}
	await("a broker that is cut off", `broker-3\s.*running, cut from coordinator-1, cut from coordinator-2, cut from coordinator-3.*`)
	until("broker 3 to be fenced", inSync(0))
	for _, c := range []string{"coordinator-1", "coordinator-2", "coordinator-3"} {
		lab("mend", "3", c)
	}
	until("all replicas in sync", inSync(3))
	lab("stop")
	await("nothing to run", `broker-1 +- .*stopped.*`, `coordinator-3 +- .*stopped.*`)
	lab("wipe")
	if left, err := os.ReadDir(dir); err == nil {
		t.Errorf("wipe left %v", left)
	}
}

// freeRange finds a port from which a lab's are free.
func freeRange(t *testing.T) int {
	t.Helper()
	for base := 24100; base < 30000; base += 50 {
		free := true
		for _, offset := range []int{0, 1, 2, 100, 101, 102} {
			ln, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", base+offset))
			if err != nil {
				free = false
				break
			}
			_ = ln.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}
