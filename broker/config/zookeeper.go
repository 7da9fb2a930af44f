package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Coordinator is the configuration of the metadata quorum's own process, from a ZooKeeper-style file.
type Coordinator struct {
	MyID           int32    // from the myid file; 1 for a single process without one
	DataDir        string   // dataDir
	ClientListener Listener // where brokers connect: clientPort, clientPortAddress
	Voters         []Voter  // server.N, with the port that members use among themselves; empty: this one alone
	TickTime       time.Duration
	InitLimit      int // ticks
	SyncLimit      int // ticks
	MaxClientCnxns int // per address; 0: no limit
	AdminEnable    bool
	AdminPort      int32
}

// IsZooKeeperStyle reports whether settings are a ZooKeeper file rather than a server.properties.
func IsZooKeeperStyle(settings []Setting) bool {
	return slices.ContainsFunc(settings, func(s Setting) bool {
		return s.Key == "dataDir" || s.Key == "clientPort" || strings.HasPrefix(s.Key, "server.")
	})
}

// zooKeys are ZooKeeper's keys that a file may have. False: accepted without use.
var zooKeys = map[string]bool{
	"dataDir": true, "clientPort": true, "clientPortAddress": true, "tickTime": true, "initLimit": true, "syncLimit": true,
	"maxClientCnxns": true, "admin.enableServer": true, "admin.serverPort": true,
	"dataLogDir": false, "autopurge.snapRetainCount": false, "autopurge.purgeInterval": false, "4lw.commands.whitelist": false,
	"admin.serverAddress": false, "minSessionTimeout": false, "maxSessionTimeout": false, "standaloneEnabled": false,
	"reconfigEnabled": false, "quorumListenOnAllIPs": false, "preAllocSize": false, "snapCount": false, "leaderServes": false,
	"authProvider.sasl": false, "authProvider.1": false, "jaasLoginRenew": false, "requireClientAuthScheme": false, "secureClientPort": false,
	"metricsProvider.className": false, "metricsProvider.httpPort": false, "metricsProvider.exportJvmInfo": false, "electionAlg": false,
}

// LoadCoordinator reads the file of `kgo coordinator`. Settings of Kafka's KRaft controllers (process.roles=controller) are for Load; IsZooKeeperStyle
// tells which a file is. Without a file it is a single process on port 2181.
func LoadCoordinator(opts LoadOptions) (*Coordinator, []Warning, error) {
	given, err := readSources(opts)
	if err != nil {
		return nil, nil, err
	}
	z := zooReader{given: slices.Concat(opts.Defaults, given), Coordinator: &Coordinator{MyID: 1}}
	z.read()
	if len(z.errs) > 0 {
		return nil, nil, z.errs
	}
	return z.Coordinator, z.warnings, nil
}

// ReadSettings reads the sources without resolving them, for a caller that has to see which kind of file it has.
func ReadSettings(opts LoadOptions) ([]Setting, error) { return readSources(opts) }

type zooReader struct {
	*Coordinator
	given    []Setting
	errs     Errors
	warnings []Warning
}

func (z *zooReader) read() {
	z.DataDir = filepath.Clean(z.text("dataDir", filepath.Join(os.TempDir(), "zookeeper")))
	z.ClientListener = Listener{Name: "CONTROLLER", Host: z.text("clientPortAddress", ""), Port: int32(z.int("clientPort", 2181, 0, 65535)), Protocol: "PLAINTEXT"}
	z.TickTime = time.Duration(z.int("tickTime", 2000, 1, 1<<31)) * time.Millisecond
	z.InitLimit = z.int("initLimit", 10, 1, 1<<31)
	z.SyncLimit = z.int("syncLimit", 5, 1, 1<<31)
	z.MaxClientCnxns = z.int("maxClientCnxns", 60, 0, 1<<31)
	z.AdminPort = int32(z.int("admin.serverPort", 8080, 0, 65535))
	switch text := z.text("admin.enableServer", "false"); strings.ToLower(text) {
	case "true":
		z.AdminEnable = true
	case "false":
	default: // a comment behind the value is a common slip, and ZooKeeper doesn't mind it here
		s, _ := z.find("admin.enableServer")
		z.warnings = append(z.warnings, Warning{s, "neither true nor false: false, as in ZooKeeper"})
	}
	for _, s := range z.given {
		if number, ok := strings.CutPrefix(s.Key, "server."); ok {
			z.voter(s, number)
		} else if used, known := zooKeys[s.Key]; !known {
			z.warnings = append(z.warnings, Warning{s, "unknown key, ignored"})
		} else if !used {
			text := "has no use in kgo, ignored"
			if strings.HasPrefix(s.Key, "autopurge.") {
				text += ": old snapshots of the metadata go by themselves, when they are a week old or take more than 100 MB"
			}
			z.warnings = append(z.warnings, Warning{s, text})
		}
	}
	slices.SortFunc(z.Voters, func(a, b Voter) int { return int(a.ID - b.ID) })
	if text := contradiction(z.Voters); text != "" {
		z.fail(fmt.Sprintf("server.%d", z.Voters[len(z.Voters)-1].ID), "%s", text)
	}
	z.myID()
}

