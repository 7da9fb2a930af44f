package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// newInstallLinksCmd makes the links by which scripts find kgo under the names of Kafka's shell scripts.
func newInstallLinksCmd(f *Factory, runF func(dir string, force bool) error) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "install-links DIR",
		Short:   "Make links named kafka-topics.sh and so on that run kgo",
		Long:    "Makes a link for each of Kafka's shell scripts that kgo replaces, kafka-topics.sh and its siblings, in a folder.\nPut the folder in front of Kafka's in PATH, and existing scripts run unchanged. A file of another origin is not\noverwritten without --force. On Windows the links are hard links or copies named .exe,\nbeside batch files named .bat.",
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
	for _, name := range scriptNames(root, scriptSuffixes()) {
		path := filepath.Join(dir, name)
		if installed(target, path) {
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
		if strings.HasSuffix(name, ".bat") {
			err = os.WriteFile(path, []byte(batchFile(target, path)), 0o755)
		} else {
			err = link(target, path)
		}
		if err != nil {
			return err
		}
		made++
	}
	fmt.Fprintf(f.IO.Out, "Made %d links to %s in %s\n", made, target, dir)
	return nil
}

// scriptSuffixes are how the names of scripts end here. Windows knows an executable by its name's end: there a script that says
// kafka-topics.bat finds a file of that name, and one that says kafka-topics the link.
func scriptSuffixes() []string {
	if runtime.GOOS == "windows" {
		return []string{".bat", ".exe"}
	}
	return []string{".sh"}
}

// scriptNames are the names of the scripts that kgo's commands replace, with each of the endings.
func scriptNames(root *cobra.Command, suffixes []string) []string {
	var names []string
	for _, c := range root.Commands() {
		for _, name := range append([]string{c.Name()}, c.Aliases...) {
			tool, ok := scriptCommand(name) // a command under the script's own name, such as zookeeper-shell
			switch {
			case ok && tool == name:
			case c.GroupID == groupTools || name == "server-start" || name == "server-stop" || name == "run-class":
				name = "kafka-" + name
			default:
				continue
			}
			for _, suffix := range suffixes {
				names = append(names, name+suffix)
			}
		}
	}
	slices.Sort(names)
	return names
}

// installed reports whether a path runs this kgo already.
func installed(target, path string) bool {
	if strings.HasSuffix(path, ".bat") {
		text, err := os.ReadFile(path)
		return err == nil && string(text) == batchFile(target, path)
	}
	own, err := os.Stat(target)
	if err != nil {
		return false
	}
	link, err := os.Stat(path)
	return err == nil && os.SameFile(own, link)
}

// batchFile is a batch file that runs kgo's command of a script's name.
func batchFile(target, path string) string {
	tool, _ := scriptCommand(strings.TrimSuffix(filepath.Base(path), ".bat"))
	return fmt.Sprintf("@\"%s\" %s %%*\r\n", target, tool)
}

// link makes a symbolic link. On Windows that takes a privilege, and a hard link none; over two disks it is a copy.
func link(target, path string) error {
	if runtime.GOOS != "windows" {
		return os.Symlink(target, path)
	}
	if os.Link(target, path) == nil {
		return nil
	}
	program, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	return os.WriteFile(path, program, 0o755)
}
