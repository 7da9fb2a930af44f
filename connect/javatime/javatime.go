// Package javatime formats and parses times by the patterns of Java's SimpleDateFormat, in UTC and in English, as the
// transforms of Kafka Connect use them. [New] compiles a pattern.
//
// Parsing is lenient as Java's: fields may overflow (month 13 is January of the next year) and what follows the last field is
// ignored. DEVIATION(kafka): the week-based letters Y, w, W, F and u are formatted, but a pattern with them does not parse.
package javatime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format is a compiled pattern. It may be used by several goroutines.
type Format struct {
	pattern string
	fields  []field
}

// field is a pattern letter with its count, or literal text.
type field struct {
	letter  byte // 0 for text
	count   int
	literal string
}

const letters = "GyMdkHmsSEDFwWahKzZYuXL"

// PatternError reports a bad pattern in Java's words.
type PatternError struct{ Text string }

func (e *PatternError) Error() string { return e.Text }

// New compiles a pattern.
func New(pattern string) (*Format, error) {
	f := &Format{pattern: pattern}
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			f.fields = append(f.fields, field{literal: text.String()})
			text.Reset()
		}
	}
	quoted := false
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			if i+1 < len(pattern) && pattern[i+1] == '\'' {
				text.WriteByte('\'')
				i += 2
				continue
			}
			quoted = !quoted
			i++
		case quoted || !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'):
			text.WriteByte(c)
			i++
		default:
			if strings.IndexByte(letters, c) < 0 {
				return nil, &PatternError{fmt.Sprintf("Illegal pattern character '%c'", c)}
			}
			flush()
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if c == 'X' && n > 3 {
				return nil, &PatternError{"invalid ISO 8601 format: length=" + strconv.Itoa(n)}
			}
			f.fields = append(f.fields, field{letter: c, count: n})
			i += n
		}
	}
	if quoted {
		return nil, &PatternError{"Unterminated quote"}
	}
	flush()
	return f, nil
}

// Must compiles a pattern that is known to be good.
func Must(pattern string) *Format {
	f, err := New(pattern)
	if err != nil {
		panic(err)
	}
	return f
}

// Pattern returns the pattern.
func (f *Format) Pattern() string { return f.pattern }

// Format writes a time, which is taken to UTC.
func (f *Format) Format(t time.Time) string {
	t = t.UTC()
	var b []byte
	for _, p := range f.fields {
		if p.letter == 0 {
			b = append(b, p.literal...)
			continue
		}
		b = p.append(b, t)
	}
	return string(b)
}

func (p field) append(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour := t.Hour()
	switch p.letter {
	case 'G':
		if year <= 0 {
			return append(b, "BC"...)
		}
		return append(b, "AD"...)
	case 'y', 'Y':
		if p.letter == 'Y' {
			year = weekYear(t)
		}
		if year <= 0 {
			year = 1 - year
		}
		if p.count == 2 {
			return pad(b, year%100, 2)
		}
		return pad(b, year, p.count)
	case 'M', 'L':
		switch {
		case p.count >= 4:
			return append(b, month.String()...)
		case p.count == 3:
			return append(b, month.String()[:3]...)
		}
		return pad(b, int(month), p.count)
	case 'E':
		if p.count >= 4 {
			return append(b, t.Weekday().String()...)
		}
		return append(b, t.Weekday().String()[:3]...)
	case 'a':
		return append(b, [2]string{"AM", "PM"}[hour/12]...)
	case 'z':
		if p.count >= 4 {
			return append(b, "Coordinated Universal Time"...)
		}
		return append(b, "UTC"...)
	case 'Z':
		return append(b, "+0000"...)
	case 'X':
		return append(b, 'Z')
	}
	return pad(b, p.number(t, day, hour), p.count)
}

// number is the value of a letter that is always a number.
func (p field) number(t time.Time, day, hour int) int {
	switch p.letter {
	case 'd':
		return day
	case 'k':
		return (hour+23)%24 + 1
	case 'H':
		return hour
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	case 'S':
		return t.Nanosecond() / int(time.Millisecond)
	case 'D':
		return t.YearDay()
	case 'F':
		return (day-1)/7 + 1
	case 'w':
		if weekYear(t) > t.Year() {
			return 1
		}
		return (t.YearDay()-1+int(t.AddDate(0, 0, 1-t.YearDay()).Weekday()))/7 + 1
	case 'W':
		return (day-1+int(t.AddDate(0, 0, 1-day).Weekday()))/7 + 1
	case 'h':
		return (hour+11)%12 + 1
	case 'K':
		return hour % 12
	default: // 'u'
		return (int(t.Weekday())+6)%7 + 1
	}
}

// weekYear is the year of the week, which begins on Sunday; the week with January 1 is the first.
func weekYear(t time.Time) int {
	return t.AddDate(0, 0, 6-int(t.Weekday())).Year()
}

func pad(b []byte, n, width int) []byte {
	s := strconv.Itoa(n)
	for i := len(s); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}
