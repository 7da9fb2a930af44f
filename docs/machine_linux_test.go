package docs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	interrupted     = 130
	commandPatience = 90 * time.Second // for a command to end, and for what it shows to come true
	updatePatience  = 3 * time.Second  // for what a command shows, when the document doesn't know it yet
	firstFreePort   = 10000            // below the ports that systems give to clients
	freePorts       = 20000
)

// world is where a document's commands run: a folder, and free ports in place of those that the document names.
type world struct {
	t        *testing.T
	dir      string
	ports    map[string]map[int]int // machine -> the document's port -> the real one
	machines map[string]*machine
	marker   string // in the environment of every process that is started
}

// machine is one of the computers that the document speaks of: a shell in a folder of its own.
type machine struct {
	w      *world
	name   string
	dir    string
	env    []string
	input  io.WriteCloser
	output *bufio.Reader
}

// documentPorts are the ports that documents use. Those of a lab lie at fixed distances from its first.
var documentPorts = []int{9092, 9093, 9094, 9026, 2181, 2182, 2183, 2126, 2888, 2889, 2890, 3888, 3889, 3890, 8083}

var labPorts = []int{9192, 9193, 9194, 9292, 9293, 9294, 9992, 9993, 9994, 10092, 10093, 10094}

// newWorld builds kgo and makes the folder. Everything that was started in it is killed at the test's end.
func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the documents' commands are for bash, which is not there")
	}
	w := &world{t: t, dir: t.TempDir(), machines: make(map[string]*machine), ports: make(map[string]map[int]int)}
	w.marker = "KGO_DOCUMENT=" + w.dir
	bin := filepath.Join(w.dir, "bin")
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "kgo"), "../cmd/kgo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(w.killAll)
	return w
}

// killAll ends every process that carries the marker, however it was started.
func (w *world) killAll() {
	for range 100 {
		found := false
		files, err := filepath.Glob("/proc/[0-9]*/environ")
		if err != nil {
			w.t.Error(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil || !bytes.Contains(raw, []byte(w.marker+"\x00")) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				found = true
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !found {
			return
		}
	}
	w.t.Error("processes that the document started don't die")
}

// port is the real port behind a document's.
func (w *world) port(machine string, port int) int {
	if w.ports[machine] == nil {
		m := make(map[int]int)
		taken := func(p int) bool {
			for _, ports := range w.ports {
				for _, other := range ports {
					if other == p {
						return true
					}
				}
			}
			l, err := net.Listen("tcp", ":"+strconv.Itoa(p))
			if err != nil {
				return true
			}
			_ = l.Close()
			return false
		}
		w.ports[machine] = m
		for _, p := range documentPorts {
			for m[p] == 0 {
				if free := firstFreePort + rand.IntN(freePorts); !taken(free) {
					m[p] = free
				}
			}
		}
		for m[labPorts[0]] == 0 {
			base := firstFreePort + rand.IntN(freePorts)
			free := true
			for _, p := range labPorts {
				free = free && !taken(base+p-labPorts[0])
			}
			for _, p := range labPorts {
				if free {
					m[p] = base + p - labPorts[0]
				}
			}
		}
	}
	return w.ports[machine][port]
}

var (
	remoteAddress = regexp.MustCompile(`\bkafka-0([1-3])((?::\d+)*)`)
	localPort     = regexp.MustCompile(`\b\d{4,5}\b`)
	bareServer    = regexp.MustCompile(`(^|[|&;] *)(kgo server)( *(?:&|$|>|--?daemon))`)
)

// real puts this run's ports, addresses and folders into a document's command.
func (m *machine) real(command string) string {
	command = bareServer.ReplaceAllString(command, "${1}${2} --override listeners=PLAINTEXT://localhost:9092${3}")
	command = strings.ReplaceAll(command, "/tmp/", m.dir+"/tmp/")
	command = strings.ReplaceAll(command, "/home/ec2-user/", m.dir+"/")
	if strings.HasSuffix(command, "&") && !strings.Contains(command, ">") {
		command = strings.TrimSuffix(command, "&") + ">> jobs.log 2>&1 &"
	}
	var out strings.Builder
	for command != "" { // addresses of machines with those machines' ports, other ports with our own
		at := remoteAddress.FindStringSubmatchIndex(command)
		end := len(command)
		if at != nil {
			end = at[0]
		}
		out.WriteString(localPort.ReplaceAllStringFunc(command[:end], func(p string) string { return m.realPort(m.name, p) }))
		if at == nil {
			break
		}
		number, ports := command[at[2]:at[3]], command[at[4]:at[5]]
		if strings.HasPrefix(command[at[1]:], "$") || ports == "" && m.name == "" {
			out.WriteString(command[at[0]:at[1]])
		} else {
			out.WriteString("127.0.1." + number)
			out.WriteString(localPort.ReplaceAllStringFunc(ports, func(p string) string { return m.realPort("kafka-0"+number, p) }))
		}
		command = command[at[1]:]
	}
	return out.String()
}

func (m *machine) realPort(machine, port string) string {
	n, err := strconv.Atoi(port)
	if err == nil {
		if p := m.w.port(machine, n); p != 0 {
			return strconv.Itoa(p)
		}
	}
	return port
}

var machineAddress = regexp.MustCompile(`\b127\.0\.1\.([1-3])\b`)

// documented is the reverse of real, for what commands print.
func (m *machine) documented(text string) string {
	text = strings.ReplaceAll(text, m.dir+"/tmp/", "/tmp/")
	text = strings.ReplaceAll(text, m.dir, "/home/you")
	text = machineAddress.ReplaceAllString(text, "kafka-0$1")
	if host, err := os.Hostname(); err == nil && len(host) > 1 && m.name == "" {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(host)+`\b`).ReplaceAllString(text, "myhost")
	}
	return localPort.ReplaceAllStringFunc(text, func(p string) string {
		n, _ := strconv.Atoi(p)
		for _, ports := range m.w.ports {
			for documented, real := range ports {
				if real == n {
					return strconv.Itoa(documented)
				}
			}
		}
		return p
	})
}

// machine is the machine of a name; "" is the one that the reader sits at.
func (w *world) machine(name string) *machine {
	if m := w.machines[name]; m != nil {
		return m
	}
	home := filepath.Join(w.dir, "home"+name)
	m := &machine{w: w, name: name, dir: home}
	for _, dir := range []string{home, filepath.Join(home, "tmp"), filepath.Join(home, "run")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	m.env = []string{
		w.marker, "HOME=" + home, "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"), "NO_COLOR=1", "TERM=dumb", "LC_ALL=C.UTF-8", "TZ=UTC",
		"PATH=" + filepath.Join(w.dir, "bin") + ":" + os.Getenv("PATH"), "KAFKA_BOOTSTRAP_SERVERS=localhost:" + m.realPort(name, "9092"), "MSK=localhost:" + m.realPort(name, "9093"),
	}
	bash := exec.Command("bash", "--norc", "-m")
	bash.Dir, bash.Env = home, m.env
	bash.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := bash.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := bash.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := bash.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = in.Close()
		_ = bash.Process.Kill()
		w.killAll() // or what it started keeps its pipes open
		_ = bash.Wait()
	})
	m.input, m.output = in, bufio.NewReader(out)
	w.machines[name] = m
	return m
}

