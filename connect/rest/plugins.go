package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
	"github.com/kgo-project/kgo/connect/transforms"
)

type pluginView struct {
	Class   string `json:"class"`
	Type    string `json:"type"`
	Version string `json:"version"`
}

func (s *Server) plugins(r *http.Request) (answer, error) {
	out := []pluginView{}
	for _, p := range s.herder.Plugins() {
		out = append(out, pluginView{p.Class, string(p.Kind), p.Version})
	}
	slices.SortFunc(out, func(a, b pluginView) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 { // sinks, then sources
			return c
		}
		return strings.Compare(a.Class, b.Class)
	})
	if strings.EqualFold(r.URL.Query().Get("connectorsOnly"), "false") {
		for _, p := range transforms.Transforms() {
			out = append(out, pluginView{p.Class, "transformation", connect.Version})
		}
		for _, p := range transforms.Predicates() {
			out = append(out, pluginView{p.Class, "predicate", connect.Version})
		}
		for _, class := range converters.Classes() {
			out = append(out, pluginView{class, "converter", connect.Version})
		}
		for _, class := range converters.HeaderClasses() {
			out = append(out, pluginView{class, "header_converter", connect.Version})
		}
	}
	return ok(out)
}
