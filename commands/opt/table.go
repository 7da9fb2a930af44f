package opt

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

const (
	tableWidth = 80
	columnGap  = 2
	leftLimit  = (tableWidth - columnGap) / 2
)

// WriteTable prints the option table of the original, byte for byte: two columns, wrapped and padded to 80 characters.
func WriteTable(w io.Writer, spec *Spec) error {
	rows := make([]tableRow, 0, len(spec.Options))
	required := false
	for i := range spec.Options {
		if o := &spec.Options[i]; !o.hidden() {
			rows = append(rows, o.tableRow())
			required = required || o.Must
		}
	}
	head := "Option"
	if required {
		head = "Option (* = required)"
	}
	return writeRows(w, head, rows)
}

// WriteExtras prints a table of kgo's own options.
func WriteExtras(w io.Writer, spec *Spec) error {
	var rows []tableRow
	for i := range spec.Options {
		if o := &spec.Options[i]; o.Extra {
			rows = append(rows, o.tableRow())
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return writeRows(w, "Option of kgo", rows)
}

type tableRow struct{ name, left, right string }

func (o *Option) tableRow() tableRow {
	left := "--" + o.Name
	if o.Must {
		left = "* " + left
	}
	if o.Arg != NoArg {
		inner := o.Type
		if o.Meta != "" {
			if inner != "" {
				inner += ": "
			}
			inner += o.Meta
		}
		if o.Arg == Optional {
			left += " [" + inner + "]"
		} else {
			left += " <" + inner + ">"
		}
	}
	right := o.Desc
	if o.Default != "" && !strings.HasPrefix(o.Default, "\x00") {
		right = strings.TrimSpace(right + " (default: " + o.Default + ")")
	}
	return tableRow{o.Name, left, right}
}

func writeRows(w io.Writer, head string, rows []tableRow) error {
	slices.SortFunc(rows, func(a, b tableRow) int { return strings.Compare(a.name, b.name) })
	rows = append([]tableRow{
		{left: head, right: "Description"},
		{left: strings.Repeat("-", len(head)), right: strings.Repeat("-", len("Description"))},
	}, rows...)
	leftWidth, rightWidth := 0, 0
	for _, r := range rows {
		leftWidth = max(leftWidth, len(r.left))
		rightWidth = max(rightWidth, len(r.right))
	}
	leftWidth = min(leftWidth, leftLimit)
	rightWidth = min(rightWidth, tableWidth-columnGap-leftWidth)
	// The columns are as wide as what stands in them after wrapping.
	wrapped := make([][2][]string, 0, len(rows))
	leftLimited, rightLimited := leftWidth, rightWidth
	leftWidth, rightWidth = 0, 0
	for _, r := range rows {
		left, right := pieces(r.left, leftLimited), pieces(r.right, rightLimited)
		wrapped = append(wrapped, [2][]string{left, right})
		leftWidth, rightWidth = max(leftWidth, longest(left)), max(rightWidth, longest(right))
	}
	b := bufio.NewWriter(w)
	for _, r := range wrapped {
		left, right := r[0], r[1]
		for i := range max(len(left), len(right)) {
			pad(b, left, i, leftWidth)
			b.WriteString("  ")
			pad(b, right, i, rightWidth)
			b.WriteByte('\n')
		}
	}
	return b.Flush()
}

func pad(b *bufio.Writer, lines []string, i, width int) {
	s := ""
	if i < len(lines) {
		s = lines[i]
	}
	b.WriteString(s)
	for n := len(s); n < width; n++ {
		b.WriteByte(' ')
	}
}

// pieces wraps a text; continuation lines are indented by two blanks.
func pieces(text string, width int) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		current := ""
		for _, word := range words(line) {
			if len(current)+len(word) > width {
				out = append(out, strings.TrimRight(current, " \t"))
				current = "  " + word
			} else {
				current += word
			}
		}
		if current != "" {
			out = append(out, current)
		}
	}
	return out
}

func longest(lines []string) int {
	n := 0
	for _, l := range lines {
		n = max(n, len(l))
	}
	return n
}
