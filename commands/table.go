package commands

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// printColumns prints an empty line and a table: see printTable.
func printColumns(w io.Writer, widths []int, rows [][]string, end string) {
	fmt.Fprintln(w)
	printTable(w, widths, rows, end)
}

// printTable prints rows of columns, the first of which names them. Each column is at least as wide as given and as its longest value; a
// column of width 0 is not padded. Every line ends with end.
func printTable(w io.Writer, widths []int, rows [][]string, end string) {
	widths = slices.Clone(widths)
	for _, row := range rows[min(1, len(rows)):] {
		for i, cell := range row {
			if widths[i] > 0 {
				widths[i] = max(widths[i], len(cell))
			}
		}
	}
	printRows(w, widths, rows, " ", end)
}

// dropColumns takes columns, the leftmost first, out of a table and returns the widths of the others.
func dropColumns(widths []int, rows [][]string, columns ...int) []int {
	for _, c := range slices.Backward(columns) {
		widths = slices.Delete(widths, c, c+1)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], c, c+1)
		}
	}
	return widths
}

// printAligned prints a table of kgo's own: columns as wide as their longest value, two blanks apart.
func printAligned(w io.Writer, rows [][]string) {
	widths := longestOf(rows)
	widths[len(widths)-1] = 0
	printRows(w, widths, rows, "  ", "")
}

func longestOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	return widths
}

// printTabbed pads every cell to the width of its column and ends it with a tab, as several of the originals do.
func printTabbed(w io.Writer, rows [][]string) {
	printRows(w, longestOf(rows), rows, "\t", "\t")
}

// printRows prints rows with cells of fixed widths; what stands out in them is coloured.
func printRows(w io.Writer, widths []int, rows [][]string, between, end string) {
	for n, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, between)
			}
			s := heading
			if n > 0 {
				s = shadeOf(rows[0][i], cell)
			}
			fmt.Fprint(w, paint(w, s, cell), strings.Repeat(" ", max(widths[i]-len(cell), 0)))
		}
		fmt.Fprintln(w, end)
	}
}
