package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestZooKeeperFiles(t *testing.T) {
	dir := t.TempDir()
	text := "tickTime=3000\ndataDir=" + filepath.ToSlash(dir) + "\nclientPort=2182\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n" +
		"server.1=kafka-01:2888:3888\nserver.3=[::1]:2888:3888;2181\nserver.2=kafka-02:2889:3888:participant\nautopurge.purgeInterval=1\nfoo=1\n"
	path := write(t, text)
	if _, _, err := LoadCoordinator(LoadOptions{File: path}); err == nil || !strings.Contains(err.Error(), "myid") {
		t.Errorf("without a myid file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "myid"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := LoadCoordinator(LoadOptions{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if c.MyID != 2 || c.ClientListener.Port != 2182 || len(c.Voters) != 3 || c.Voters[1].String() != "kafka-02:2889" || c.Voters[2].Host != "::1" ||
		c.TickTime != 3*time.Second || c.MaxClientCnxns != 0 || len(warnings) != 2 {
		t.Errorf("%+v, warnings %v", c, warnings)
	}
	_, _, err = LoadCoordinator(LoadOptions{File: write(t, "clientPort=x\nserver.a=b\nserver.4=b\ndataDir="+filepath.ToSlash(t.TempDir()))})
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), ":1: clientPort=x: must be an integer from 0 to 65535") {
		t.Errorf("got %v", err)
	}
}

// TestCommentsBehindValues: properties files have none, and beginners write them.
func TestServersThatContradictEachOther(t *testing.T) {
	dir := t.TempDir()
	myid := filepath.Join(dir, "myid")
	servers := "server.1=h1:2888:3888\nserver.2=h2:2888:3888\n"
	for _, c := range []struct{ myid, text, want string }{
		{"", servers, "must hold this server's number N of server.N"},
		{"x", servers, "must hold a number, not \"x\""},
		{"3", servers, "says 3, but there is no server.3"},
		{"1", servers + "server.3=h1:2888:3889\n", "Nodes 1 and 3 can't both be at h1:2888"},
		{"1", servers + "server.3=h3\n", "must have the form host:2888:3888"},
		{"1", servers + "server.3=h3:99999:1\n", "must have the form host:2888:3888"},
		{"1", servers + "server.x=h3:2888:3888\n", "with a number N"},
	} {
		_ = os.Remove(myid) // the case before may not have had one
		if c.myid != "" {
			if err := os.WriteFile(myid, []byte(c.myid+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := LoadCoordinator(LoadOptions{File: write(t, "dataDir="+filepath.ToSlash(dir)+"\n"+c.text)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with myid %q: got %v, want ...%s...", c.text, c.myid, err, c.want)
		}
	}
}

func TestCommentsBehindValues(t *testing.T) {
	const hint = "a comment needs a line of its own"
	dir := "dataDir=" + filepath.ToSlash(t.TempDir()) + "\n"
	c, warnings, err := LoadCoordinator(LoadOptions{File: write(t, dir+"admin.enableServer=false # not needed")})
	if err != nil || c.AdminEnable || len(warnings) != 1 || !strings.Contains(warnings[0].String(), hint) {
		t.Errorf("%v %+v %v", err, c, warnings)
	}
	if _, _, err = LoadCoordinator(LoadOptions{File: write(t, dir+"clientPort=2181 # the usual one")}); err == nil || !strings.Contains(err.Error(), hint) {
		t.Errorf("coordinator: %v", err)
	}
	if _, _, _, err = Load(LoadOptions{File: write(t, "broker.id=0 # the first\nzookeeper.connect=localhost:2181")}); err == nil || !strings.Contains(err.Error(), hint) {
		t.Errorf("broker: %v", err)
	}
}

func TestCoordinatorWithoutFile(t *testing.T) {
	c, _, err := LoadCoordinator(LoadOptions{Defaults: []Setting{{Key: "dataDir", Value: t.TempDir()}}})
	if err != nil || c.MyID != 1 || c.ClientListener.Port != 2181 || len(c.Voters) != 0 {
		t.Errorf("%v %+v", err, c)
	}
}
