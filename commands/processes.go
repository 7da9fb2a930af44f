package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/config"
)

// process is a running server of this user, as kgo server-stop finds it.
type process struct {
	PID        int   `json:"pid"`
	NodeID     int32 `json:"node_id"`
	Broker     bool  `json:"broker"`
	Controller bool  `json:"controller"`
}

// processDir holds one small file for each running server of this user.
func processDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "kgo")
	}
	return filepath.Join(os.TempDir(), "kgo-"+strconv.Itoa(os.Getuid()))
}

// rememberProcess leaves a note for server-stop; the function that it returns takes it away. Without a note the server runs all the same.
func rememberProcess(cfg *config.Broker) (forget func()) {
	p := process{PID: os.Getpid(), NodeID: cfg.NodeID, Broker: cfg.IsBroker, Controller: cfg.IsController}
	path := filepath.Join(processDir(), strconv.Itoa(p.PID)+".json")
	raw, err := json.Marshal(p)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil || os.WriteFile(path, raw, 0o600) != nil {
		return func() {}
	}
	return func() { _ = os.Remove(path) }
}

// runningProcesses lists the servers of this user that are alive, and clears away the notes of those that are not.
func runningProcesses() []process {
	notes, err := filepath.Glob(filepath.Join(processDir(), "*.json"))
	if err != nil {
		return nil
	}
	var alive []process
	for _, path := range notes {
		var p process
		raw, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(raw, &p) != nil || !isKgo(p.PID) {
			_ = os.Remove(path)
			continue
		}
		alive = append(alive, p)
	}
	return alive
}

func newServerStopCmd(f *Factory) *cobra.Command {
	var role string
	var nodeID int32
	cmd := &cobra.Command{
		Use:     "server-stop [--process-role broker|controller | --node-id N]",
		Short:   "Stop the servers that run on this machine",
		GroupID: groupCluster,
		Long: `Asks the kgo servers that this user runs on this machine to stop, as kafka-server-stop.sh does: all of them,
those of one role, or the one with a node id, and waits for their end.`,
		Example: `  kgo server-stop
  kgo server-stop --node-id 2`,
		Args: scriptStopArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			byID := cmd.Flags().Changed("node-id")
			switch {
			case role != "" && byID:
				return &exitError{code: 2, err: errors.New("kgo server-stop: give --process-role or --node-id, not both")}
			case role != "" && role != "broker" && role != "controller":
				return &exitError{code: 2, err: fmt.Errorf("kgo server-stop: --process-role %s: give broker or controller", role)}
			}
			return stopProcesses(f, "No kafka server to stop", func(p process) bool {
				return (!byID || p.NodeID == nodeID) && (role != "broker" || p.Broker) && (role != "controller" || p.Controller && !p.Broker) && (p.Broker || role == "controller" || byID)
			})
		},
	}
	cmd.Flags().StringVar(&role, "process-role", "", "only servers of this `role`: broker or controller")
	cmd.Flags().Int32Var(&nodeID, "node-id", 0, "only the server with this `id`")
	ignoreDaemon(cmd)
	return cmd
}

// scriptStopArgs lets a start command with its verb changed pass, as the scripts do: -daemon and the configuration file are ignored. A bare word may
// be meant as a choice, which it isn't.
func scriptStopArgs(cmd *cobra.Command, args []string) error {
	for _, a := range args {
		if !strings.ContainsAny(a, `./\`) {
			return &exitError{code: 2, err: fmt.Errorf("kgo %s: %s is no option; a configuration file would be ignored", cmd.Name(), a)}
		}
	}
	return nil
}

func ignoreDaemon(cmd *cobra.Command) {
	cmd.Flags().Bool("daemon", false, "")
	_ = cmd.Flags().MarkHidden("daemon") // it is there
}

func newCoordinatorStopCmd(f *Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "coordinator-stop",
		Aliases: []string{"zookeeper-server-stop"},
		Short:   "Stop the coordinators that run on this machine",
		GroupID: groupCluster,
		Long:    "Asks the kgo coordinators that this user runs on this machine to stop, and waits for their end.",
		Example: "  kgo coordinator-stop",
		Args:    scriptStopArgs,
		RunE: func(*cobra.Command, []string) error {
			return stopProcesses(f, "No zookeeper server to stop", func(p process) bool { return p.Controller && !p.Broker })
		},
	}
	ignoreDaemon(cmd)
	return cmd
}

// stopProcesses signals the processes that match; none is an error, in the script's words.
func stopProcesses(f *Factory, none string, match func(process) bool) error {
	var stopped []process
	for _, p := range runningProcesses() {
		if !match(p) {
			continue
		}
		if err := terminate(p.PID); err != nil {
			return fmt.Errorf("stop process %d: %w", p.PID, err)
		}
		stopped = append(stopped, p)
	}
	if len(stopped) == 0 {
		fmt.Fprintln(f.IO.Out, none)
		return ErrSilent
	}
	deadline := time.Now().Add(stopPatience)
	for _, p := range stopped {
		for isKgo(p.PID) && processState(p.PID) != 'Z' {
			if time.Now().After(deadline) {
				fmt.Fprintf(f.IO.ErrOut, "process %d is still stopping\n", p.PID)
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// stopPatience is how long server-stop waits: whoever starts the server again in the next line finds its folder free.
const stopPatience = 30 * time.Second

// detachPatience is how long a detached server may take to come up before its parent stops watching.
const detachPatience = 30 * time.Second

// detach starts this command line again in the background, with its output in logs/NAME.out, and returns when it serves or has failed.
func (o *serverOptions) detach(name string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	dir := os.Getenv("LOG_DIR")
	if dir == "" {
		dir = "logs"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	log := name
	if o.file != "" { // so that several servers started in one folder have a log each
		log = strings.TrimSuffix(filepath.Base(o.file), filepath.Ext(o.file))
	}
	path := filepath.Join(dir, log+".out")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o644) // the one before may still write to it
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the child writes to a copy of its own
	address := o.addrFile
	if address == "" {
		address = filepath.Join(dir, fmt.Sprintf(".%s-%d.address", log, os.Getpid()))
		defer func() { _ = os.Remove(address) }() // not there if the child did not come so far
	}
	args := []string{name, "--address-file", address, "--log-level", o.logLevel}
	if o.file != "" {
		args = append(args, "--config", o.file)
	}
	for _, kv := range o.overrides {
		args = append(args, "--override", kv)
	}
	if o.adminAddr != "" {
		args = append(args, "--metrics", o.adminAddr)
	}
	if o.logJSON {
		args = append(args, "--log-json")
	}
	cmd := exec.Command(exe, args...) //nolint:gosec,noctx // ourselves, to outlive us
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, detached()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < detachPatience; {
		select {
		case err := <-ended:
			return fmt.Errorf("kgo %s did not start (%w): %s", name, err, strings.TrimSpace(tailOf(path)))
		case <-tick.C:
		}
		if _, err := os.Stat(address); err == nil {
			return nil
		}
	}
	fmt.Fprintf(o.io.ErrOut, "kgo %s is still starting; its log is %s\n", name, path)
	return nil
}
