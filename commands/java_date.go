package commands

import (
	"fmt"
	"strings"
	"time"
)

// javaDate prints a time by a pattern of Java's SimpleDateFormat.
func javaDate(pattern string, t time.Time) (string, error) {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			n := quoted(&out, pattern[i:])
			if n == 0 {
				return "", fmt.Errorf("Unterminated quote in the date format %s", pattern)
			}
			i += n
			continue
		case (c < 'a' || c > 'z') && (c < 'A' || c > 'Z'):
			out.WriteByte(c)
			i++
			continue
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		text, err := javaDateField(c, n, t)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		i += n
	}
	return out.String(), nil
}

// quoted copies the quoted text a pattern begins with and returns its length with the quotes; a pair of quotes is one quote.
func quoted(out *strings.Builder, pattern string) int {
	if strings.HasPrefix(pattern, "''") {
		out.WriteByte('\'')
		return 2
	}
	for i := 1; i < len(pattern); i++ {
		if pattern[i] != '\'' {
			out.WriteByte(pattern[i])
			continue
		}
		if i+1 == len(pattern) || pattern[i+1] != '\'' {
			return i + 1
		}
		out.WriteByte('\'')
		i++
	}
	return 0
}

func javaDateField(letter byte, n int, t time.Time) (string, error) {
	number := func(v int) (string, error) { return fmt.Sprintf("%0*d", n, v), nil }
	name := func(long, short string) (string, error) {
		if n >= 4 {
			return t.Format(long), nil
		}
		return t.Format(short), nil
	}
	year, week := t.ISOWeek()
	switch letter {
	case 'y', 'u', 'Y':
		v := t.Year()
		if letter == 'Y' {
			v = year
		}
		if letter == 'u' {
			return number((int(t.Weekday())+6)%7 + 1)
		}
		if n == 2 {
			v %= 100
		}
		return number(v)
	case 'M', 'L':
		if n >= 3 {
			return name("January", "Jan")
		}
		return number(int(t.Month()))
	case 'd':
		return number(t.Day())
	case 'D':
		return number(t.YearDay())
	case 'E':
		return name("Monday", "Mon")
	case 'w':
		return number(week)
	case 'a':
		return t.Format("PM"), nil
	case 'H':
		return number(t.Hour())
	case 'k':
		return number((t.Hour()+23)%24 + 1)
	case 'K':
		return number(t.Hour() % 12)
	case 'h':
		return number((t.Hour()+11)%12 + 1)
	case 'm':
		return number(t.Minute())
	case 's':
		return number(t.Second())
	case 'S':
		return number(t.Nanosecond() / 1e6)
	case 'z':
		return t.Format("MST"), nil
	case 'Z':
		return t.Format("-0700"), nil
	case 'X':
		return t.Format([]string{"Z07", "Z0700", "Z07:00"}[min(n, 3)-1]), nil
	case 'G':
		return "AD", nil
	}
	return "", fmt.Errorf("Illegal pattern character '%c'", letter)
}
