package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// newInstallLinksCmd makes the links by which scripts find kgo under the names of Kafka's shell scripts.
func newInstallLinksCmd(f *Factory, runF func(dir string, force bool) error) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "install-links DIR",
		Short:   "Make links named kafka-topics.sh and so on that run kgo",
		Long:    "Makes a link for each of Kafka's shell scripts that kgo replaces, kafka-topics.sh and its siblings, in a folder.\nPut the folder in front of Kafka's in PATH, and existing scripts run unchanged. A file of another origin is not\noverwritten without --force. Where the system has no links for everybody (Windows) copies are made.",
		Example: "  kgo install-links ~/bin",
		GroupID: groupCluster,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return opt.Usagef("kgo install-links: name the folder for the links")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if runF != nil {
				return runF(args[0], force)
			}
			return f.installLinks(cmd.Root(), args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite existing files")
	return cmd
}

func (f *Factory) installLinks(root *cobra.Command, dir string, force bool) error {
	target, err := os.Executable()
	if err != nil {
		return err
	}
	if target, err = filepath.EvalSymlinks(target); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	made := 0
	for _, name := range scriptNames(root) {
		path := filepath.Join(dir, name)
		if old, err := filepath.EvalSymlinks(path); err == nil && old == target {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			if !force {
				return fmt.Errorf("%s exists already: remove it, or use --force", path)
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := link(target, path); err != nil {
			return err
		}
		made++
	}
	fmt.Fprintf(f.IO.Out, "Made %d links to %s in %s\n", made, target, dir)
	return nil
}

// scriptNames are the names of the scripts that kgo's commands replace.
func scriptNames(root *cobra.Command) []string {
	suffix := ".sh"
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	var names []string
	for _, c := range root.Commands() {
		for _, name := range append([]string{c.Name()}, c.Aliases...) {
			tool, ok := scriptCommand(name) // a command under the script's own name, such as zookeeper-shell
			switch {
			case ok && tool == name:
				names = append(names, name+suffix)
			case c.GroupID == groupTools || name == "server-start" || name == "server-stop":
				names = append(names, "kafka-"+name+suffix)
			}
		}
	}
	slices.Sort(names)
	return names
}

// link makes a symbolic link, or a hard link where those need a privilege.
func link(target, path string) error {
	err := os.Symlink(target, path)
	if err != nil && runtime.GOOS == "windows" {
		return os.Link(target, path)
	}
	return err
}
