package commands

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/commands/opt"
)

// metadataShell carries out commands on a tree of metadata.
type metadataShell struct {
	io      *IOStreams
	root    *shellNode
	at      string // the working folder
	history []string
	left    bool // told to exit
}

func newMetadataShell(io *IOStreams, root *shellNode) *metadataShell {
	return &metadataShell{io: io, root: root, at: "/"}
}

// shellVerb is a command of the shell.
type shellVerb struct {
	name, desc      string
	meta, help      string // its arguments in the manual
	least, most     int    // how many arguments it takes; most < 0: any number
	interactiveOnly bool
	run             func(s *metadataShell, args []string)
}

// shellVerbs is filled by init, as man and help read it themselves.
var shellVerbs []shellVerb

func init() {
	shellVerbs = []shellVerb{
		{"cat", "Show the contents of metadata files.", "targets", "The metadata files to display.", 1, -1, false, (*metadataShell).cat},
		{"cd", "Set the current working directory.", "target", "The directory to change to.", 0, 1, true, (*metadataShell).cd},
		{"exit", "Exit the metadata shell.", "", "", 0, 0, true, func(s *metadataShell, _ []string) { s.left = true }},
		{"find", "Search for nodes in the directory hierarchy.", "paths", "The paths to start at.", 0, -1, false, (*metadataShell).find},
		{"help", "Display this help message.", "", "", 0, 0, true, func(s *metadataShell, _ []string) { s.help() }},
		{"history", "Print command history.", "numEntriesToShow", "The number of entries to show.", 0, 1, true, (*metadataShell).showHistory},
		{"ls", "List metadata nodes.", "targets", "The metadata node paths to list.", 0, -1, false, (*metadataShell).list},
		{"man", "Show the help text for a specific command.", "cmd", "The command to get help text for.", 1, 1, true, (*metadataShell).man},
		{"pwd", "Print the current working directory.", "", "", 0, 0, true, func(s *metadataShell, _ []string) { fmt.Fprintln(s.io.Out, s.at) }},
		{"tree", "Show the contents of metadata nodes in a tree structure.", "targets", "The metadata nodes to display.", 1, -1, false, (*metadataShell).tree},
	}
}

// usage shows the verb's arguments, in the manual's way.
func (v *shellVerb) usage(help bool) string {
	parts := []string{v.name}
	if help {
		parts = append(parts, "[-h]")
	}
	switch {
	case v.most < 0 && v.least > 0:
		parts = append(parts, v.meta+" ["+v.meta+" ...]")
	case v.most < 0:
		parts = append(parts, "["+v.meta+" ["+v.meta+" ...]]")
	case v.least > 0:
		parts = append(parts, v.meta)
	case v.most > 0:
		parts = append(parts, "["+v.meta+"]")
	}
	return strings.Join(parts, " ")
}

// runOnce carries out the command of a command line.
func (s *metadataShell) runOnce(words []string) { s.run(words, false) }

// interact asks for commands until the input ends or it is told to exit.
func (s *metadataShell) interact() error {
	fmt.Fprint(s.io.Out, "Loading...\nStarting...\n[ Kafka Metadata Shell ]\n")
	in := bufio.NewScanner(s.io.In)
	for !s.left {
		fmt.Fprint(s.io.Out, ">> ")
		if err := s.io.Flush(); err != nil {
			return err
		}
		if !in.Scan() {
			return in.Err()
		}
		if words := shellWords(in.Text()); len(words) > 0 {
			s.history = append(s.history, in.Text())
			s.run(words, true)
		}
	}
	return nil
}

// shellWords splits a line at blanks that are not quoted; a quotation that doesn't end is taken to the line's end.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	started, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			started, escaped = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'':
			started, quote = true, r
		case r == ' ' || r == '\t' || r == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			started = true
			word.WriteRune(r)
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words
}

func (s *metadataShell) run(words []string, interactive bool) {
	i := slices.IndexFunc(shellVerbs, func(v shellVerb) bool { return v.name == words[0] && (interactive || !v.interactiveOnly) })
	if i < 0 {
		var names []string
		for _, v := range shellVerbs {
			if interactive || !v.interactiveOnly {
				names = append(names, "'"+v.name+"'")
			}
		}
		fmt.Fprintf(s.io.Out, "invalid choice: '%s' (choose from %s)\n", words[0], strings.Join(names, ", "))
		return
	}
	v, args := &shellVerbs[i], words[1:]
	for _, a := range args {
		switch {
		case a == "-h" || a == "--help":
			s.manual(v, true)
			return
		case len(a) > 1 && a[0] == '-' && !isNumber(a):
			fmt.Fprintf(s.io.Out, "unrecognized arguments: '%s'\n", a)
			return
		}
	}
	switch {
	case len(args) < v.least:
		fmt.Fprintln(s.io.Out, "too few arguments")
	case v.most >= 0 && len(args) > v.most:
		fmt.Fprintf(s.io.Out, "unrecognized arguments: '%s'\n", args[v.most])
	default:
		v.run(s, args)
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func (s *metadataShell) man(args []string) {
	if i := slices.IndexFunc(shellVerbs, func(v shellVerb) bool { return v.name == args[0] }); i >= 0 {
		fmt.Fprintf(s.io.Out, "%s: %s\n\n", shellVerbs[i].name, shellVerbs[i].desc)
		s.manual(&shellVerbs[i], false)
	} else {
		fmt.Fprintf(s.io.Out, "man: unknown command %s. Type help to get a list of commands.\n", args[0])
	}
}

// manual explains a verb's arguments; asked for by -h it also mentions that.
func (s *metadataShell) manual(v *shellVerb, help bool) {
	gap := " "
	if help {
		gap = "  " // the original has no program name to put there
	}
	fmt.Fprintf(s.io.Out, "usage:%s%s\n", gap, v.usage(help))
	if v.meta != "" {
		fmt.Fprintf(s.io.Out, "\npositional arguments:\n  %-23s%s\n", v.meta, v.help)
	}
	if help {
		fmt.Fprint(s.io.Out, "\noptional arguments:\n  -h, --help             show this help message and exit\n")
	}
}

func (s *metadataShell) help() {
	var names []string
	var entries [][2]string
	for _, v := range shellVerbs {
		names = append(names, v.name)
		entries = append(entries, [2]string{"    " + v.name, v.desc})
	}
	all := "{" + strings.Join(names, ",") + "}"
	fmt.Fprintf(s.io.Out, "Welcome to the Apache Kafka metadata shell.\n\nusage:  %s ...\n\npositional arguments:\n  %s\n", all, all)
	_ = opt.WriteEntries(s.io.Out, entries) // a closed output is noticed by the next flush
}

func (s *metadataShell) showHistory(args []string) {
	from := 0
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			fmt.Fprintf(s.io.Out, "argument numEntriesToShow: could not convert '%s' to Integer (For input string: \"%s\")\n", args[0], args[0])
			return
		}
		from = max(0, len(s.history)-max(0, n))
	}
	for i, line := range s.history[from:] {
		fmt.Fprintf(s.io.Out, "%5d  %s\n", from+i, line)
	}
}

