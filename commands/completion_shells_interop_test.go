//go:build interop && unix

package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestCompletionInTheShells presses Tab in bash, zsh and fish, each on a terminal of its own, after sourcing what kgo completion prints: commands,
// options, values and names of a running cluster, by kgo's name and by the names of Kafka's scripts. The completed line is run, and its
// output shows whether the shell made of it what it should.
func TestCompletionInTheShells(t *testing.T) {
	bin := t.TempDir()
	kgo := filepath.Join(bin, "kgo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", kgo, "../cmd/kgo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), kgo, "install-links", bin).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := startKgo(t, nil).bootstrap
	for _, words := range []string{
		"topics --create --topic tab-unique-topic", "topics --create --topic tab-other",
		"consumer-groups --reset-offsets --group tab-group --topic tab-other --to-earliest --execute",
	} {
		if out, errOut, code := runKgo(append(strings.Fields(words), "--bootstrap-server", address)); code != 0 {
			t.Fatal(out, errOut)
		}
	}
	for name, setUp := range map[string]struct {
		args   []string
		source string
	}{
		"bash": {[]string{"--norc", "--noprofile", "-i"}, `source <(kgo completion bash)`},
		"zsh":  {[]string{"-f", "-i"}, `autoload -U compinit; compinit -D -u; source <(kgo completion zsh)`},
		"fish": {[]string{"--no-config", "-i"}, `kgo completion fish | source`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("%s is not installed", name)
			}
			s := startShell(t, bin, name, setUp.args...)
			s.types(setUp.source + "; echo so''urced\n")
			s.awaits("sourced")
			for _, c := range []struct{ typed, output string }{
				{"kgo get-off\t--bootstrap-server $B --topic tab-u\t\n", `(?m)^tab-unique-topic:0:0`},
				{"kgo topics --bootstrap-s\t$B --list --topic tab-o\t\n", `(?m)^tab-other`},
				{"kgo topics --bootstrap-server $B --list --output js\t\n", `"tab-unique-topic"`},
				{"kgo topics --bootstrap-server $B --list --output=js\t\n", `"tab-unique-topic"`},
				{"kgo get-offsets --bootstrap-server=$B --topic=tab-u\t\n", `(?m)^tab-unique-topic:0:0`},
				{"kgo consumer-groups --bootstrap-server $B --describe --state --group tab-g\t\n", `(?m)^tab-group .* Empty `},
				{"kafka-get-offsets.sh --bootstrap-server $B --topic tab-u\t\n", `(?m)^tab-unique-topic:0:0`},
				{"kafka-topics.sh --bootstrap-s\t$B --descr\t--topic tab-u\t\n", `Topic: tab-unique-topic\s`},
				{"kafka-get-offsets.sh --bootstrap-server=$B --topic=tab-u\t\n", `(?m)^tab-unique-topic:0:0`},
				{"kgo cluster list-e\t--bootstrap-server $B\n", `(?m)^ID +HOST +PORT`},
			} {
				s.forget()
				s.types(strings.ReplaceAll(c.typed, "$B", address))
				s.awaits(c.output)
			}
			// A dead cluster offers nothing, and the prompt is there again.
			s.forget()
			s.types("kgo topics --bootstrap-server 127.0.0.1:1 --topic tab-u\t\x15echo still-he''re\n")
			s.awaits("still-here")
		})
	}
}

// shell is an interactive shell on a terminal.
type shell struct {
	t        *testing.T
	terminal *os.File
	mu       sync.Mutex
	seen     []byte
	more     chan struct{}
}

func startShell(t *testing.T, bin, name string, args ...string) *shell {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	home := t.TempDir()
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home, "TERM=xterm", "NO_COLOR=1", "LC_ALL=C.UTF-8"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 400}) // wide: a line that is broken looks different
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, terminal: terminal, more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			s.mu.Lock()
			s.seen = append(s.seen, buf[:n]...)
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
		_ = terminal.Close() // the reader ends
		<-ended
	})
	return s
}

func (s *shell) types(keys string) {
	s.t.Helper()
	if _, err := s.terminal.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shell) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

var controlSequence = regexp.MustCompile("\x1b(\\[[0-9;?<>=]*[a-zA-Z]|\\][^\x07]*\x07|[()].|[=>])|\r")

// awaits waits until the screen shows something.
func (s *shell) awaits(pattern string) {
	s.t.Helper()
	re, late := regexp.MustCompile(pattern), time.After(time.Minute)
	for {
		s.mu.Lock()
		text := controlSequence.ReplaceAllString(string(s.seen), "")
		s.mu.Unlock()
		if re.MatchString(text) {
			return
		}
		select {
		case <-s.more:
		case <-late:
			s.t.Fatalf("%s did not come:\n%s", pattern, text)
		}
	}
}
