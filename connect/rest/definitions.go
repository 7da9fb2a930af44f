package rest

import (
	"errors"
	"net/http"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
)

type definition struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Required   bool     `json:"required"`
	Default    *string  `json:"default_value"`
	Importance string   `json:"importance"`
	Doc        string   `json:"documentation"`
	Group      *string  `json:"group"`
	Order      int      `json:"order_in_group"`
	Width      string   `json:"width"`
	Display    string   `json:"display_name"`
	Dependents []string `json:"dependents"`
}

type settingValue struct {
	Name      string   `json:"name"`
	Value     *string  `json:"value"`
	Recommend []string `json:"recommended_values"`
	Errors    []string `json:"errors"`
	Visible   bool     `json:"visible"`
}

func define(k connect.ConfigKey) *definition {
	d := &definition{
		Name: k.Name, Type: k.Type, Required: k.Required, Default: k.Default, Importance: k.Importance, Doc: k.Doc,
		Order: k.Order, Width: k.Width, Display: k.Display, Dependents: []string{},
	}
	if k.Group != "" {
		d.Group = &k.Group
	} else if d.Order == 0 {
		d.Order = -1
	}
	if d.Width == "" {
		d.Width = "NONE"
	}
	if d.Display == "" {
		d.Display = k.Name
	}
	return d
}

func (s *Server) pluginConfig(r *http.Request) (answer, error) {
	keys, err := s.herder.Definitions(r.PathValue("class"))
	if err != nil {
		return answer{}, err
	}
	out := []*definition{}
	for _, k := range keys {
		out = append(out, define(k))
	}
	return ok(out)
}

func (s *Server) validate(r *http.Request) (answer, error) {
	var config connect.Settings
	if err := decode(r, &config); err != nil {
		return answer{}, err
	}
	asked := strings.TrimSuffix(r.PathValue("class"), "Connector")
	if class := config["connector.class"]; class != nil && !strings.HasSuffix(strings.TrimSuffix(*class, "Connector"), asked) {
		return answer{}, &herder.Error{Status: http.StatusBadRequest, Message: "Included connector type " + *class + " does not match request type " + r.PathValue("class")}
	}
	v, err := s.herder.ValidateNullable(config)
	if refused, ok := errors.AsType[*herder.Error](err); ok && refused.Status == http.StatusBadRequest { // Apache's way
		return answer{}, &herder.Error{Status: http.StatusInternalServerError, Message: "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: " + refused.Message}
	}
	if err != nil {
		return answer{}, err
	}
	type setting struct {
		Definition *definition  `json:"definition"`
		Value      settingValue `json:"value"`
	}
	out := struct {
		Name    string    `json:"name"`
		Count   int       `json:"error_count"`
		Groups  []string  `json:"groups"`
		Configs []setting `json:"configs"`
	}{v.Name, v.ErrorCount, v.Groups, []setting{}}
	none := func(list []string) []string {
		if list == nil {
			return []string{}
		}
		return list
	}
	for _, one := range v.Settings {
		if one.NoKey {
			out.Configs = append(out.Configs, setting{nil, settingValue{one.Key.Name, one.Value, []string{}, none(one.Errors), true}})
			continue
		}
		if one.Key.Type == "PASSWORD" && one.Value != nil {
			one.Value = new("[hidden]")
		}
		out.Configs = append(out.Configs, setting{define(one.Key), settingValue{one.Key.Name, one.Value, none(one.Key.Recommend), none(one.Errors), !one.Hidden}})
	}
	return ok(out)
}