func (z *zooReader) find(key string) (Setting, bool) {
	for _, v := range slices.Backward(z.given) {
		if v.Key == key {
			return v, true
		}
	}
	return Setting{Key: key}, false
}

func (z *zooReader) text(key, otherwise string) string {
	if s, ok := z.find(key); ok && strings.TrimSpace(s.Value) != "" {
		return strings.TrimSpace(s.Value)
	}
	return otherwise
}

func (z *zooReader) int(key string, otherwise, low, high int) int {
	s, ok := z.find(key)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(s.Value))
	if err != nil || n < low || n > high {
		z.fail(key, "must be an integer from %d to %d", low, high)
		return otherwise
	}
	return n
}

func (z *zooReader) fail(key, format string, args ...any) {
	s, _ := z.find(key)
	z.errs = append(z.errs, SettingError{s, fmt.Sprintf(format, args...)})
}

// voter reads server.N=host:peerPort[:electionPort][:role][;[address:]clientPort].
func (z *zooReader) voter(s Setting, number string) {
	id, err := strconv.ParseInt(number, 10, 32)
	if err != nil || id < 0 {
		z.errs = append(z.errs, SettingError{s, "the key must be server.N with a number N"})
		return
	}
	spec, _, _ := strings.Cut(strings.TrimSpace(s.Value), ";")
	var host, ports string
	if end := strings.Index(spec, "]"); strings.HasPrefix(spec, "[") && end > 0 {
		host, ports = spec[1:end], strings.TrimPrefix(spec[end+1:], ":")
	} else {
		host, ports, _ = strings.Cut(spec, ":")
	}
	peer, _, _ := strings.Cut(ports, ":")
	port, err := strconv.ParseUint(peer, 10, 16)
	if err != nil || host == "" {
		z.errs = append(z.errs, SettingError{s, "must have the form host:2888:3888, with the ports for the quorum's members"})
		return
	}
	z.Voters = slices.DeleteFunc(z.Voters, func(v Voter) bool { return v.ID == int32(id) })
	z.Voters = append(z.Voters, Voter{ID: int32(id), HostPort: HostPort{Host: host, Port: int32(port)}})
}

// myID reads the file that says which of the servers this one is.
func (z *zooReader) myID() {
	path := filepath.Join(z.DataDir, "myid")
	text, err := os.ReadFile(path)
	if err != nil {
		if len(z.Voters) > 1 {
			z.fail("dataDir", "the file %s must hold this server's number N of server.N (%v)", path, err)
		} else if len(z.Voters) == 1 {
			z.MyID = z.Voters[0].ID
		}
		return
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || id < 0 {
		z.fail("dataDir", "the file %s must hold a number, not %q", path, strings.TrimSpace(string(text)))
		return
	}
	z.MyID = int32(id)
	if len(z.Voters) > 0 && !slices.ContainsFunc(z.Voters, func(v Voter) bool { return v.ID == z.MyID }) {
		z.fail("dataDir", "%s says %d, but there is no server.%d", path, id, id)
	}
}

// Address is where brokers connect.
func (c *Coordinator) Address() string {
	return net.JoinHostPort(c.ClientListener.Host, strconv.Itoa(int(c.ClientListener.Port)))
}
