package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	metarecord "github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/vfs"
)

// shellFile is a snapshot with two features, a topic and a config.
func shellFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	topic := &metarecord.TopicRecord{Name: "orders", TopicId: ident.UUID{1}}
	partition := metarecord.NewPartitionRecord()
	partition.PartitionId, partition.LeaderEpoch, partition.PartitionEpoch = 0, 0, 0
	partition.TopicId, partition.Replicas, partition.Isr, partition.Leader = topic.TopicId, []int32{1, 2}, []int32{1}, 1
	value := "1000"
	var raw [][]byte
	for _, m := range []struct {
		record  metarecord.Message
		version int16
	}{
		{&metarecord.FeatureLevelRecord{Name: metadata.FeatureMetadataVersion, FeatureLevel: 30}, 0},
		{&metarecord.FeatureLevelRecord{Name: metadata.FeatureGroup, FeatureLevel: 1}, 0},
		{topic, 0},
		{partition, 0},
		{&metarecord.ConfigRecord{ResourceType: int8(metadata.ConfigTopic), ResourceName: "orders", Name: "retention.ms", Value: &value}, 0},
	} {
		r, err := metarecord.AppendMetadata(nil, m.record, m.version)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, r)
	}
	if err := quorum.WriteBootstrap(vfs.OS(), dir, time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC).UnixMilli(), raw); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, quorum.BootstrapFile)
}

func TestMetadataShell(t *testing.T) {
	file := shellFile(t)
	for args, want := range map[string]string{
		"ls /":                       "image\nlocal\n",
		"ls / /local":                "/:\nimage\nlocal\n\nlocal:\ncommitId\nversion\n",
		"ls /image/topics/by*":       "byId:\nAQAAAAAAAAAAAAAAAAAAAA\n\nbyName:\norders\n",
		"ls /nope":                   "ls: /nope: no such file or directory.\n",
		"cat /local/version":         "4.3.1\n",
		"cat /image/topics":          "cat: /image/topics: Is a directory\n",
		"cat /nope":                  "cat: /nope: No such file or directory.\n",
		"cat":                        "too few arguments\n",
		"ls image/{topics,scram}":    "scram:\nSCRAM-SHA-256\nSCRAM-SHA-512\n\ntopics:\nbyId\nbyName\n",
		"find local":                 "local\nlocal/commitId\nlocal/version\n",
		"find /image/features":       "/image/features\n/image/features/finalized_group.version\n/image/features/metadataVersion\n",
		"tree /image/configs":        "TOPIC:orders:\n  retention.ms:\n    1000\n",
		"tree /image/features":       "finalized_group.version:\n  1\nmetadataVersion:\n  Optional[4.3-IV0]\n",
		"cat /image/provenance":      "offset 5, epoch 0, time 2026-01-02T03:04:05.006Z[UTC]\n",
		"cat /image/topics/*/orders": "cat: /image/topics/*/orders: Is a directory\n",
		"pwd":                        "invalid choice: 'pwd' (choose from 'cat', 'find', 'ls', 'tree')\n",
	} {
		out, errOut, code := runKgo(append([]string{"metadata-shell", "-s", file}, strings.Fields(args)...))
		if out != want || errOut != "" || code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", args, code, out, errOut)
		}
	}
	streams, out, _ := TestIO("cd image/t*\npwd\nls byName\n  cd 'byName/ord'ers\n\ncat 0\ncd nowhere\nhistory 1\nman cd\nls -h\npwd x\nls -x\nquit\nhelp\nexit\nls\n")
	if err := metadataShellRun(&metadataShellOptions{IO: streams, Snapshot: file}); err != nil {
		t.Fatal(err)
	}
	want := `Loading...
Starting...
[ Kafka Metadata Shell ]
>> >> /image/topics
>> orders
>> >> >> PartitionRegistration(replicas=[1, 2], directories=[AAAAAAAAAAAAAAAAAAAAAg, AAAAAAAAAAAAAAAAAAAAAg], isr=[1], removingReplicas=[], addingReplicas=[], elr=[], lastKnownElr=[], leader=1, leaderRecoveryState=RECOVERED, leaderEpoch=0, partitionEpoch=0)
>> cd: nowhere: no such directory.
>>     6  history 1
>> cd: Set the current working directory.

usage: cd [target]

positional arguments:
  target                 The directory to change to.
>> usage:  ls [-h] [targets [targets ...]]

positional arguments:
  targets                The metadata node paths to list.

optional arguments:
  -h, --help             show this help message and exit
>> unrecognized arguments: 'x'
>> unrecognized arguments: '-x'
>> invalid choice: 'quit' (choose from 'cat', 'cd', 'exit', 'find', 'help', 'history', 'ls', 'man', 'pwd', 'tree')
>> Welcome to the Apache Kafka metadata shell.

usage:  {cat,cd,exit,find,help,history,ls,man,pwd,tree} ...

positional arguments:
  {cat,cd,exit,find,help,history,ls,man,pwd,tree}
    cat                  Show the contents of metadata files.
    cd                   Set the current working directory.
    exit                 Exit the metadata shell.
    find                 Search for nodes in the directory hierarchy.
    help                 Display this help message.
    history              Print command history.
    ls                   List metadata nodes.
    man                  Show the help text for a specific command.
    pwd                  Print the current working directory.
    tree                 Show the contents  of  metadata  nodes  in  a tree
                         structure.
>> `
	if out.String() != want {
		t.Errorf("interactively:\n%s", out)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.checkpoint")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(damaged, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errOut, code := runKgo([]string{"metadata-shell", "-s", damaged, "ls"}); code != 1 || !strings.Contains(errOut, "Unexpected error") {
		t.Errorf("a damaged snapshot: exit code %d, %s", code, errOut)
	}
}
