package rest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// extraHeaders are what a worker adds to the answers of its regular listeners: what lets browsers use them from pages of other origins
// (access.control.allow.*), and response.http.headers.config.
type extraHeaders struct {
	origins []*regexp.Regexp
	methods string
	fixed   []fixedHeader
}

// fixedHeader is one rule of response.http.headers.config: "add X-Frame-Options: DENY".
type fixedHeader struct{ action, name, value string }

func newExtraHeaders(config connect.Config) (*extraHeaders, error) {
	e := &extraHeaders{methods: "GET,POST,HEAD"}
	for _, origin := range config.List("access.control.allow.origin") {
		if origin == "*" {
			origin = ".*"
		}
		re, err := regexp.Compile("^(?:" + origin + ")$")
		if err != nil {
			return nil, fmt.Errorf("Invalid value %s for configuration access.control.allow.origin: %w", origin, err)
		}
		e.origins = append(e.origins, re)
	}
	if methods := config.List("access.control.allow.methods"); len(methods) > 0 {
		e.methods = strings.Join(methods, ",")
	}
	for _, rule := range config.List("response.http.headers.config") {
		action, rest, _ := strings.Cut(rule, " ")
		name, value, found := strings.Cut(rest, ":")
		h := fixedHeader{strings.ToLower(action), strings.TrimSpace(name), strings.TrimSpace(value)}
		if !found || h.name == "" || strings.ContainsAny(h.name, " \t") || !slices.Contains([]string{"set", "add", "setdate", "adddate"}, h.action) {
			return nil, fmt.Errorf("Invalid value %s for configuration response.http.headers.config: give set, add, setDate or addDate, a name, a colon and a value", rule)
		}
		e.fixed = append(e.fixed, h)
	}
	return e, nil
}

func (e *extraHeaders) apply(to http.Header, r *http.Request) {
	for _, h := range e.fixed {
		if strings.HasPrefix(h.action, "add") {
			to.Add(h.name, h.value)
		} else {
			to.Set(h.name, h.value)
		}
	}
	if len(e.origins) == 0 {
		return
	}
	to.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.ContainsFunc(e.origins, func(re *regexp.Regexp) bool { return re.MatchString(origin) }) {
		return
	}
	to.Set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		to.Set("Access-Control-Allow-Methods", e.methods)
		to.Set("Access-Control-Allow-Headers", "Content-Type")
		to.Set("Access-Control-Max-Age", "60")
	}
}
