package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kgo-project/kgo/commands/opt"
)

func newManPagesCmd(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "man-pages DIR",
		Short:   "Write the manual pages of all commands into a folder",
		GroupID: groupCluster,
		Long: `Writes kgo.1 and a page for each command, kgo-topics.1 for kgo topics, made from the commands themselves. A folder
named man1 below one that man searches makes them found by name; man -l shows a file.`,
		Example: `  kgo man-pages ~/.local/share/man/man1
  man kgo-console-consumer`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return opt.Usagef("kgo man-pages: name the folder for the pages")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			var failed error
			for name, page := range manPages(f, cmd.Root()) {
				failed = errors.Join(failed, os.WriteFile(filepath.Join(args[0], name+".1"), []byte(page), 0o644))
			}
			return failed
		},
	}
}

// manPages are the pages by name, without the section.
func manPages(f *Factory, root *cobra.Command) map[string]string {
	pages := map[string]string{"kgo": manRoot(root)}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
			pages["kgo-"+c.Name()] = manCommand(f, c)
		}
	}
	return pages
}

// manPage is a page under construction, in the man macros that every renderer has.
type manPage struct{ strings.Builder }

func (p *manPage) head(name, short string) {
	fmt.Fprintf(p, ".TH %q 1 \"\" \"kgo\" \"kgo's manual\"\n.ad l\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), roff(name), roff(short))
}

func (p *manPage) section(title string) { fmt.Fprintf(p, ".SH %s\n", roff(title)) }

// prose prints paragraphs; lines that are indented stand as they are.
func (p *manPage) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.WriteString(".PP\n")
		}
		if strings.HasPrefix(paragraph, " ") {
			p.verbatim(paragraph)
			continue
		}
		p.WriteString(roff(paragraph) + "\n")
	}
}

func (p *manPage) verbatim(text string) {
	p.WriteString(".nf\n" + roff(unindent(text)) + "\n.fi\n")
}

func (p *manPage) item(term, desc string) {
	fmt.Fprintf(p, ".TP\n%s\n%s\n", term, roff(first(strings.TrimSpace(lists(desc)), "(no description)")))
}

// lists puts commas between the items of a list, which the original shows as indented lines.
func lists(desc string) string {
	var b strings.Builder
	inside := false
	for i, line := range strings.Split(desc, "\n") {
		item := strings.HasPrefix(line, "\t")
		switch {
		case i == 0:
		case item && inside:
			b.WriteString(", ")
		case inside:
			b.WriteString(".\n")
		default:
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimSpace(line))
		inside = item
	}
	return b.String()
}

func manRoot(root *cobra.Command) string {
	p := new(manPage)
	p.head("kgo", root.Short)
	p.section("SYNOPSIS")
	p.WriteString(".B kgo\n.I COMMAND\n[\\fIOPTION\\fR...]\n")
	p.section("DESCRIPTION")
	p.prose(root.Long)
	for _, group := range root.Groups() {
		p.section(strings.ToUpper(strings.TrimSuffix(group.Title, ":")))
		for _, c := range root.Commands() {
			if c.GroupID == group.ID && c.IsAvailableCommand() && c.Name() != "help" {
				p.item(`\fBkgo `+roff(c.Name())+`\fR`, c.Short)
			}
		}
	}
	p.environment()
	return p.String()
}

func manCommand(f *Factory, c *cobra.Command) string {
	p := new(manPage)
	p.head("kgo-"+c.Name(), c.Short)
	p.section("SYNOPSIS")
	fmt.Fprintf(p, "%s\n", roff("kgo "+c.Use))
	p.section("DESCRIPTION")
	p.prose(first(c.Long, c.Short+"."))
	if len(c.Aliases) > 0 {
		p.WriteString(".PP\n" + roff("Also called: kgo "+strings.Join(c.Aliases, ", kgo ")+".") + "\n")
	}
	if spec := f.specs[c.Name()]; spec != nil {
		p.specOptions(spec)
	} else {
		p.flags("OPTIONS", c)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				p.flags("kgo "+strings.TrimPrefix(sub.CommandPath(), c.Root().Name()+" "), sub)
			}
		}
	}
	if c.Example != "" {
		p.section("EXAMPLES")
		p.verbatim(c.Example)
	}
	p.environment()
	p.section("SEE ALSO")
	p.WriteString("\\fBkgo\\fR(1)\n")
	return p.String()
}

// specOptions lists the options of a mirrored tool and of its sub-commands.
func (p *manPage) specOptions(spec *opt.Spec) {
	p.section("OPTIONS")
	p.optionList(spec)
	for _, sub := range spec.Sub {
		fmt.Fprintf(p, ".SS %s\n", roff(sub.Name))
		if text := first(sub.Intro, sub.Desc); text != "" {
			p.prose(text)
		}
		p.optionList(sub)
	}
}

func (p *manPage) optionList(spec *opt.Spec) {
	var older []string
	for i := range spec.Options {
		switch o := &spec.Options[i]; {
		case o.Means != "":
			older = append(older, "--"+o.Name+" (--"+o.Means+")")
		case o.Gone == "" && !o.Ignored:
			term := `\fB` + roff("--"+o.Name) + `\fR`
			if o.Short != "" {
				term = `\fB` + roff("-"+o.Short) + `\fR, ` + term
			}
			if o.Arg != opt.NoArg {
				term += ` \fI` + roff(first(o.Meta, "VALUE")) + `\fR`
			}
			desc := o.Desc
			if o.Default != "" && !strings.Contains(desc, "default") {
				desc += " Default: " + o.Default + "."
			}
			p.item(term, desc)
		}
	}
	if len(older) > 0 {
		p.WriteString(".PP\n" + roff("Older spellings: "+strings.Join(older, ", ")+".") + "\n")
	}
}

// flags lists the options of one of kgo's own commands.
func (p *manPage) flags(title string, c *cobra.Command) {
	if !c.Parent().HasParent() {
		p.section(title)
	} else {
		fmt.Fprintf(p, ".SS %s\n%s.\n", roff("kgo "+strings.TrimPrefix(c.CommandPath(), "kgo ")+strings.TrimPrefix(c.Use, c.Name())), roff(c.Short))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	c.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		meta, desc := pflag.UnquoteUsage(flag)
		term := `\fB` + roff("--"+flag.Name) + `\fR`
		if meta != "" {
			term += ` \fI` + roff(meta) + `\fR`
		}
		if value := flag.DefValue; value != "" && value != "false" && value != "[]" && value != "0" {
			if home != "" {
				value = strings.Replace(value, home, "~", 1) // the reader's, not that of whoever made the page
			}
			desc += " (default " + value + ")"
		}
		p.item(term, desc)
	})
}

func (p *manPage) environment() {
	p.section("ENVIRONMENT")
	p.item(`\fBKAFKA_BOOTSTRAP_SERVERS\fR`, "The cluster's addresses, where --bootstrap-server is not given. Without either it is localhost:9092.")
	p.item(`\fBNO_COLOR\fR`, "Set to anything: no colours. There are none but on a terminal anyway, and none where TERM is dumb.")
}

// roff protects text from being read as markup.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "’", "'").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// unindent takes the two blanks off before each line of an example.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
