package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Settings are a configuration as it stands in JSON: strings, numbers and booleans, which keep the way they are written, and nulls.
type Settings map[string]*string

// UnmarshalJSON implements json.Unmarshaler. What is refused is refused in Jackson's words.
func (s *Settings) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return errors.New("Cannot deserialize value of type `java.util.LinkedHashMap<java.lang.String,java.lang.String>` from " + mismatch.Value)
		}
		return err
	}
	if raw == nil {
		return nil
	}
	*s = make(Settings, len(raw))
	for name, value := range raw {
		var one *Scalar
		if err := json.Unmarshal(value, &one); err != nil {
			return errors.New(err.Error() + " (through reference chain: java.util.LinkedHashMap[" + strconv.Quote(name) + "])")
		}
		(*s)[name] = (*string)(one)
	}
	return nil
}

// Config makes a configuration of settings; null is the name of one that is null, if there is one.
func (s Settings) Config() (c Config, null string) {
	c = make(Config, len(s))
	for name, value := range s {
		if value == nil {
			null = name
			continue
		}
		c[name] = *value
	}
	return c, null
}

// Scalar is a string in JSON that may also be written as a number or a boolean.
type Scalar string

// UnmarshalJSON implements json.Unmarshaler.
func (s *Scalar) UnmarshalJSON(b []byte) error {
	switch b = bytes.TrimSpace(b); {
	case len(b) == 0 || string(b) == "null":
	case b[0] == '{':
		return errors.New("Cannot deserialize value of type `java.lang.String` from Object value (token `JsonToken.START_OBJECT`)")
	case b[0] == '[':
		return errors.New("Cannot deserialize value of type `java.lang.String` from Array value (token `JsonToken.START_ARRAY`)")
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(s))
	default:
		*s = Scalar(b)
	}
	return nil
}

// ParseConfig reads a connector from JSON: what is posted to /connectors, or its settings alone.
func ParseConfig(b []byte) (config Config, initialState string, err error) {
	var request struct {
		Name    Scalar   `json:"name"`
		Config  Settings `json:"config"`
		Initial string   `json:"initial_state"`
	}
	settings := Settings{}
	if json.Unmarshal(b, &request) == nil && request.Config != nil {
		settings = request.Config
		if request.Name != "" {
			settings["name"] = (*string)(&request.Name)
		}
	} else if err := json.Unmarshal(b, &settings); err != nil {
		return nil, "", err
	}
	config, null := settings.Config()
	if null != "" {
		return nil, "", errors.New("Non-string value found in original settings for key " + null + ": null")
	}
	return config, request.Initial, nil
}