const endMark = '\x1e'

// run gives a command to the machine's shell and returns its output and exit code.
func (m *machine) run(command string) (lines []string, exit int, err error) {
	type answer struct {
		text, code string
		err        error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := m.output.ReadString(endMark)
		code, codeErr := m.output.ReadString(endMark)
		done <- answer{strings.TrimSuffix(text, string(endMark)), strings.TrimSuffix(code, string(endMark)), errors.Join(err, codeErr)}
	}()
	if _, err := fmt.Fprintf(m.input, "{ %s\n} </dev/null 2>&1; printf '\\036%%d\\036' $?\n", m.real(command)); err != nil {
		return nil, 0, err
	}
	select {
	case a := <-done:
		if a.err != nil {
			return nil, 0, a.err
		}
		exit, err = strconv.Atoi(a.code)
		return split(m.documented(jobNotice.ReplaceAllString(a.text, ""))), exit, err
	case <-time.After(m.w.patience()):
		return nil, 0, fmt.Errorf("it does not end within %s", commandPatience)
	}
}

// jobNotice is what bash says of a background job that a signal has ended.
var jobNotice = regexp.MustCompile(`(?m)^bash: line \d+: +\d+ .*\n`)

func split(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if text = strings.TrimSuffix(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// screen collects what a terminal shows.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// sit runs a command at a terminal: types what the step has, waits until it shows what it should, and ends it.
func (m *machine) sit(s *step) (lines []string, exit int, err error) {
	terminal, keyboard, err := openTerminal()
	if err != nil {
		return nil, 0, err
	}
	defer keyboard.Close()
	ctx, cancel := context.WithTimeout(context.Background(), commandPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+m.real(s.command))
	cmd.Dir, cmd.Env = m.dir, m.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = terminal.Close()
	if err != nil {
		return nil, 0, err
	}
	shown := &screen{}
	read := make(chan struct{})
	go func() {
		_, _ = io.Copy(shown, keyboard) // ends with an error when the command does
		close(read)
	}()
	seen := func() []string { return split(m.documented(strings.ReplaceAll(shown.String(), "^C", ""))) }
	before := 0
	for i, text := range s.typed {
		m.awaitPrompt(ctx, shown, read, i)
		if _, err := io.WriteString(keyboard, m.real(text)+"\n"); err != nil {
			return seen(), 0, err
		}
	}
	if s.asks() {
		m.awaitPrompt(ctx, shown, read, len(s.typed))
	}
	switch s.key {
	case "^D":
		_, err = io.WriteString(keyboard, "\x04")
	case "^C":
		for deadline := time.Now().Add(m.w.settle()); !s.matchesBefore(seen()) && ctx.Err() == nil && time.Now().Before(deadline); {
			select {
			case <-read:
				deadline = time.Now()
			case <-time.After(10 * time.Millisecond):
			}
		}
		before = len(seen())
		_, err = io.WriteString(keyboard, "\x03")
	}
	err = errors.Join(err, ignoreExit(cmd.Wait()))
	<-read
	lines = seen()
	if exit = max(0, cmd.ProcessState.ExitCode()); s.key == "^C" && exit == interrupted {
		exit = 0
	}
	if s.key == "^C" && !s.asks() {
		lines = slices.Insert(lines, min(before, len(lines)), "^C")
	}
	return lines, exit, errors.Join(err, ctx.Err())
}

// patience is how long a command may take.
func (w *world) patience() time.Duration {
	if *update {
		return commandPatience / 3
	}
	return commandPatience
}

// settle is how long a command may take to show what it should: when documents are written, nobody knows what that is.
func (w *world) settle() time.Duration {
	if *update {
		return updatePatience
	}
	return commandPatience
}

func ignoreExit(err error) error {
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return nil
	}
	return err
}

var prompt = regexp.MustCompile(`(?m)^(>|\[zk: [^\]]*\] )`)

// awaitPrompt waits until the command has asked n+1 times, or has ended.
func (m *machine) awaitPrompt(ctx context.Context, shown *screen, ended <-chan struct{}, n int) {
	for ctx.Err() == nil && len(prompt.FindAllString(strings.ReplaceAll(shown.String(), "\r\n", "\n"), -1)) <= n {
		select {
		case <-ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// openTerminal makes a pseudo-terminal: the side for the command and the one of the person.
func openTerminal() (terminal, keyboard *os.File, err error) {
	if keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	number := 0
	if err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err == nil {
		number, err = unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	}
	if err == nil {
		terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, keyboard.Close())
	}
	return terminal, keyboard, nil
}

// play runs the steps in their order. With -update it puts what they print in the document.
func (w *world) play(doc *transcript) {
	w.t.Helper()
	answers := make([][]string, len(doc.steps))
	for i, s := range doc.steps {
		got, exit, err := w.do(s)
		if err != nil {
			if *update {
				err = errors.Join(err, doc.rewrite(answers))
			}
			w.t.Fatalf("%s:%d: %s: %v\n%s", doc.path, s.line, s.command, err, strings.Join(got, "\n"))
		}
		answers[i] = got
		if s.matches(got) && exit == s.exit {
			answers[i] = nil
			continue
		}
		if *update {
			s.exit, s.want = exit, got
			continue
		}
		w.t.Fatalf("%s:%d: %s\nprinted (exit code %d):\n%s\n\nthe document has (exit code %d):\n%s", doc.path, s.line, s.command, exit, strings.Join(got, "\n"), s.exit, strings.Join(s.want, "\n"))
	}
	if *update {
		if err := doc.rewrite(answers); err != nil {
			w.t.Fatal(err)
		}
	}
}

// do runs a step, over and over if it only looks, until it shows what the document has.
func (w *world) do(s *step) (got []string, exit int, err error) {
	m := w.machine(s.machine)
	if s.key != "" || len(s.typed) > 0 {
		return m.sit(s)
	}
	for deadline := time.Now().Add(w.settle()); ; time.Sleep(20 * time.Millisecond) {
		got, exit, err = m.run(s.command)
		if err != nil || s.matches(got) && exit == s.exit || !s.observes() || time.Now().After(deadline) {
			return got, exit, err
		}
	}
}

// rewrite puts new answers into the document.
func (t *transcript) rewrite(answers [][]string) error {
	var out []string
	at := 0
	for i, s := range t.steps {
		if answers[i] == nil {
			continue
		}
		out = append(out, t.lines[at:s.first]...)
		lines := answers[i]
		if n := len(lines); n > 0 && s.key != "" && s.asks() {
			lines[n-1] += s.key
		}
		out = append(out, lines...)
		if s.exit != 0 {
			out = append(out, "[exit "+strconv.Itoa(s.exit)+"]")
		}
		at = s.last
	}
	out = append(out, t.lines[at:]...)
	return os.WriteFile(t.path, []byte(strings.Join(out, "\n")+"\n"), 0o644)
}