func (s *metadataShell) absolute(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = s.at + "/" + p
	}
	return path.Clean(p)
}

// foundNode is a node that a path led to.
type foundNode struct {
	path string // absolute
	node *shellNode
}

// resolve finds the nodes of a path that may hold patterns.
func (s *metadataShell) resolve(p string) []foundNode {
	at := []foundNode{{"/", s.root}}
	for part := range strings.SplitSeq(strings.Trim(s.absolute(p), "/"), "/") {
		if part == "" {
			continue
		}
		patterns := alternatives(part)
		var next []foundNode
		for _, f := range at {
			for _, name := range f.node.names() {
				if slices.ContainsFunc(patterns, func(pattern string) bool { return shellMatch(pattern, name) }) {
					next = append(next, foundNode{path.Join(f.path, name), f.node.child(name)})
				}
			}
		}
		at = next
	}
	return at
}

func shellMatch(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == name || ok && err == nil
}

// alternatives expands the first {a,b} of a path's part; what has none stands for itself.
func alternatives(part string) []string {
	open := strings.IndexByte(part, '{')
	end := strings.IndexByte(part, '}')
	if open < 0 || end < open {
		return []string{part}
	}
	var all []string
	for choice := range strings.SplitSeq(part[open+1:end], ",") {
		all = append(all, part[:open]+choice+part[end+1:])
	}
	return all
}

// each calls fn for the nodes of all paths, with the path as it was given; none is how the verb says that there are none.
func (s *metadataShell) each(verb, none string, paths []string, fn func(given string, f foundNode)) {
	for _, p := range paths {
		all := s.resolve(p)
		if len(all) == 0 {
			fmt.Fprintf(s.io.Out, "%s: %s: %s such file or directory.\n", verb, p, none)
		}
		for _, f := range all {
			fn(p, f)
		}
	}
}

func (s *metadataShell) cat(paths []string) {
	s.each("cat", "No", paths, func(given string, f foundNode) {
		if f.node.children != nil {
			fmt.Fprintf(s.io.Out, "cat: %s: Is a directory\n", given)
		} else {
			fmt.Fprintln(s.io.Out, f.node.text)
		}
	})
}

func (s *metadataShell) tree(paths []string) {
	s.each("tree", "No", paths, func(_ string, f foundNode) { f.node.tree(s.io.Out, 0) })
}

func (s *metadataShell) find(paths []string) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	s.each("find", "no", paths, func(given string, f foundNode) {
		f.node.walk(given, func(at string) { fmt.Fprintln(s.io.Out, at) })
	})
}

func (s *metadataShell) cd(args []string) {
	if len(args) == 0 {
		s.at = "/"
		return
	}
	switch all := s.resolve(args[0]); {
	case len(all) != 1:
		fmt.Fprintf(s.io.Out, "cd: %s: no such directory.\n", args[0])
	case all[0].node.children == nil:
		fmt.Fprintf(s.io.Out, "cd: %s: not a directory.\n", args[0])
	default:
		s.at = all[0].path
	}
}

// list is ls: files first, then what is in the folders, each under its name where there are several.
func (s *metadataShell) list(paths []string) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var files []string
	var folders []foundNode
	s.each("ls", "no", paths, func(_ string, f foundNode) {
		if f.node.children == nil {
			files = append(files, path.Base(f.path))
		} else {
			folders = append(folders, f)
		}
	})
	for _, name := range files {
		fmt.Fprintln(s.io.Out, name)
	}
	several := len(folders) > 1 || len(files) > 0 && len(folders) > 0
	for i, f := range folders {
		if i > 0 || len(files) > 0 {
			fmt.Fprintln(s.io.Out)
		}
		if several {
			fmt.Fprintf(s.io.Out, "%s:\n", path.Base(f.path))
		}
		for _, name := range f.node.names() {
			fmt.Fprintln(s.io.Out, name)
		}
	}
}
