package commands

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	logLine      = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d .*\] (ERROR|WARN|INFO) |^\[main\] |^\[.*\] (ERROR|WARN|INFO) |^WARN `)
	stackLine    = regexp.MustCompile(`^\s+at |^Caused by: |^\s+\.\.\. \d+ more|^\s+Suppressed: |^ \((org|kafka)\.[\w.$]+\)$`)
	exception    = regexp.MustCompile(`^(Exception in thread "\w+" )?((java|org|com|net|kafka|joptsimple)\.[\w.$]*(Exception|Error))(: |$)`)
	nothingYet   = regexp.MustCompile(`(?m)^\{"name":"partitions_assigned","partitions":\[\],.*\}\n`) // a group of the new protocol may or may not begin so
	eventLine    = regexp.MustCompile(`(?m)^\{"timestamp".*\}$`)
	anyNumber    = regexp.MustCompile(`-?\b\d+([.,]\d+)?\b( {2,})?`)
	replicaInDir = regexp.MustCompile(`\{"partition":"[^{}]*\}`)
	dataDir      = regexp.MustCompile(`"logDir":"[^"]*"`)
	dataDirs     = regexp.MustCompile(`"log_dirs":\["[/$][^\]]*\]`)
	setOfOptions = regexp.MustCompile(`\[\[[^\[\]]*\](, \[[^\[\]]*\])+\]`)
	choices      = regexp.MustCompile(`^(Option .* takes .*options|.*Valid \w+ are): `)
	masks        = []struct {
		re   *regexp.Regexp
		with string
	}{
		{regexp.MustCompile(`[\w=-]*([\w=-]{20}|<MEMBER>) /127\.0\.0\.1 `), "<MEMBER> /127.0.0.1 "},
		{regexp.MustCompile(`CONSUMER-ID +`), "CONSUMER-ID "},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?`), "<TIME>"},
		{regexp.MustCompile(`(^|[^.\d])\d{13}\b`), "$1<EPOCH_MS>"},
		{regexp.MustCompile(`\bcrc: \d+`), "crc: <CRC>"},
		{regexp.MustCompile(`(TopicId: |topic ID |topicId=|"topicId":"|DirectoryId: |directory_id": "|directoryId: |directory\.id=)[A-Za-z0-9_-]{22}`), "$1<ID>"},
		{regexp.MustCompile(`\bdirectories=\[[A-Za-z0-9_-]{22}(, [A-Za-z0-9_-]{22})*\]`), "directories=<IDS>"},
		{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<UUID>"},
		{regexp.MustCompile(`(lient metrics config for )[A-Za-z0-9_-]{22}\b`), "$1<ID>"},
		{regexp.MustCompile(`(tokenId : )[A-Za-z0-9_-]{22}\b`), "$1<ID>"},
		{regexp.MustCompile(`[A-Za-z0-9_-]{22}[ \t]+[A-Za-z0-9+/]{86}==`), "<TOKEN>"},
		{regexp.MustCompile(`\b(salt|storedKey|serverKey)=\[-?\d+(, -?\d+)*\]`), "$1=<BYTES>"},
	}
)

// mask replaces what differs from run to run.
func mask(text string) string {
	for _, m := range masks {
		text = m.re.ReplaceAllString(text, m.with)
	}
	return text
}

// sortFields sorts the fields of a JSON object, whose order differs from one virtual machine to the next.
func sortFields(line string) string {
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return line
	}
	if timestamp, ok := fields["timestamp"].(float64); ok {
		fields["timestamp"] = int64(timestamp)
	}
	sorted, err := json.Marshal(fields)
	if err != nil {
		return line
	}
	return string(sorted)
}

// normalise drops what the originals repeat on stderr as log lines and stack traces, and masks what differs from run to run.
func (s *side) normalise(c *comparison, out, errOut, dir string, code int) answer {
	a := answer{code: code}
	port, controller := strconv.Itoa(portOf(s.broker.bootstrap)), strconv.Itoa(portOf(s.broker.controller))
	names := strings.NewReplacer(s.broker.bootstrap, "$B", s.broker.controller, "$C", "localhost:"+port, "$B", " "+controller, " $C_PORT",
		" "+port, " $PORT", dir, "$DIR", s.broker.data, "$DATA")
	clean := func(text string, noise bool) []string {
		text = eventLine.ReplaceAllStringFunc(names.Replace(text), sortFields)
		text = nothingYet.ReplaceAllString(text, "")
		text = dataDir.ReplaceAllString(text, `"logDir":"<LOG_DIR>"`)
		text = dataDirs.ReplaceAllString(text, `"log_dirs":["<LOG_DIR>"]`)
		text = mask(text)
		var lines []string
		for line := range strings.Lines(text) {
			line, closed := strings.CutSuffix(line, "\n")
			if !closed && !noise {
				line = openLine + line
			}
			if strings.HasPrefix(line, "Option ") && strings.Contains(line, " Description ") {
				return append(lines, "<OPTION_TABLE>")
			}
			line = strings.Replace(line, ". Enable debug logging for additional detail.", "", 1)
			if strings.Contains(line, "following scenarios: ") {
				line = line[:strings.Index(line, "scenarios: ")]
			}
			if i := strings.Index(line, "supports operations ["); i >= 0 {
				names := strings.Split(strings.Trim(line[i+len("supports operations "):], "[]"), ", ")
				slices.Sort(names)
				line = line[:i] + "supports operations [" + strings.Join(names, ", ") + "]"
			}
			if strings.HasPrefix(line, `{"brokers":[`) { // log-dirs: in the order of a hash table
				replicas := replicaInDir.FindAllString(line, -1)
				slices.Sort(replicas)
				line = replicaInDir.ReplaceAllStringFunc(line, func(string) (next string) {
					next, replicas = replicas[0], replicas[1:]
					return next
				})
			}
			if strings.HasPrefix(line, "SCRAM credential configs for ") {
				name, list, _ := strings.Cut(line, " are ")
				entries := strings.Split(list, ", ")
				slices.Sort(entries)
				line = name + " are " + strings.Join(entries, ", ")
			}
			line = setOfOptions.ReplaceAllStringFunc(line, func(set string) string {
				names := strings.Split(set[2:len(set)-2], "], [")
				slices.Sort(names)
				return "[[" + strings.Join(names, "], [") + "]]"
			})
			if choices.MatchString(line) { // listed in the order of a hash set that differs from run to run
				names := strings.Split(line[strings.Index(line, ": ")+2:], ", ")
				slices.Sort(names)
				line = line[:strings.Index(line, ": ")+2] + strings.Join(names, ", ")
			}
			if noise {
				if logLine.MatchString(line) || stackLine.MatchString(line) || strings.HasPrefix(line, "Did you mean --") || strings.HasPrefix(line, "The consumer rebalance protocol (KIP-848) is production-ready!") {
					continue
				}
				if m := exception.FindString(line); m != "" {
					for ; m != ""; m = exception.FindString(line) {
						line = line[len(m):]
					}
					repeated := slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, line) })
					if line == "" || repeated || len(a.out) > 0 {
						continue
					}
				}
			}
			if i := strings.Index(line, "Detected group ids: "); i >= 0 { // a set
				ids := strings.Split(line[i+len("Detected group ids: "):], ", ")
				slices.Sort(ids)
				line = line[:i] + "Detected group ids: " + strings.Join(ids, ", ")
			}
			if c.says("# numbers") {
				line = anyNumber.ReplaceAllString(line, "<N>")
			}
			lines = append(lines, strings.TrimRight(line, "\r"))
		}
		return lines
	}
	a.out = clean(out, false)
	for i, l := range a.out { // some tools print their stack traces to stdout
		if exception.MatchString(l) && i > 0 && (i+1 < len(a.out) && stackLine.MatchString(a.out[i+1]) || strings.HasSuffix(a.out[i-1], l[len(exception.FindString(l)):])) {
			a.out = a.out[:i]
			break
		}
	}
	a.err = clean(errOut, true)
	for len(a.err) > 0 && a.err[len(a.err)-1] == "" {
		a.err = a.err[:len(a.err)-1]
	}
	if c.says("# sorted") {
		for i, l := range a.out { // a list of which only the first line has a blank before its tab
			if strings.HasPrefix(l, " \t") {
				a.out[i] = l[1:]
			}
		}
		slices.Sort(a.out)
	}
	return a
}
