package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// The upgrade types of UpdateFeatures.
const (
	upgradeUnknown int8 = iota
	upgradeOnly
	downgradeSafe
	downgradeUnsafe
)

// UpdateFeatures: v0-v2
//
// Finalizes levels of features (KIP-584, KIP-1022): all in the request, or none.
//
//   - Every broker and every quorum member must support the new level.
//   - A lower level must be asked for as a downgrade. metadata.version doesn't go below a level that brought new records.
//   - Turning ELR on moves min.insync.replicas from the brokers to the cluster.
//
// v1: validateOnly and upgrade types. v2: no rows in the answer.
//
// kraft.version is the quorum's own to change: what is valid about it is decided here, and done before this request is (server.leaderRouter).
func (c *call) updateFeatures(req *kmsg.UpdateFeaturesRequest) (Result, error) {
	resp := responseTo[*kmsg.UpdateFeaturesResponse](req)
	proposed := maps.Collect(c.image.Features())
	for _, u := range req.FeatureUpdates {
		proposed[u.Feature] = u.MaxVersionLevel
	}
	var levels []Record
	for _, u := range req.FeatureUpdates {
		kind := u.UpgradeType
		if req.Version == 0 {
			if kind = upgradeOnly; u.AllowDowngrade {
				kind = downgradeSafe
			}
		}
		if err := c.checkFeatureUpdate(u.Feature, u.MaxVersionLevel, kind, proposed); err != nil {
			resp.ErrorCode = errorCode(err)
			resp.ErrorMessage = new("The update failed for all features since the following feature had an error: " + err.Error())
			return Result{Response: resp}, nil
		}
		if u.Feature != metadata.FeatureKRaftVersion {
			levels = append(levels, Record{&record.FeatureLevelRecord{Name: u.Feature, FeatureLevel: u.MaxVersionLevel}, 0})
		}
	}
	if req.Version <= 1 {
		for _, u := range req.FeatureUpdates {
			row := kmsg.NewUpdateFeaturesResponseResult()
			row.Feature, row.ErrorMessage = u.Feature, new("NONE") // the name of the error that there isn't
			resp.Results = append(resp.Results, row)
		}
	}
	if req.ValidateOnly {
		return Result{Response: resp}, nil
	}
	if proposed[metadata.FeatureElr] > 0 && slices.ContainsFunc(req.FeatureUpdates, func(u kmsg.UpdateFeaturesRequestFeatureUpdate) bool { return u.Feature == metadata.FeatureElr }) {
		c.emitElrSafety()
	}
	return Result{Records: append(c.out, levels...), Response: resp, Atomic: true}, nil
}

func (c *call) checkFeatureUpdate(name string, level int16, kind int8, proposed map[string]int16) error {
	invalid := func(why string) error {
		return failf(kerr.InvalidUpdateVersion, "Invalid update version %d for feature %s. %s", level, name, why)
	}
	current := c.image.FeatureLevel(name)
	if name == metadata.FeatureKRaftVersion {
		current = c.ctx.KRaftVersion
	}
	switch {
	case kind <= upgradeUnknown || kind > downgradeUnsafe:
		return invalid("The controller does not support the given upgrade type.")
	case level < 0:
		return invalid("A feature version cannot be less than 0.")
	}
	if why := c.whyNotSupported(name, level); why != "" {
		return invalid(why)
	}
	switch {
	case level < current && kind == upgradeOnly:
		return invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")
	case level > current && kind != upgradeOnly:
		return invalid("Can't downgrade to a newer version.")
	case name == metadata.FeatureMetadataVersion:
		return checkMetadataVersion(metadata.MetadataVersion(current), metadata.MetadataVersion(level), kind)
	case name == metadata.FeatureKRaftVersion && level < current:
		return invalid("Can't downgrade the version of this feature.")
	case name == metadata.FeatureElr && level >= 1 && proposed[metadata.FeatureMetadataVersion] < 23:
		return invalid(fmt.Sprintf("%s could not be set to %d because it depends on metadata.version level 23", name, level))
	}
	return nil
}

func checkMetadataVersion(current, next metadata.MetadataVersion, kind int8) error {
	if next >= current || !current.DowngradeLoses(next) {
		return nil
	}
	why := "Refusing to perform the requested downgrade because it might delete metadata information."
	if kind == downgradeUnsafe {
		why = "Unsafe metadata downgrade is not supported in this version."
	}
	return failf(kerr.InvalidUpdateVersion, "Unsupported metadata.version downgrade from %d to %d. %s", int16(current), int16(next), why)
}

// whyNotSupported names the first node that can't work at the level; empty: all can.
func (c *call) whyNotSupported(name string, level int16) string {
	local := metadata.Controller{Features: metadata.SupportedFeatures()}
	own, _ := local.Feature(name)
	if why := outOfRange("Local controller "+strconv.Itoa(int(c.cfg.NodeID)), own, level); why != "" {
		return why
	}
	for b := range c.image.Brokers() {
		f, _ := b.Feature(name)
		if why := outOfRange(fmt.Sprintf("Broker %d", b.ID), f, level); why != "" {
			return why
		}
	}
	if !c.image.MetadataVersion().ControllerRegistration() {
		return ""
	}
	for n := range c.image.Controllers() {
		if n.ID == c.cfg.NodeID {
			continue
		}
		f, _ := n.Feature(name)
		if why := outOfRange(fmt.Sprintf("Controller %d", n.ID), f, level); why != "" {
			return why
		}
	}
	for _, id := range c.cfg.Voters {
		if id != c.cfg.NodeID && c.image.Controller(id) == nil {
			return fmt.Sprintf("controller %d has not registered, and may not support this feature", id)
		}
	}
	return ""
}

func outOfRange(what string, f metadata.FeatureRange, level int16) string {
	switch {
	case level >= f.Min && level <= f.Max:
		return ""
	case f.Max == 0:
		return what + " does not support this feature."
	case f.Min == f.Max:
		return fmt.Sprintf("%s only supports versions %d", what, f.Min)
	}
	return fmt.Sprintf("%s only supports versions %d-%d", what, f.Min, f.Max)
}

// emitElrSafety gives the whole cluster one min.insync.replicas: ELRs rest on it, and each broker could have its own before.
func (c *call) emitElrSafety() {
	if _, ok := c.image.Config(metadata.ConfigBroker, "")[minInsyncReplicas]; !ok {
		value := strconv.Itoa(int(c.cfg.MinInsyncReplicas))
		c.emit(&record.ConfigRecord{ResourceType: int8(metadata.ConfigBroker), Name: minInsyncReplicas, Value: &value}, 0)
	}
	var named []string
	for res, values := range c.image.Configs() {
		if _, ok := values[minInsyncReplicas]; ok && res.Type == metadata.ConfigBroker && res.Name != "" {
			named = append(named, res.Name)
		}
	}
	slices.Sort(named)
	for _, name := range named {
		c.emit(&record.ConfigRecord{ResourceType: int8(metadata.ConfigBroker), ResourceName: name, Name: minInsyncReplicas}, 0)
	}
}
