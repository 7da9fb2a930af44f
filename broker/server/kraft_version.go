package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/wire"
)

// upgradeTimeout is how long the voters may take to say which directories are theirs, and to commit that.
const upgradeTimeout = 10 * time.Second

// upgradesQuorum reports whether a request asks for the kraft.version with which the voters are kept in the log.
func upgradesQuorum(req *kmsg.UpdateFeaturesRequest) bool {
	return slices.ContainsFunc(req.FeatureUpdates, func(u kmsg.UpdateFeaturesRequestFeatureUpdate) bool {
		return u.Feature == metadata.FeatureKRaftVersion && u.MaxVersionLevel > 0
	})
}

// updateFeatures has the controller judge all that is asked for, then the quorum upgrade itself, and then the controller do the rest.
func (r *leaderRouter) updateFeatures(ctx context.Context, caller *controller.Context, n *quorum.Node, req *kmsg.UpdateFeaturesRequest) (kmsg.Response, error) {
	trial := *req
	trial.ValidateOnly = true
	resp, err := r.local.Submit(ctx, caller, &trial)
	if err != nil || req.ValidateOnly {
		return resp, err
	}
	if answer, ok := resp.(*kmsg.UpdateFeaturesResponse); !ok || answer.ErrorCode != 0 {
		return resp, nil
	}
	upgrade, cancel := context.WithTimeout(ctx, upgradeTimeout)
	defer cancel()
	_, epoch := n.Leader()
	switch err := n.UpgradeVoters(upgrade, epoch, r.self); {
	case errors.Is(err, quorum.ErrNotLeader):
		return nil, controller.ErrNotController
	case errors.Is(err, quorum.ErrVoterSilent):
		return nil, wire.Refusef(kerr.RequestTimedOut, "kraft.version was not upgraded: not all voters have said which directory is theirs; all must be up.")
	case err != nil:
		return nil, wire.Refusef(kerr.RequestTimedOut, "kraft.version was not upgraded: %v", err)
	}
	r.upgraded()
	return r.local.Submit(ctx, caller, req)
}
