package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
)

func (s *Server) logger(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	level, known := s.worker.Loggers.Get(name)
	if !known {
		return answer{}, &herder.Error{Status: http.StatusNotFound, Message: "Logger " + name + " not found."}
	}
	return ok(level)
}

// setLogger changes the level of a logger and of those below it. With one worker, the scope "cluster" is that worker.
func (s *Server) setLogger(r *http.Request) (answer, error) {
	var request connect.Settings
	if err := decode(r, &request); err != nil {
		return answer{}, err
	}
	level := request["level"]
	if level == nil {
		return answer{}, &herder.Error{Status: http.StatusBadRequest, Message: "Desired 'level' parameter was not specified in request."}
	}
	changed, known := s.worker.Loggers.Set(r.PathValue("name"), *level, time.Now())
	if !known {
		return answer{}, &herder.Error{Status: http.StatusNotFound, Message: "invalid log level '" + strings.ToUpper(*level) + "'."}
	}
	if strings.EqualFold(r.URL.Query().Get("scope"), "cluster") {
		return answer{status: http.StatusNoContent}, nil
	}
	return ok(changed)
}
