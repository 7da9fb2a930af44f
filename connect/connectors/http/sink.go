package http

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// sink sends records. Put returns when all of them have been accepted, so that nothing is left for Flush.
type sink struct {
	sc       connect.SinkContext
	send     *sender
	body     *body
	url      string
	perURL   bool // the address differs from record to record
	size     int
	maxBytes int
	nulls    string
}

// item is a record with what is sent of it.
type item struct {
	record *connect.Record
	data   []byte
}

func (s *sink) Start(sc connect.SinkContext, config connect.Config) error {
	s.sc, s.url, s.nulls = sc, config["http.url"], config.Or("null.values", "ignore")
	s.perURL = strings.Contains(s.url, "${")
	s.size, s.maxBytes = int(config.Int("batch.size", 100)), int(config.Int("batch.max.bytes", 1<<20))
	var err error
	if s.body, err = newBody(config); err != nil {
		return err
	}
	s.send, err = newSender(config, sc.Logger())
	return err
}

func (s *sink) Put(ctx context.Context, records []*connect.Record) error {
	var batch []item
	url, bytes := "", 0
	flush := func() error {
		err := s.deliver(ctx, url, batch)
		batch, bytes = batch[:0], 0
		return err
	}
	for _, r := range records {
		to := address(s.url, r)
		if r.Value.Data == nil && s.nulls != "ignore" {
			if err := flush(); err != nil {
				return err
			}
			if err := s.null(ctx, to, r); err != nil {
				return err
			}
			continue
		}
		if r.Value.Data == nil {
			continue
		}
		data, err := s.body.record(r)
		if err != nil {
			if err := s.sc.Report(r, err); err != nil {
				return err
			}
			continue
		}
		if len(batch) >= s.size || to != url || len(batch) > 0 && bytes+len(data) > s.maxBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		url, batch, bytes = to, append(batch, item{r, data}), bytes+len(data)
	}
	return flush()
}

// null deals with a record without a value.
func (s *sink) null(ctx context.Context, url string, r *connect.Record) error {
	if s.nulls == "fail" {
		return s.sc.Report(r, connect.DataErrorf(nil, "the record has no value, and null.values=fail"))
	}
	return s.judge(r, s.send.send(ctx, http.MethodDelete, url, nil))
}

// deliver sends a batch. One that the server does not want is sent in halves, until the records are found that it does not want.
func (s *sink) deliver(ctx context.Context, url string, batch []item) error {
	if len(batch) == 0 {
		return nil
	}
	data := make([][]byte, len(batch))
	for i, one := range batch {
		data[i] = one.data
	}
	err := s.send.send(ctx, s.send.method, url, s.body.join(data))
	if len(batch) == 1 {
		return s.judge(batch[0].record, err)
	}
	if answer, ok := errors.AsType[*statusError](err); !ok || !answer.aboutRecords() {
		return s.judge(nil, err)
	}
	half := len(batch) / 2
	if err := s.deliver(ctx, url, batch[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, url, batch[half:])
}

// judge reports a record that the server does not want, and fails for everything else.
func (s *sink) judge(r *connect.Record, err error) error {
	answer, ok := errors.AsType[*statusError](err)
	if ok && r != nil && (answer.aboutRecords() || s.perURL && answer.status == http.StatusNotFound) {
		return s.sc.Report(r, connect.DataErrorf(nil, err.Error()))
	}
	return err
}

func (s *sink) Flush(context.Context, map[connect.TopicPartition]int64) error { return nil }

func (s *sink) Stop() error {
	if s.send != nil {
		s.send.client.CloseIdleConnections()
	}
	return nil
}
