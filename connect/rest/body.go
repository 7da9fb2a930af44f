package rest

import (
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

// configOf makes a configuration of a body's settings, none of which may be null.
func configOf(s connect.Settings) (connect.Config, error) {
	if s == nil {
		return nil, &herder.Error{Status: http.StatusInternalServerError, Message: "the request has no configuration; it needs an object with connector.class and the connector's settings"}
	}
	config, null := s.Config()
	if null != "" && null != "connector.class" { // without a class there is a better answer
		return nil, &herder.Error{Status: http.StatusInternalServerError, Message: "Non-string value found in original settings for key " + null + ": null"}
	}
	return config, nil
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
