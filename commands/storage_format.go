package commands

import (
	"cmp"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	metarecord "github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// format writes a new node's identity and a new cluster's first records into the node's folders.
func (o *storageOptions) format(cfg *config.Broker) error {
	if err := o.checkControllers(cfg); err != nil {
		return err
	}
	voters, err := o.firstVoters(cfg)
	if err != nil {
		return err
	}
	var records []metarecord.Message
	level, err := o.firstFeatures(cfg, &records)
	if err != nil {
		return err
	}
	for _, arg := range o.Scram {
		r, err := parseScram(arg)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	empty, err := o.unformatted(cfg)
	if err != nil {
		return err
	}
	if len(empty) == 0 {
		fmt.Fprintln(o.IO.Out, "All of the log directories are already formatted.")
		return nil
	}
	fmt.Fprintln(o.IO.Out, "Bootstrap metadata: "+bootstrapText(records, level))
	raw := make([][]byte, len(records))
	for i, r := range records {
		if raw[i], err = metarecord.AppendMetadata(nil, r, 0); err != nil {
			return err
		}
	}
	for _, dir := range empty {
		if err := o.formatDirectory(cfg, dir, voters, raw, level); err != nil {
			return err
		}
	}
	return nil
}

// checkControllers refuses what contradicts itself about who the first controllers are.
func (o *storageOptions) checkControllers(cfg *config.Broker) error {
	static, initial := len(cfg.Quorum.Voters) > 0, o.InitialControllers != "" || o.Standalone
	switch {
	case o.Standalone && !cfg.IsController:
		return errors.New("You can only use --standalone on a controller.")
	case static && initial:
		return errors.New("You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.")
	case cfg.IsController && !static && !initial && !o.NoInitialControllers:
		return errors.New("Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.")
	}
	return nil
}

// firstVoters are those of a quorum that keeps its voters in the log; nil where the configuration has them, or where this node is to be added later.
func (o *storageOptions) firstVoters(cfg *config.Broker) ([]quorum.Voter, error) {
	if o.Standalone {
		for _, l := range slices.Concat(cfg.Network.Advertised, cfg.Network.Listeners) {
			if !slices.Contains(cfg.Network.ControllerListeners, l.Name) {
				continue
			}
			host := l.Host
			if host == "" {
				host, _ = os.Hostname() // "" is refused by whoever connects
			}
			return []quorum.Voter{{
				ID: ident.BrokerID(cfg.NodeID), DirectoryID: storage.NewUUID(), Endpoints: []quorum.Endpoint{{Name: l.Name, Host: host, Port: uint16(l.Port)}},
			}}, nil
		}
		return nil, errors.New("You can only use --standalone on a controller.")
	}
	if o.InitialControllers == "" {
		return nil, nil
	}
	name := "CONTROLLER"
	if len(cfg.Network.ControllerListeners) > 0 {
		name = cfg.Network.ControllerListeners[0]
	}
	var voters []quorum.Voter
	for text := range strings.SplitSeq(o.InitialControllers, ",") {
		v, err := parseInitialController(strings.TrimSpace(text), name)
		if err != nil {
			return nil, uncaught("java.lang.IllegalArgumentException", err.Error())
		}
		if slices.ContainsFunc(voters, func(w quorum.Voter) bool { return w.ID == v.ID }) {
			return nil, uncaught("java.lang.IllegalArgumentException", fmt.Sprintf("Node id %d was specified more than once.", v.ID))
		}
		voters = append(voters, v)
	}
	slices.SortFunc(voters, func(a, b quorum.Voter) int { return cmp.Compare(a.ID, b.ID) })
	return voters, nil
}

// parseInitialController reads id@host:port:directory.
func parseInitialController(text, listener string) (v quorum.Voter, err error) {
	idText, rest, ok := strings.Cut(text, "@")
	if !ok {
		return v, errors.New("No @ found in dynamic voter string.")
	}
	id, err := strconv.ParseInt(idText, 10, 32)
	if err != nil || id < 0 {
		return v, errors.New("Failed to parse node id in dynamic voter string.")
	}
	var host string
	if strings.HasPrefix(rest, "[") {
		host, rest, ok = strings.Cut(rest[1:], "]:")
		if !ok {
			return v, errors.New("Hostname began with left bracket, but no right bracket was found.")
		}
	} else if host, rest, ok = strings.Cut(rest, ":"); !ok {
		return v, errors.New("No colon following hostname could be found.")
	}
	portText, dirText, ok := strings.Cut(rest, ":")
	if !ok {
		return v, errors.New("No colon following port could be found.")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return v, errors.New("Failed to parse port in dynamic voter string.")
	}
	dir, err := ident.ParseUUID(dirText)
	if err != nil {
		return v, errors.New("Failed to parse directory ID in dynamic voter string.")
	}
	return quorum.Voter{ID: ident.BrokerID(id), DirectoryID: dir, Endpoints: []quorum.Endpoint{{Name: listener, Host: host, Port: uint16(port)}}}, nil
}

// firstFeatures adds the levels of a new cluster's features to records, metadata.version first.
func (o *storageOptions) firstFeatures(cfg *config.Broker, records *[]metarecord.Message) (metadata.MetadataVersion, error) {
	given := map[string]int16{}
	for _, text := range o.Features {
		name, level, err := parseFeatureLevel(text)
		if err != nil {
			return 0, uncaught("java.lang.RuntimeException", err.Error())
		}
		given[name] = level
	}
	release, err := findRelease(cmp.Or(o.Release, latestRelease))
	switch {
	case err != nil: // the error names those that can be chosen
		_, err = findReleaseAmong(stableReleases(), o.Release)
		return 0, err
	case metadata.MetadataVersion(release.level) > metadata.LatestMetadataVersion:
		return 0, fmt.Errorf("metadata.version %s is not yet stable.", release.name)
	}
	if level, ok := given[metadata.FeatureMetadataVersion]; ok {
		if o.Release != "" {
			return 0, fmt.Errorf("Use --release-version instead of --feature %s=X to avoid ambiguity.", metadata.FeatureMetadataVersion)
		}
		if release, err = findRelease(releaseName(level)); err != nil {
			return 0, uncaught("java.lang.IllegalArgumentException", fmt.Sprintf("No MetadataVersion with feature level %d. Valid feature levels are from %d to %d.", level, metadata.MinMetadataVersion, metadata.LatestMetadataVersion+1))
		}
		delete(given, metadata.FeatureMetadataVersion)
	}
	levels := map[string]int16{}
	for i, name := range releaseFeatures {
		levels[name] = release.levels[i]
	}
	for name, level := range given {
		i := slices.Index(releaseFeatures[:], name)
		if i < 0 {
			supported := slices.Sorted(slices.Values(releaseFeatures[:]))
			return 0, fmt.Errorf("Unsupported feature: %s. Supported features are: %s", name, strings.Join(supported, ", "))
		}
		if level < 0 || level > releaseFeatureMax[i] {
			return 0, uncaught("java.lang.IllegalArgumentException", fmt.Sprintf("No feature:%s with feature level %d", name, level))
		}
		levels[name] = level
	}
	if err := o.checkKRaftVersion(cfg, given); err != nil {
		return 0, err
	}
	if levels[metadata.FeatureElr] > 0 && release.level < 23 {
		return 0, fmt.Errorf("%s could not be set to %d because it depends on metadata.version level 23", metadata.FeatureElr, levels[metadata.FeatureElr])
	}
	*records = append(*records, &metarecord.FeatureLevelRecord{Name: metadata.FeatureMetadataVersion, FeatureLevel: release.level})
	for _, name := range slices.Sorted(slices.Values(releaseFeatures[:])) {
		if level := levels[name]; level > 0 && name != metadata.FeatureKRaftVersion {
			*records = append(*records, &metarecord.FeatureLevelRecord{Name: name, FeatureLevel: level})
		}
	}
	return metadata.MetadataVersion(release.level), nil
}

func (o *storageOptions) checkKRaftVersion(cfg *config.Broker, given map[string]int16) error {
	level, ok := given[metadata.FeatureKRaftVersion]
	dynamic := len(cfg.Quorum.Voters) == 0 && (o.Standalone || o.NoInitialControllers || o.InitialControllers != "")
	switch {
	case ok && level == 0 && dynamic:
		return errors.New("Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing the --feature flag for kraft.version.")
	case ok && level > 0 && !dynamic:
		return fmt.Errorf("Cannot set kraft.version to %d unless controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters.", level)
	}
	return nil
}

// unformatted are the folders that are no cluster's yet, the metadata log's first. Those of another cluster are an error.
func (o *storageOptions) unformatted(cfg *config.Broker) ([]string, error) {
	var empty []string
	formatted := ""
	for _, dir := range o.directories(cfg) {
		p, ok, err := storage.ReadMetaProperties(o.FS, dir)
		switch {
		case err != nil:
			return nil, uncaught("java.lang.RuntimeException", fmt.Sprintf("Error reading %s/meta.properties: %v", dir, err))
		case !ok:
			empty = append(empty, dir)
		case p.ClusterID != o.ClusterID:
			return nil, uncaught("java.lang.RuntimeException", fmt.Sprintf("Invalid cluster.id in: %s/meta.properties. Expected %s, but read %s", dir, o.ClusterID, p.ClusterID))
		case p.NodeID != ident.BrokerID(cfg.NodeID):
			return nil, uncaught("java.lang.RuntimeException", fmt.Sprintf("Stored node id %d doesn't match previous node id %d in %s/meta.properties. If you moved your data, make sure your configured node id matches. If you intend to create a new node, you should remove all data in your data directories.", cfg.NodeID, p.NodeID, dir))
		default:
			formatted = cmp.Or(formatted, dir)
		}
	}
	if formatted != "" && !o.IgnoreFormatted {
		return nil, fmt.Errorf("Log directory %s is already formatted. Use --ignore-formatted to ignore this directory and format the others.", formatted)
	}
	slices.SortStableFunc(empty, func(a, b string) int {
		return cmp.Compare(btoi(a != cfg.MetadataLogDir), btoi(b != cfg.MetadataLogDir))
	})
	return empty, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (o *storageOptions) formatDirectory(cfg *config.Broker, dir string, voters []quorum.Voter, records [][]byte, level metadata.MetadataVersion) error {
	kind, id := "data", storage.NewUUID()
	if dir == cfg.MetadataLogDir {
		kind = "metadata"
		if voters != nil {
			kind = "dynamic metadata"
			for _, v := range voters {
				if v.ID == ident.BrokerID(cfg.NodeID) {
					kind, id = "dynamic metadata voter", v.DirectoryID
				}
			}
		}
	}
	fmt.Fprintf(o.IO.Out, "Formatting %s directory %s with metadata.version %s.\n", kind, dir, level)
	if err := o.FS.MkdirAll(dir); err != nil {
		return uncaught("java.lang.RuntimeException", fmt.Sprintf("Unable to create storage directory %s: %v", dir, err))
	}
	now := time.Now().UnixMilli()
	if err := quorum.WriteBootstrap(o.FS, dir, now, records); err != nil {
		return err
	}
	if voters != nil && dir == cfg.MetadataLogDir {
		if err := quorum.WriteFirstVoters(o.FS, dir, now, voters); err != nil {
			return err
		}
	}
	// What makes the folder formatted comes last.
	if err := storage.WriteMetaProperties(o.FS, dir, storage.MetaProperties{Version: 1, ClusterID: o.ClusterID, NodeID: ident.BrokerID(cfg.NodeID), DirectoryID: id}); err != nil {
		return err
	}
	return o.FS.SyncDir(vfs.Dir(dir))
}

// bootstrapText is how the original prints the records.
func bootstrapText(records []metarecord.Message, level metadata.MetadataVersion) string {
	var parts []string
	for _, r := range records {
		text := ""
		switch r := r.(type) {
		case *metarecord.FeatureLevelRecord:
			text = fmt.Sprintf("FeatureLevelRecord(name='%s', featureLevel=%d)", r.Name, r.FeatureLevel)
		case *metarecord.UserScramCredentialRecord:
			text = fmt.Sprintf("UserScramCredentialRecord(name='%s', mechanism=%d, salt=%s, storedKey=%s, serverKey=%s, iterations=%d)",
				r.Name, r.Mechanism, signedBytes(r.Salt), signedBytes(r.StoredKey), signedBytes(r.ServerKey), r.Iterations)
		}
		parts = append(parts, "ApiMessageAndVersion("+text+" at version 0)")
	}
	return fmt.Sprintf("BootstrapMetadata(records=[%s], metadataVersionLevel=%d, source=format command)", strings.Join(parts, ", "), int16(level))
}

func signedBytes(raw []byte) string {
	parts := make([]string, len(raw))
	for i, b := range raw {
		parts[i] = strconv.Itoa(int(int8(b)))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// parseScram reads --add-scram's value: SCRAM-SHA-256=[name=alice,password=alice-secret].
func parseScram(text string) (*metarecord.UserScramCredentialRecord, error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok {
		return nil, fmt.Errorf("Failed to find equals sign in SCRAM argument '%s'", text)
	}
	var mechanism metadata.ScramMechanism
	switch name {
	case "SCRAM-SHA-256":
		mechanism = metadata.ScramSHA256
	case "SCRAM-SHA-512":
		mechanism = metadata.ScramSHA512
	default:
		return nil, fmt.Errorf("The add-scram mechanism %s is not supported.", name)
	}
	inner, opened := strings.CutPrefix(rest, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return nil, fmt.Errorf("Expected configuration string '%s' to be enclosed in brackets.", rest)
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(inner, ",") {
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if !ok || !slices.Contains([]string{"name", "password", "salt", "saltedpassword", "iterations"}, key) {
			return nil, fmt.Errorf("Unknown SCRAM configurations: %s", part)
		}
		values[key] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return scramRecord(mechanism, values)
}

func scramRecord(mechanism metadata.ScramMechanism, values map[string]string) (*metarecord.UserScramCredentialRecord, error) {
	if values["name"] == "" {
		return nil, errors.New("You must supply 'name' to add-scram")
	}
	iterations := minScramIterations
	if text, ok := values["iterations"]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < minScramIterations || n > maxScramIterations {
			return nil, fmt.Errorf("The 'iterations' value must be between %d and %d for add-scram", minScramIterations, maxScramIterations)
		}
		iterations = n
	}
	salt := []byte(strings.ToLower(rand.Text()))
	if text, ok := values["salt"]; ok {
		var err error
		if salt, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("Failed to decode given salt: %s", text)
		}
	}
	salted, hasSalted := values["saltedpassword"]
	password, hasPassword := values["password"]
	switch {
	case hasSalted && hasPassword:
		return nil, errors.New("You must only supply one of 'password' or 'saltedpassword' to add-scram")
	case hasSalted:
		raw, err := base64.StdEncoding.DecodeString(salted)
		if err != nil {
			return nil, fmt.Errorf("Failed to decode given saltedPassword: %s", salted)
		}
		if _, ok := values["salt"]; !ok {
			return nil, errors.New("You must supply 'salt' with 'saltedpassword' to add-scram")
		}
		return controller.ScramRecord(values["name"], mechanism, salt, raw, int32(iterations)), nil
	case !hasPassword:
		return nil, errors.New("You must supply one of 'password' or 'saltedpassword' to add-scram")
	}
	var raw []byte
	var err error
	if mechanism == metadata.ScramSHA512 {
		raw, err = pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	} else {
		raw, err = pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	}
	if err != nil {
		return nil, err
	}
	return controller.ScramRecord(values["name"], mechanism, salt, raw, int32(iterations)), nil
}
