package javatime

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errParse = errors.New("Unparseable date")

// Parse reads a time from the beginning of text.
func (f *Format) Parse(text string) (time.Time, error) {
	p := parser{text: text, year: 1970, month: 1, day: 1, yday: -1, hour: -1, half: -1, pm: -1}
	for i, one := range f.fields {
		if one.letter == 0 {
			if !strings.HasPrefix(p.text[p.pos:], one.literal) {
				return time.Time{}, errParse
			}
			p.pos += len(one.literal)
			continue
		}
		limit := 0
		if i+1 < len(f.fields) && numeric(f.fields[i+1]) && numeric(one) {
			limit = one.count // the next field abuts this one
		}
		if !p.field(one, limit) {
			return time.Time{}, errParse
		}
	}
	return p.time(), nil
}

func numeric(f field) bool {
	switch f.letter {
	case 0, 'G', 'E', 'a', 'z', 'Z', 'X':
		return false
	case 'M', 'L':
		return f.count <= 2
	}
	return true
}

// parser collects fields. Negative means not given.
type parser struct {
	text string
	pos  int

	year, month, day, yday int
	hour, half, pm         int // 0-23; 0-11 with pm
	minute, second, ms     int
	zone                   int // seconds east
	bc                     bool
}

func (p *parser) time() time.Time {
	hour := p.hour
	if hour < 0 {
		hour = max(p.half, 0) + 12*max(p.pm, 0)
	}
	if p.bc {
		p.year = 1 - p.year
	}
	month, day := p.month, p.day
	if p.yday >= 0 {
		month, day = 1, p.yday
	}
	// Numbers are bounded so that nothing overflows.
	t := time.Date(p.year, time.Month(month), day, hour, p.minute, p.second, 0, time.UTC)
	return t.Add(time.Duration(p.ms)*time.Millisecond - time.Duration(p.zone)*time.Second)
}

func (p *parser) field(f field, limit int) bool {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
	if p.pos >= len(p.text) {
		return false
	}
	switch f.letter {
	case 'G':
		i := p.word("BC", "AD")
		p.bc = i == 0
		return i >= 0
	case 'M', 'L':
		if f.count > 2 {
			return p.monthName()
		}
	case 'E':
		return p.dayName()
	case 'a':
		p.pm = p.word("AM", "PM")
		return p.pm >= 0
	case 'z', 'Z':
		return p.zoneName()
	case 'X':
		return p.isoZone(f.count)
	case 'Y', 'w', 'W', 'F', 'u':
		return false
	}
	start := p.pos
	n, ok := p.number(limit)
	if !ok {
		return false
	}
	switch f.letter {
	case 'y':
		p.year = n
		if f.count <= 2 && p.pos-start == 2 && n >= 0 {
			p.year = century(n)
		}
	case 'M', 'L':
		p.month = n
	case 'd':
		p.day, p.yday = n, -1
	case 'D':
		p.yday = n
	case 'k':
		p.hour = n % 24
		if n > 24 {
			p.hour = n
		}
	case 'H':
		p.hour = n
	case 'h':
		p.half = n
		if n == 12 {
			p.half = 0
		}
	case 'K':
		p.half = n
	case 'm':
		p.minute = n
	case 's':
		p.second = n
	case 'S':
		p.ms = n
	}
	return true
}

// century places a year of two digits between 80 years ago and 20 years from now.
func century(n int) int {
	now := time.Now().Year()
	year := now - 80 + (n-(now-80)%100+100)%100
	return year
}

// number reads an integer with an optional minus sign, of at most limit digits if limit isn't 0.
func (p *parser) number(limit int) (int, bool) {
	start := p.pos
	end := start
	if limit == 0 && p.text[end] == '-' {
		end++
	}
	digits := end
	for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' && (limit == 0 || end-digits < limit) {
		end++
	}
	if end == digits {
		return 0, false
	}
	n, err := strconv.ParseInt(p.text[start:end], 10, 32)
	if err != nil || n > 1e8 || n < -1e8 {
		return 0, false
	}
	p.pos = end
	return int(n), true
}

// word takes the first of the words that the text goes on with, whatever its case.
func (p *parser) word(words ...string) int {
	for i, w := range words {
		if end := p.pos + len(w); end <= len(p.text) && strings.EqualFold(p.text[p.pos:end], w) {
			p.pos = end
			return i
		}
	}
	return -1
}

func (p *parser) monthName() bool {
	for m := time.January; m <= time.December; m++ {
		if p.word(m.String(), m.String()[:3]) >= 0 {
			p.month = int(m)
			return true
		}
	}
	return false
}

func (p *parser) dayName() bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if p.word(d.String(), d.String()[:3]) >= 0 {
			return true
		}
	}
	return false
}

var zones = []struct {
	name  string
	hours int
}{{"UTC", 0}, {"PST", -8}, {"PDT", -7}, {"MST", -7}, {"MDT", -6}, {"CST", -6}, {"CDT", -5}, {"EST", -5}, {"EDT", -4}, {"CET", 1}, {"CEST", 2}}

// zoneName reads +hhmm, GMT, GMT+hh:mm or a name.
func (p *parser) zoneName() bool {
	gmt := p.word("GMT") == 0
	if p.pos < len(p.text) && (p.text[p.pos] == '+' || p.text[p.pos] == '-') {
		return p.offset(true, gmt)
	}
	if gmt {
		return true
	}
	for _, z := range zones {
		if p.word(z.name) == 0 {
			p.zone = z.hours * 3600
			return true
		}
	}
	return false
}

func (p *parser) isoZone(count int) bool {
	if p.text[p.pos] == 'Z' {
		p.pos++
		return true
	}
	if p.text[p.pos] != '+' && p.text[p.pos] != '-' {
		return false
	}
	return p.offset(count > 1, count == 3)
}

// offset reads a sign and hh, hhmm or hh:mm.
func (p *parser) offset(minutes, colon bool) bool {
	t := p.text[p.pos:]
	sign := 1
	if t[0] == '-' {
		sign = -1
	}
	take := 3
	hours, ok := twoDigits(t, 1)
	m := 0
	if minutes && ok {
		if colon {
			if len(t) <= take || t[take] != ':' {
				return false
			}
			take++
		}
		m, ok = twoDigits(t, take)
		take += 2
	}
	if !ok || hours > 23 || m > 59 {
		return false
	}
	p.zone = sign * (hours*3600 + m*60)
	p.pos += take
	return true
}

func twoDigits(t string, at int) (int, bool) {
	if len(t) < at+2 || t[at] < '0' || t[at] > '9' || t[at+1] < '0' || t[at+1] > '9' {
		return 0, false
	}
	return int(t[at]-'0')*10 + int(t[at+1]-'0'), true
}
