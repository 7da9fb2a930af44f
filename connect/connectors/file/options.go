package file

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kgo-project/kgo/connect"
)

// The options that Apache's connectors do not have. All are off by default.

func option(name, kind, def, importance, doc string, check func(string) error) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: kind, Default: &def, Importance: importance, Doc: doc, Check: check}
}

func formatOptions() []connect.ConfigKey {
	return []connect.ConfigKey{
		option("format", "STRING", "line", "MEDIUM", "line: a line is a value. json: a line is a JSON document. csv: a record of comma-separated values.", connect.ExactlyOneOf("line", "json", "csv")),
		option("csv.delimiter", "STRING", ",", "LOW", "What stands between the values of a CSV record: one character.", oneCharacter),
		option("csv.header", "BOOLEAN", "true", "LOW", "Whether the first record of a CSV file has the names of the columns.", nil),
		option("csv.columns", "LIST", "", "LOW", "The names of the columns of CSV files; without them those of the header or of the values.", nil),
	}
}

func sourceOptions() []connect.ConfigKey {
	return append([]connect.ConfigKey{
		option("file.pattern", "LIST", "", "MEDIUM", "Patterns of the files to read, such as /var/log/*.log, instead of file. They are looked for again and again.", nil),
		option("file.follow", "BOOLEAN", "false", "MEDIUM", "Whether to go on with the file that has the name when the one that is read is renamed, and from its beginning when it is truncated.", nil),
		option("file.scan.interval.ms", "LONG", "1000", "LOW", "How often file.pattern is looked for, in milliseconds.", connect.AtLeast(1)),
		option("compression", "STRING", "none", "LOW", "none, gzip, or auto: gzip for names that end with .gz.", connect.ExactlyOneOf("none", "gzip", "auto")),
	}, formatOptions()...)
}

func sinkOptions() []connect.ConfigKey {
	return append([]connect.ConfigKey{
		option("file.offsets", "BOOLEAN", "false", "MEDIUM", "Whether the offsets of what is written are kept beside the file, so that nothing is written twice after a crash.", nil),
		option("part.size.bytes", "LONG", "0", "MEDIUM", "The size at which a part file is complete; 0: whatever its size.", connect.AtLeast(0)),
		option("part.interval.ms", "LONG", "0", "MEDIUM", "The time after which a part file is complete, in milliseconds; 0: whatever its age.", connect.AtLeast(0)),
		option("compression", "STRING", "none", "LOW", "none or gzip.", connect.ExactlyOneOf("none", "gzip")),
	}, formatOptions()...)
}

func oneCharacter(s string) error {
	if r, n := utf8.DecodeRuneInString(s); n == 0 || n != len(s) || r == '"' || r == '\r' || r == '\n' || r == utf8.RuneError {
		return errors.New("give one character that is neither a quote nor the end of a line")
	}
	return nil
}

func checkSource(c connect.Config) error {
	if len(c.List("file.pattern")) > 0 && c["file"] != "" {
		return errors.New("give file or file.pattern, not both")
	}
	if c["file"] == "" && len(c.List("file.pattern")) == 0 && (c.Bool("file.follow", false) || c.Or("compression", "none") == "auto") {
		return errors.New("file.follow and compression=auto need file or file.pattern")
	}
	return nil
}

func checkSink(c connect.Config) error {
	parts := c.Int("part.size.bytes", 0) > 0 || c.Int("part.interval.ms", 0) > 0
	kept := c.Bool("file.offsets", false)
	if (parts || kept) && c["file"] == "" {
		return errors.New("file.offsets and part files need file")
	}
	if parts && kept {
		return errors.New("part files keep their offsets without file.offsets")
	}
	if kept && c.Int("tasks.max", 1) > 1 {
		return errors.New("file.offsets needs tasks.max=1: two tasks cannot share a file")
	}
	return nil
}

// csvOptions are how records of CSV are read and written.
type csvOptions struct {
	delimiter rune
	header    bool
	columns   []string
}

func newCSV(c connect.Config) csvOptions {
	r, _ := utf8.DecodeRuneInString(c.Or("csv.delimiter", ","))
	return csvOptions{r, c.Bool("csv.header", true), c.List("csv.columns")}
}

// compressed tells whether a file is read as gzip.
func compressed(c connect.Config, path string) bool {
	switch c.Or("compression", "none") {
	case "gzip":
		return true
	case "auto":
		return strings.HasSuffix(strings.ToLower(path), ".gz")
	}
	return false
}

func dataError(path string, position int64, err error) error {
	return connect.DataErrorf(err, fmt.Sprintf("%s, byte %d", path, position))
}
