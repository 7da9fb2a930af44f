package client

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// jaasEntry is one login module of a JAAS configuration.
type jaasEntry struct {
	module  string
	options map[string]string
}

// loginConfig is the system property that names a JAAS file, clientSection the section of it that clients use.
const (
	loginConfig   = "java.security.auth.login.config"
	clientSection = "KafkaClient"
)

// jaas returns the login module in sasl.jaas.config, or else that of the JAAS file which KAFKA_OPTS names, as Java's clients do. It is
// empty where neither is set.
func (p Properties) jaas() (jaasEntry, error) {
	if text := p["sasl.jaas.config"]; text != "" {
		entry, err := parseJAAS(text)
		if err != nil {
			return entry, &ConfigError{Text: "sasl.jaas.config: " + err.Error()}
		}
		return entry, nil
	}
	path := systemProperty(loginConfig)
	if path == "" {
		return jaasEntry{options: make(map[string]string)}, nil
	}
	path = strings.TrimPrefix(strings.TrimPrefix(path, "="), "file:")
	text, err := os.ReadFile(path)
	if err != nil {
		return jaasEntry{}, &ConfigError{Text: loginConfig + " in KAFKA_OPTS: " + err.Error()}
	}
	entry, err := parseJAASFile(string(text))
	if err != nil {
		return entry, &ConfigError{Text: path + ": " + err.Error()}
	}
	return entry, nil
}

// systemProperty returns what KAFKA_OPTS, or JAVA_TOOL_OPTIONS, sets by -Dname=value: it is how the original's scripts are told of Kerberos' and
// JAAS' files.
func systemProperty(name string) string {
	for _, variable := range []string{"KAFKA_OPTS", "JAVA_TOOL_OPTIONS"} {
		value := ""
		for word := range strings.FieldsSeq(os.Getenv(variable)) {
			if v, ok := strings.CutPrefix(strings.Trim(word, `"'`), "-D"+name+"="); ok {
				value = strings.Trim(v, `"'`) // the last one counts
			}
		}
		if value != "" {
			return value
		}
	}
	return ""
}

// parseJAAS reads `Module required name="value" ...;`.
func parseJAAS(text string) (jaasEntry, error) {
	s := jaasScanner{text: text}
	entry := jaasEntry{options: make(map[string]string)}
	if s.done() {
		return entry, nil
	}
	entry, err := s.module()
	if err == nil && !s.done() {
		err = errors.New("it has more than one login module")
	}
	return entry, err
}

// parseJAASFile returns the first login module of a JAAS file's section KafkaClient.
func parseJAASFile(text string) (jaasEntry, error) {
	s := jaasScanner{text: text}
	for !s.done() {
		section, err := s.word("{")
		if err != nil {
			return jaasEntry{}, err
		}
		if !s.take('{') {
			return jaasEntry{}, fmt.Errorf("section %s has to open with {", section)
		}
		var modules []jaasEntry
		for !s.take('}') {
			if s.done() {
				return jaasEntry{}, fmt.Errorf("section %s is not closed", section)
			}
			m, err := s.module()
			if err != nil {
				return jaasEntry{}, fmt.Errorf("section %s: %w", section, err)
			}
			modules = append(modules, m)
		}
		s.take(';')
		if section == clientSection && len(modules) > 0 {
			return modules[0], nil
		}
	}
	return jaasEntry{}, fmt.Errorf("it has no section %s", clientSection)
}

// jaasScanner reads a JAAS configuration from left to right.
type jaasScanner struct {
	text string
	at   int
}

// module reads one login module with its semicolon.
func (s *jaasScanner) module() (jaasEntry, error) {
	entry := jaasEntry{options: make(map[string]string)}
	var err error
	if entry.module, err = s.word(";{}"); err != nil {
		return entry, err
	}
	flag, err := s.word(";={}")
	if err != nil {
		return entry, err
	}
	switch strings.ToLower(flag) {
	case "required", "requisite", "sufficient", "optional":
	case "":
		return entry, fmt.Errorf("%s has to be followed by required", entry.module)
	default:
		return entry, fmt.Errorf("%s is not a control flag: write required", flag)
	}
	for !s.take(';') {
		if s.done() {
			return entry, errors.New("it has to end with a semicolon")
		}
		name, err := s.word(";={}")
		if err != nil {
			return entry, err
		}
		switch {
		case name != "":
		case s.done():
			return entry, errors.New("it ends with an option that has no name")
		default:
			return entry, fmt.Errorf("unexpected %c", s.text[s.at])
		}
		if !s.take('=') {
			return entry, fmt.Errorf("option %s has no value", name)
		}
		if entry.options[name], err = s.word(";"); err != nil {
			return entry, err
		}
	}
	return entry, nil
}

// word reads up to a blank or one of the characters in ends; what stands in quotes belongs to it whatever it is, and the quotes don't.
func (s *jaasScanner) word(ends string) (string, error) {
	s.skipBlanks()
	var b strings.Builder
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"' || c == '\'':
			if err := s.quoted(&b, c); err != nil {
				return "", err
			}
		case isBlank(c) || strings.IndexByte(ends, c) >= 0:
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func (s *jaasScanner) quoted(b *strings.Builder, quote byte) error {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			b.WriteByte(s.text[s.at])
		case c == quote:
			return nil
		default:
			b.WriteByte(c)
		}
	}
	return fmt.Errorf("a %c is not closed", quote)
}

// take steps over c, if it is what comes next.
func (s *jaasScanner) take(c byte) bool {
	if s.done() || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *jaasScanner) done() bool {
	s.skipBlanks()
	return s.at >= len(s.text)
}

// skipBlanks steps over blanks and comments.
func (s *jaasScanner) skipBlanks() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case isBlank(rest[0]):
			s.at++
		case strings.HasPrefix(rest, "//"):
			line, _, _ := strings.Cut(rest, "\n")
			s.at += len(line)
		case strings.HasPrefix(rest, "/*"):
			comment, _, _ := strings.Cut(rest, "*/")
			s.at = min(s.at+len(comment)+len("*/"), len(s.text))
		default:
			return
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }
