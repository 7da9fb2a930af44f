package client

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// PlainCommits is a context whose commits of offsets carry no metadata, as the Java client's. The library would put the member's id there.
func PlainCommits(ctx context.Context) context.Context {
	return kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for k := range req.Topics[i].Partitions {
				req.Topics[i].Partitions[k].Metadata = new("")
			}
		}
		return nil
	})
}
