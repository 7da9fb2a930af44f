package commands

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/config"
)

func newCoordinatorCmd(f *Factory, runF func(context.Context, *serverOptions) error) *cobra.Command {
	o := &serverOptions{io: f.IO, environ: os.Environ(), coordinator: true}
	cmd := &cobra.Command{
		Use:     "coordinator [zookeeper.properties] [--override key=value]...",
		Aliases: []string{"zookeeper-server-start"},
		Short:   "Run the metadata quorum that brokers find by zookeeper.connect",
		GroupID: groupCluster,
		Long: `Runs the cluster's metadata quorum in a process of its own: what ZooKeeper was to Kafka, and what a KRaft
controller is today. Brokers find it by zookeeper.connect=localhost:2181 or controller.quorum.bootstrap.servers.

Several coordinators are an ensemble: server.N=host:2888:3888 lines in each file, and the number N of each in
its dataDir/myid. Any majority of them keeps the cluster going.

The file is ZooKeeper's (dataDir, clientPort) or a KRaft controller's (process.roles=controller). Without
one it listens on port 2181 and keeps its data in ` + filepath.Join(defaultDataDir("~"), "coordinator") + `.`,
		Example: `  kgo coordinator
  kgo coordinator config/zookeeper.properties
  kgo zookeeper-server-start config/zookeeper.properties`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, runF) },
	}
	o.flags(cmd.Flags())
	return cmd
}

// loadCoordinator reads the coordinator's file, ZooKeeper's or KRaft's, into the configuration of a controller.
func (o *serverOptions) loadCoordinator() (*config.Layers, *config.Broker, []config.Warning, error) {
	settings, err := config.ReadSettings(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides})
	if err != nil {
		return nil, nil, nil, err
	}
	if o.file != "" && !config.IsZooKeeperStyle(settings) {
		layers, cfg, warnings, err := config.Load(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides})
		if err == nil && (!cfg.IsController || cfg.IsBroker) {
			err = fmt.Errorf("kgo coordinator: %s is neither a ZooKeeper file (dataDir, clientPort) nor a controller's (process.roles=controller)", o.file)
		}
		return layers, cfg, warnings, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	defaults := []config.Setting{{Key: "dataDir", Value: filepath.Join(defaultDataDir(home), "coordinator")}, {Key: "clientPort", Value: "2181"}}
	zoo, warnings, err := config.LoadCoordinator(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides, Defaults: defaults})
	if err != nil {
		return nil, nil, nil, err
	}
	layers, cfg, more, err := config.Load(config.LoadOptions{Overrides: zooKeeperSettings(zoo)})
	return layers, cfg, append(warnings, more...), err
}

// zooKeeperSettings are a controller's settings that mean what a ZooKeeper file says. In an ensemble brokers and tools come to the client port, the
// members to the first port of server.N.
func zooKeeperSettings(zoo *config.Coordinator) []string {
	port := strconv.Itoa(int(zoo.ClientListener.Port))
	host := zoo.ClientListener.Host
	id := strconv.Itoa(int(zoo.MyID))
	names, listeners, voters := "CONTROLLER", "CONTROLLER://"+net.JoinHostPort(host, port), id+"@localhost:"+port
	if len(zoo.Voters) > 1 {
		var all []string
		for _, v := range zoo.Voters {
			all = append(all, strconv.Itoa(int(v.ID))+"@"+v.String())
			if v.ID == zoo.MyID {
				names, listeners = names+",QUORUM", listeners+",QUORUM://"+v.String()
			}
		}
		voters = strings.Join(all, ",")
	}
	return []string{
		"process.roles=controller", "node.id=" + id, "controller.listener.names=" + names, "listeners=" + listeners,
		"listener.security.protocol.map=CONTROLLER:PLAINTEXT,QUORUM:PLAINTEXT", "controller.quorum.voters=" + voters,
		"log.dirs=" + zoo.DataDir, "max.connections.per.ip=" + strconv.Itoa(perIP(zoo.MaxClientCnxns)),
	}
}

// perIP is ZooKeeper's maxClientCnxns, where 0 means no limit.
func perIP(n int) int {
	if n <= 0 {
		return 1<<31 - 1
	}
	return n
}
