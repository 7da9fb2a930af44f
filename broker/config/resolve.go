package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Errors are all that is wrong with a server's settings.
type Errors []SettingError

// SettingError is one wrong setting. Setting.Key is empty where the settings don't go together.
type SettingError struct {
	Setting Setting
	Text    string
}

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (e SettingError) Error() string {
	if e.Setting.Key == "" {
		return e.Text
	}
	text := e.Text
	if strings.Contains(e.Setting.Value, " #") {
		text += "; what follows # is part of the value: a comment needs a line of its own"
	}
	if at := e.Setting.Origin.String(); at != "" {
		return fmt.Sprintf("%s: %s=%s: %s", at, e.Setting.Key, e.Setting.shown(), text)
	}
	return fmt.Sprintf("%s=%s: %s", e.Setting.Key, e.Setting.shown(), text)
}

// String is file:line, or the source's name.
func (o Origin) String() string {
	if o.Line > 0 {
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return o.File
}

// shown is the value, unless it is a secret.
func (s Setting) shown() string {
	if k, ok := lookupBroker(s.Key); ok && k.Sensitive() {
		return "[hidden]"
	}
	return s.Value
}

// resolver turns layers into a Broker and collects what is wrong.
type resolver struct {
	*Broker
	layers *Layers
	errs   Errors
}

// Resolve makes the configuration in force. The error, an Errors, lists every wrong value with its file, line, key, value and what is allowed.
func (l *Layers) Resolve() (*Broker, error) {
	r := resolver{Broker: &Broker{values: l.effective()}, layers: l}
	r.checkStatic()
	r.identity()
	r.network()
	r.quorum()
	r.storage()
	r.replication()
	r.coordinators()
	r.Topic = resolveTopic(nil, r.values)
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return r.Broker, nil
}

// fail notes an error about a key; if the key isn't set, about the settings as a whole.
func (r *resolver) fail(key, format string, args ...any) {
	s, ok := r.layers.static(key)
	text := fmt.Sprintf(format, args...)
	if !ok {
		s, text = Setting{}, key+": "+text
	}
	r.errs = append(r.errs, SettingError{s, text})
}

func (r *resolver) checkStatic() {
	for i, s := range r.layers.Static {
		k, ok := lookupBroker(s.Key)
		if !ok || slices.ContainsFunc(r.layers.Static[i+1:], func(later Setting) bool { return later.Key == s.Key }) {
			continue // unknown, or overridden
		}
		if err := k.Check(s.Value); err != nil {
			text := "must be " + k.Allowed()
			if strings.HasPrefix(k.Name, "controller.quorum.") && k.Type == TypeList {
				text = err.Error() // says more than that it is a list
			}
			if !r.layers.mirrored(i) { // it was told of under the name that it was given
				r.errs = append(r.errs, SettingError{s, text})
			}
			delete(r.values, s.Key) // what follows goes on with the default, so that everything wrong is said at once
		}
	}
}

func (r *resolver) identity() {
	roles := r.List("process.roles")
	r.IsBroker, r.IsController = slices.Contains(roles, "broker"), slices.Contains(roles, "controller")
	if len(roles) == 0 {
		r.IsBroker, r.ZooKeeperStyle = true, true
	}
	r.NodeID = -1
	brokerID := int32(r.Long("broker.id"))
	switch {
	case r.IsSet("node.id"):
		r.NodeID = int32(r.Long("node.id"))
		if r.IsSet("broker.id") && brokerID != r.NodeID {
			r.fail("broker.id", "node.id is %d: the two must be the same, or one of them left out", r.NodeID)
		}
	case r.IsSet("broker.id"):
		r.NodeID = brokerID
	case r.layers.isSet("node.id") || r.layers.isSet("broker.id"): // to something that is no id
	case !r.ZooKeeperStyle:
		r.fail("process.roles", "a server with roles needs a node.id that no other server of the cluster has")
	}
	if r.NodeID < -1 {
		r.fail("broker.id", "must be at least 0, or -1 for one to be assigned")
	}
	if r.IsSet("broker.rack") {
		rack := r.String("broker.rack")
		r.Rack = &rack
	}
}

func (r *resolver) network() {
	protocols, err := parseProtocolMap(r.String("listener.security.protocol.map"))
	if err != nil {
		r.fail("listener.security.protocol.map", "%v", err)
		return
	}
	n := &r.Network
	for _, name := range r.List("controller.listener.names") {
		name = strings.ToUpper(name)
		n.ControllerListeners = append(n.ControllerListeners, name)
		if protocols[name] == "" && !r.IsSet("listener.security.protocol.map") {
			protocols[name] = "PLAINTEXT"
		}
	}
	if n.Listeners, err = parseListeners(r.listenerItems("listeners", "host.name", "port"), protocols); err == nil {
		err = checkPorts(n.Listeners)
	}
	if err != nil {
		r.fail("listeners", "%v", err)
		return
	}
	for _, l := range n.Listeners {
		if l.Protocol != "PLAINTEXT" {
			// DEVIATION(kafka): TLS and SASL are not there yet. Better no listener than one that speaks in the clear where encryption was asked for.
			r.fail("listeners", "%s: the security protocol %s is not available in this version of kgo, only PLAINTEXT is", l.Name, l.Protocol)
		}
	}
	r.advertise(protocols)
	r.interBroker()

	n.MaxRequestBytes = r.Int("socket.request.max.bytes")
	n.QueuedRequestBytes = r.Long("queued.max.request.bytes")
	n.QueuedRequests = r.Int("queued.max.requests")
	n.MaxConnections = r.Int("max.connections")
	n.MaxConnectionsPerIP = r.Int("max.connections.per.ip")
	n.ConnectionsMaxIdle = r.Duration("connections.max.idle.ms")
	n.FailedAuthDelay = r.Duration("connection.failed.authentication.delay.ms")
	n.SendBuffer, n.ReceiveBuffer = -1, -1
	if r.IsSet("socket.send.buffer.bytes") { // DEVIATION(kafka): its default would switch the system's own tuning off
		n.SendBuffer = r.Int("socket.send.buffer.bytes")
	}
	if r.IsSet("socket.receive.buffer.bytes") {
		n.ReceiveBuffer = r.Int("socket.receive.buffer.bytes")
	}
	if r.IsSet("socket.listen.backlog.size") { // its default of 50 is less than the system's
		n.Backlog = r.Int("socket.listen.backlog.size")
	}
	n.RequestTimeout = r.Duration("request.timeout.ms")
	n.MaxConnectionCreates = r.Int("max.connection.creation.rate")
	if n.PerIPOverrides, err = parsePerIP(r.String("max.connections.per.ip.overrides")); err != nil {
		r.fail("max.connections.per.ip.overrides", "%v", err)
	}
	if noneForAnyone(r.values) != nil {
		r.fail("max.connections.per.ip", "0 lets nobody connect: set max.connections.per.ip.overrides as well")
	}
}

// listenerItems is a list of listeners; where it isn't set, the keys of Kafka before 0.10 may say where to listen.
func (r *resolver) listenerItems(list, host, port string) []string {
	if !r.IsSet(list) && (r.IsSet(host) || r.IsSet(port)) {
		p := r.String(port)
		if p == "" {
			p = "9092"
		}
		return []string{"PLAINTEXT://" + r.String(host) + ":" + p}
	}
	return r.List(list)
}

// advertise works out what clients are told: advertised.listeners, else the listeners that aren't the controller's.
func (r *resolver) advertise(protocols map[string]string) {
	n := &r.Network
	items := r.listenerItems("advertised.listeners", "advertised.host.name", "advertised.port")
	if items == nil {
		for _, l := range n.Listeners {
			if !slices.Contains(n.ControllerListeners, l.Name) {
				n.Advertised = append(n.Advertised, l)
			}
		}
		return
	}
	all, err := parseListeners(items, protocols)
	if err != nil {
		r.fail("advertised.listeners", "%v", err)
		return
	}
	for _, l := range all {
		switch {
		case slices.Contains(n.ControllerListeners, l.Name):
			continue // the quorum has its own ways
		case l.Host == "0.0.0.0" || l.Host == "::":
			r.fail("advertised.listeners", "%s is an address to listen on, not one that a client can connect to", l.Host)
		case !slices.ContainsFunc(n.Listeners, func(o Listener) bool { return o.Name == l.Name }):
			r.fail("advertised.listeners", "%s is not among the listeners", l.Name)
		}
		n.Advertised = append(n.Advertised, l)
	}
}

func (r *resolver) interBroker() {
	n := &r.Network
	if name := strings.ToUpper(r.String("inter.broker.listener.name")); name != "" {
		n.InterBroker = name
		if r.IsBroker && !slices.ContainsFunc(n.Advertised, func(l Listener) bool { return l.Name == name }) {
			r.fail("inter.broker.listener.name", "%s is not among the advertised listeners", name)
		}
		return
	}
	protocol := r.String("security.inter.broker.protocol")
	for _, l := range n.Advertised {
		if l.Protocol == protocol {
			n.InterBroker = l.Name
			return
		}
	}
	if r.IsBroker {
		r.fail("listeners", "no listener has the protocol %s that brokers use among themselves: set inter.broker.listener.name to one of the listeners", protocol)
	}
}

func (r *resolver) quorum() {
	q := &r.Quorum
	var err error
	if q.Voters, err = parseVoters(r.List("controller.quorum.voters")); err != nil {
		r.fail("controller.quorum.voters", "%v", err)
	}
	if q.Bootstrap, err = parseHostPorts("controller.quorum.bootstrap.servers", r.List("controller.quorum.bootstrap.servers")); err != nil {
		r.fail("controller.quorum.bootstrap.servers", "%v", err)
	}
	if q.ZooKeeper, q.Chroot, err = parseZooKeeper(r.String(zooKeeperConnect)); err != nil {
		r.fail(zooKeeperConnect, "%v", err)
	}
	known := len(q.Voters) > 0 || len(q.Bootstrap) > 0
	switch {
	case r.ZooKeeperStyle && len(q.ZooKeeper) == 0 && !known:
		q.ZooKeeper = []HostPort{{Host: "localhost", Port: zookeeperPort}}
	case r.IsBroker && !r.IsController && !r.ZooKeeperStyle && !known:
		r.fail("process.roles", "a broker needs to know its quorum: set controller.quorum.bootstrap.servers or controller.quorum.voters")
	case r.IsController && len(q.Voters) > 0 && !slices.ContainsFunc(q.Voters, func(v Voter) bool { return v.ID == r.NodeID }):
		r.fail("controller.quorum.voters", "node %d is a controller and must be one of the voters", r.NodeID)
	case r.IsController && !r.IsBroker && len(r.Network.ControllerListeners) == 0:
		r.fail("process.roles", "a controller needs a listener of its own: name it in controller.listener.names")
	}
	if r.IsBroker && !r.IsController && !r.ZooKeeperStyle {
		if slices.ContainsFunc(q.Voters, func(v Voter) bool { return v.ID == r.NodeID }) {
			r.fail("controller.quorum.voters", "node %d is among the voters, but process.roles makes it a broker only: add the role controller, or give it another node.id", r.NodeID)
		}
		for _, l := range r.Network.Listeners {
			if slices.Contains(r.Network.ControllerListeners, l.Name) {
				r.fail("controller.listener.names", "%s is among the listeners, but process.roles makes this node a broker only: add the role controller, or take it out of listeners", l.Name)
			}
		}
	}
	for _, name := range r.Network.ControllerListeners {
		if r.IsController && !slices.ContainsFunc(r.Network.Listeners, func(l Listener) bool { return l.Name == name }) {
			r.fail("controller.listener.names", "%s is not among the listeners", name)
		}
	}
	q.ElectionTimeout = r.Duration("controller.quorum.election.timeout.ms")
	q.FetchTimeout = r.Duration("controller.quorum.fetch.timeout.ms")
	q.RequestTimeout = r.Duration("controller.quorum.request.timeout.ms")
	q.RetryBackoff = r.Duration("controller.quorum.retry.backoff.ms")
	q.AppendLinger = r.Duration("controller.quorum.append.linger.ms")
	q.SnapshotBytes = r.Long("metadata.log.max.record.bytes.between.snapshots")
	q.SnapshotInterval = r.Duration("metadata.log.max.snapshot.interval.ms")
	q.SegmentBytes = r.Int("metadata.log.segment.bytes")
	q.SegmentAge = r.Duration("metadata.log.segment.ms")
	q.RetentionBytes = r.Long("metadata.max.retention.bytes")
	q.RetentionAge = r.Duration("metadata.max.retention.ms")
	q.HeartbeatInterval = r.Duration("broker.heartbeat.interval.ms")
	q.SessionTimeout = r.Duration("broker.session.timeout.ms")
	q.RegistrationWait = r.Duration("initial.broker.registration.timeout.ms")
	q.ControlledShutdown = r.Bool("controlled.shutdown.enable")
}

func (r *resolver) storage() {
	r.LogDirs = r.List("log.dirs")
	if len(r.LogDirs) == 0 {
		r.LogDirs = r.List("log.dir")
	}
	for i, dir := range r.LogDirs {
		if dir == "" {
			r.fail("log.dirs", "an entry is empty")
			return
		}
		r.LogDirs[i] = filepath.Clean(dir)
	}
	if r.MetadataLogDir = r.String("metadata.log.dir"); r.MetadataLogDir == "" {
		if len(r.LogDirs) == 0 {
			r.fail("log.dirs", "at least one folder must be given")
			return
		}
		r.MetadataLogDir = r.LogDirs[0]
	}
	r.Log = LogManagement{
		RetentionCheckInterval:        r.Duration("log.retention.check.interval.ms"),
		FlushSchedulerInterval:        r.Duration("log.flush.scheduler.interval.ms"),
		RecoveryCheckpointInterval:    r.Duration("log.flush.offset.checkpoint.interval.ms"),
		StartOffsetCheckpointInterval: r.Duration("log.flush.start.offset.checkpoint.interval.ms"),
		InitialTaskDelay:              r.Duration("log.initial.task.delay.ms"),
		RecoveryThreads:               r.Int("num.recovery.threads.per.data.dir"),
		ProducerIDExpiration:          r.Duration("producer.id.expiration.ms"),
		ProducerIDExpirationCheck:     r.Duration("producer.id.expiration.check.interval.ms"),
		DirFailureTimeout:             r.Duration("log.dir.failure.timeout.ms"),
		CleanerEnable:                 r.Bool("log.cleaner.enable"),
		CleanerThreads:                r.Int("log.cleaner.threads"),
		CleanerDedupeBytes:            r.Long("log.cleaner.dedupe.buffer.size"),
		CleanerIOBytes:                r.Int("log.cleaner.io.buffer.size"),
		CleanerLoadFactor:             r.Double("log.cleaner.io.buffer.load.factor"),
		CleanerMaxBytesPerS:           r.Double("log.cleaner.io.max.bytes.per.second"),
		CleanerBackoff:                r.Duration("log.cleaner.backoff.ms"),
		CleanerMaxMessageLen:          r.Int("message.max.bytes"),
	}
	r.Topics = Topics{
		AutoCreate:         r.Bool("auto.create.topics.enable"),
		DeleteEnable:       r.Bool("delete.topic.enable"),
		NumPartitions:      int32(r.Long("num.partitions")),
		ReplicationFactor:  int16(r.Long("default.replication.factor")),
		LeaderRebalance:    r.Bool("auto.leader.rebalance.enable"),
		RebalanceInterval:  r.Duration("leader.imbalance.check.interval.seconds"),
		MaxPartitionsReply: r.Int("max.request.partition.size.limit"),
	}
}

func (r *resolver) replication() {
	r.Replica = Replica{
		FetchMaxBytes:         r.Int("replica.fetch.max.bytes"),
		FetchResponseMaxBytes: r.Int("replica.fetch.response.max.bytes"),
		FetchMinBytes:         r.Int("replica.fetch.min.bytes"),
		FetchWaitMax:          r.Duration("replica.fetch.wait.max.ms"),
		FetchBackoff:          r.Duration("replica.fetch.backoff.ms"),
		Fetchers:              r.Int("num.replica.fetchers"),
		LagTimeMax:            r.Duration("replica.lag.time.max.ms"),
		SocketTimeout:         r.Duration("replica.socket.timeout.ms"),
		HWCheckpointInterval:  r.Duration("replica.high.watermark.checkpoint.interval.ms"),
		ConsumerFetchMaxBytes: r.Int("fetch.max.bytes"),
		FetchSessions:         r.Int("max.incremental.fetch.session.cache.slots"),
	}
}

func (r *resolver) coordinators() {
	r.Groups = Groups{
		MinSessionTimeout:      r.Duration("group.min.session.timeout.ms"),
		MaxSessionTimeout:      r.Duration("group.max.session.timeout.ms"),
		MaxSize:                r.Int("group.max.size"),
		InitialRebalanceDelay:  r.Duration("group.initial.rebalance.delay.ms"),
		OffsetMetadataMax:      r.Int("offset.metadata.max.bytes"),
		OffsetsRetention:       r.Duration("offsets.retention.minutes"),
		RetentionCheckInterval: r.Duration("offsets.retention.check.interval.ms"),
		CommitTimeout:          r.Duration("offsets.commit.timeout.ms"),
		Partitions:             int32(r.Long("offsets.topic.num.partitions")),
		ReplicationFactor:      int16(r.Long("offsets.topic.replication.factor")),
		SegmentBytes:           r.Int("offsets.topic.segment.bytes"),
		CompressionCodec:       int8(r.Long("offsets.topic.compression.codec")),
		LoadBufferBytes:        r.Int("offsets.load.buffer.size"),
		Protocols:              r.List("group.coordinator.rebalance.protocols"),
		AppendLinger:           r.Duration("group.coordinator.append.linger.ms"),

		ConsumerSessionTimeout:     r.Duration("group.consumer.session.timeout.ms"),
		ConsumerHeartbeatInterval:  r.Duration("group.consumer.heartbeat.interval.ms"),
		ConsumerMaxSize:            r.Int("group.consumer.max.size"),
		ConsumerAssignors:          r.List("group.consumer.assignors"),
		MigrationPolicy:            strings.ToLower(r.String("group.consumer.migration.policy")),
		ConsumerAssignmentInterval: r.Duration("group.consumer.assignment.interval.ms"),
	}
	r.Transaction = Transaction{
		MaxTimeout:        r.Duration("transaction.max.timeout.ms"),
		IDExpiration:      r.Duration("transactional.id.expiration.ms"),
		AbortInterval:     r.Duration("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
		RemoveInterval:    r.Duration("transaction.remove.expired.transaction.cleanup.interval.ms"),
		Partitions:        int32(r.Long("transaction.state.log.num.partitions")),
		ReplicationFactor: int16(r.Long("transaction.state.log.replication.factor")),
		MinISR:            r.Int("transaction.state.log.min.isr"),
		SegmentBytes:      r.Int("transaction.state.log.segment.bytes"),
		LoadBufferBytes:   r.Int("transaction.state.log.load.buffer.size"),
		Verification:      r.Bool("transaction.partition.verification.enable"),
		TwoPhaseCommit:    r.Bool("transaction.two.phase.commit.enable"),
	}
	if r.Groups.MinSessionTimeout > r.Groups.MaxSessionTimeout {
		r.fail("group.min.session.timeout.ms", "must not be more than group.max.session.timeout.ms")
	}
}
