package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
)

// stage is a step of a record's way, as error reports name it.
type stage string

const (
	stageTransform stage = "TRANSFORMATION"
	stageKey       stage = "KEY_CONVERTER"
	stageValue     stage = "VALUE_CONVERTER"
	stageHeader    stage = "HEADER_CONVERTER"
	stagePut       stage = "TASK_PUT"
	stageProduce   stage = "KAFKA_PRODUCE"
)

// errorHandler does what the errors.* settings of a connector say: try again, tolerate, log, send to the dead letter queue.
type errorHandler struct {
	id           ID
	log          *slog.Logger
	tolerate     bool
	retryFor     time.Duration // negative: without end
	retryMost    time.Duration
	logErrors    bool
	logMessages  bool
	queue        string // dead letter queue, "" for none
	queueHeaders bool
	producer     *client.Client // of the queue
}

func newErrorHandler(t *Task) *errorHandler {
	c := t.settings
	return &errorHandler{
		id: t.ID, log: t.log,
		tolerate:     c.Or("errors.tolerance", "none") == "all",
		retryFor:     c.Duration("errors.retry.timeout", 0),
		retryMost:    c.Duration("errors.retry.delay.max.ms", time.Minute),
		logErrors:    c.Bool("errors.log.enable", false),
		logMessages:  c.Bool("errors.log.include.messages", false),
		queue:        c["errors.deadletterqueue.topic.name"],
		queueHeaders: c.Bool("errors.deadletterqueue.context.headers.enable", false),
	}
}

// retry runs an operation again while its error is retriable and time is left.
func (h *errorHandler) retry(ctx context.Context, operation func() error) error {
	err := operation()
	if err == nil || !errors.Is(err, connect.ErrRetriable) || h.retryFor == 0 {
		return err
	}
	began := time.Now()
	for attempt := 0; errors.Is(err, connect.ErrRetriable) && (h.retryFor < 0 || time.Since(began) < h.retryFor); attempt++ {
		delay := min(300*time.Millisecond<<min(attempt, 20), max(h.retryMost, time.Millisecond))
		if !sleep(ctx, delay/2+time.Duration(rand.Int64N(int64(delay/2)+1))) {
			return ctx.Err()
		}
		err = operation()
	}
	return err
}

// failed deals with a record that could not be processed. A nil answer means: go on without it.
func (h *errorHandler) failed(ctx context.Context, at stage, class string, original *kgo.Record, err error) error {
	if h.logErrors || !h.tolerate {
		h.report(at, class, original, err)
	}
	if original != nil && h.producer != nil {
		if bad := h.deadLetter(ctx, at, class, original, err); bad != nil {
			return bad
		}
	}
	if h.tolerate {
		return nil
	}
	return &connect.DataError{Class: "org.apache.kafka.connect.errors.ConnectException", Text: "Tolerance exceeded in error handler", Cause: asData(err)}
}

// asData gives an error the class that its trace shows.
func asData(err error) error {
	if data, ok := errors.AsType[*connect.DataError](err); ok {
		return data
	}
	return &connect.DataError{Class: connect.ErrorClass(err), Text: err.Error()}
}

func (h *errorHandler) report(at stage, class string, original *kgo.Record, err error) {
	text := fmt.Sprintf("Error encountered in task %s. Executing stage '%s' with class '%s'", h.id, at, class)
	if h.logMessages && original != nil {
		text += fmt.Sprintf(", where consumed record is {topic='%s', partition=%d, offset=%d, timestamp=%d}", original.Topic, original.Partition, original.Offset, original.Timestamp.UnixMilli())
	}
	h.log.Error(text+".", "error", err)
}

func (h *errorHandler) deadLetter(ctx context.Context, at stage, class string, r *kgo.Record, err error) error {
	letter := &kgo.Record{Topic: h.queue, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp, Headers: append([]kgo.RecordHeader(nil), r.Headers...)}
	if h.queueHeaders {
		add := func(name, value string) {
			letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: "__connect.errors." + name, Value: []byte(value)})
		}
		add("topic", r.Topic)
		add("partition", strconv.Itoa(int(r.Partition)))
		add("offset", strconv.FormatInt(r.Offset, 10))
		add("connector.name", h.id.Connector)
		add("task.id", strconv.Itoa(h.id.Task))
		add("stage", string(at))
		add("class.name", class)
		cause := asData(err)
		add("exception.class.name", connect.ErrorClass(cause))
		text := cause.Error()
		if data, ok := errors.AsType[*connect.DataError](cause); ok {
			text = data.Text
		}
		add("exception.message", text)
		add("exception.stacktrace", Trace(cause))
	}
	if err := h.producer.ProduceSync(ctx, letter).FirstErr(); err != nil {
		return fmt.Errorf("write to the dead letter queue %s: %w", h.queue, h.producer.Cause(err))
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
