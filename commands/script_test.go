package commands

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/broker/invariants"
)

func TestMain(m *testing.M) {
	invariants.SetLuck(invariants.NoLuck) // what stands in a file is compared: segments begin where Kafka's would
	testscript.Main(m, map[string]func(){"kgo": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/script: each file is a session with kgo as a process of its own, against one broker that all of them
// share. $B is its address, $M the address of its metrics, $T the folder testdata,
// $SCRIPT how the scripts' names end. Beside testscript's own commands there are
//
//	status N kgo ...             the exit code has to be N
//	interrupt TEXT kgo ...       Ctrl-C once standard output has TEXT; the exit code has to be 130
//	early N kgo ...              standard output is closed after N lines; the exit code has to be 0
//	eventually TEXT kgo ...      again and again until it succeeds and a line of standard output matches
//	expand FILE...               replaces $NAME in files by the environment's
//
// $R is a free address, for a worker's REST API.
func TestScripts(t *testing.T) {
	node := brokertest.Start(t, "kgo.metrics.listener=127.0.0.1:0")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "testdata", "script"),
		Setup: func(env *testscript.Env) error {
			testdata, err := filepath.Abs(filepath.Join("..", "testdata"))
			if err != nil {
				return err
			}
			env.Setenv("B", node.Addr)
			env.Setenv("T", testdata)
			env.Setenv("SCRIPT", scriptSuffixes()[0])
			env.Setenv("M", node.AdminAddr().String())
			env.Setenv("KAFKA_BOOTSTRAP_SERVERS", "")
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Setenv("R", free.Addr().String())
			return free.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus, "interrupt": scriptInterrupt, "early": scriptEarly, "eventually": scriptEventually, "expand": scriptExpand,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "signals" {
				return runtime.GOOS != "windows", nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
	})
}

func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func scriptEventually(ts *testscript.TestScript, _ bool, args []string) {
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		if err := ts.Exec(args[1], args[2:]...); err == nil && wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("it never said %s", args[0])
		}
	}
}

func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// scriptProcess prepares a process of a script whose output is watched.
func scriptProcess(ts *testscript.TestScript, args []string) (*exec.Cmd, *bytes.Buffer) {
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "B="+ts.Getenv("B"))
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	return cmd, &errOut
}

// watchedOutput collects what a process prints and tells when a text has come.
type watchedOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{}
	once sync.Once
}

func (w *watchedOutput) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if strings.Contains(w.text.String(), w.want) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

const scriptPatience = time.Minute

func scriptInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	cmd, errOut := scriptProcess(ts, args[1:])
	out := &watchedOutput{want: args[0], seen: make(chan struct{})}
	cmd.Stdout = out
	ts.Check(cmd.Start())
	select {
	case <-out.seen:
	case <-time.After(scriptPatience):
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ts.Fatalf("%q did not come: %s%s", args[0], out.text.String(), errOut)
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != interruptedCode {
		ts.Fatalf("%v, want exit code %d\n%s", err, interruptedCode, errOut)
	}
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), errOut.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("stdout"), out.text.Bytes(), 0o600))
}

func scriptEarly(ts *testscript.TestScript, _ bool, args []string) {
	lines, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd, errOut := scriptProcess(ts, args[1:])
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	one := make([]byte, 1)
	for lines > 0 {
		if _, err := out.Read(one); err != nil {
			ts.Fatalf("%v: %s", err, errOut)
		}
		if one[0] == '\n' {
			lines--
		}
	}
	out.Close()
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%v\n%s", err, errOut)
	}
	if errOut.Len() > 0 {
		ts.Fatalf("stderr: %s", errOut)
	}
}
