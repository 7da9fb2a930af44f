package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
)

// maxBody bounds a request's body.
const maxBody = 4 << 20

// decode reads a request's body. As with Apache's worker, what is not the expected JSON is an internal error.
func decode(r *http.Request, into any) error {
	if r.Header.Get("Content-Type") == "" {
		return status(http.StatusUnsupportedMediaType)
	}
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is something behind the JSON")
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the request has no body; it needs JSON")
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &herder.Error{Status: http.StatusRequestEntityTooLarge, Message: large.Error()}
	}
	if err != nil {
		return &herder.Error{Status: http.StatusInternalServerError, Message: strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}

// text is a string in a body, for which Jackson takes numbers and booleans as well.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err == nil && s != nil {
		*t = text(*s)
	}
	return err
}

// settings are a configuration in a body: strings, numbers and booleans, which stay as they are written, and nulls.
type settings map[string]*string

func (s *settings) UnmarshalJSON(b []byte) error {
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
	*s = make(settings, len(raw))
	for name, value := range raw {
		one, err := scalar(value)
		if err != nil {
			return errors.New(err.Error() + " (through reference chain: java.util.LinkedHashMap[" + strconv.Quote(name) + "])")
		}
		(*s)[name] = one
	}
	return nil
}

// scalar reads a string, a number or a boolean as text; null is nil.
func scalar(b []byte) (*string, error) {
	switch b = bytes.TrimSpace(b); {
	case string(b) == "null":
		return nil, nil
	case b[0] == '{':
		return nil, errors.New("Cannot deserialize value of type `java.lang.String` from Object value (token `JsonToken.START_OBJECT`)")
	case b[0] == '[':
		return nil, errors.New("Cannot deserialize value of type `java.lang.String` from Array value (token `JsonToken.START_ARRAY`)")
	case b[0] != '"':
		return new(string(b)), nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	return &s, err
}

// config makes a configuration of settings, none of which may be null.
func (s settings) config() (connect.Config, error) {
	if s == nil {
		return nil, &herder.Error{Status: http.StatusInternalServerError, Message: "the request has no configuration; it needs an object with connector.class and the connector's settings"}
	}
	out := make(connect.Config, len(s))
	for name, value := range s {
		switch {
		case value != nil:
			out[name] = *value
		case name != "connector.class": // without a class there is a better answer
			return nil, &herder.Error{Status: http.StatusInternalServerError, Message: "Non-string value found in original settings for key " + name + ": null"}
		}
	}
	return out, nil
}

// acceptable checks what a request brings and what it wants: JSON, if it says so at all.
func acceptable(r *http.Request) error {
	if given := r.Header.Get("Content-Type"); given != "" {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" {
			return status(http.StatusUnsupportedMediaType)
		}
	}
	wanted := r.Header.Values("Accept")
	for _, line := range wanted {
		for part := range strings.SplitSeq(line, ",") {
			kind, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case "*/*", "application/*", "application/json", "":
				return nil
			}
		}
	}
	if len(wanted) > 0 {
		return status(http.StatusNotAcceptable)
	}
	return nil
}

// status is an error that has the words of its status alone.
func status(code int) error {
	return &herder.Error{Status: code, Message: "HTTP " + strconv.Itoa(code) + " " + http.StatusText(code)}
}
