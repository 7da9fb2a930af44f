package broker_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kgo-project/kgo/"

// layers is the dependency rule, lowest row first: a package imports only lower rows, never its own row.
// Do not relax it to make a build pass: move the interface to its consumer instead.
var layers = [][]string{
	{"broker/ident", "broker/clock", "broker/vfs", "broker/invariants", "broker/syncx", "broker/netx"},
	{"broker/vfs/errorfs", "broker/batch", "broker/record", "broker/record/schema", "broker/config", "broker/metrics"},
	{"broker/wire", "broker/auth", "broker/quota", "broker/storage", "broker/console"},
	{"broker/storage/clean", "broker/storage/check", "broker/quorum", "broker/metadata"},
	{"broker/quorum/quorumsim", "broker/acl", "broker/controller", "broker/replica", "broker/coordinator"},
	{"broker/coordinator/group", "broker/coordinator/txn"},
	{"broker/api"},
	{"broker/server"},
	{"broker/brokertest"},
}

// brokerCommands are the only files of commands that may import the broker's packages; every other command speaks the protocol.
var brokerCommands = map[string]bool{"server.go": true, "coordinator.go": true, "coordinator_words.go": true, "lab.go": true, "storage.go": true, "storage_format.go": true, "metadata_shell.go": true, "metadata_shell_tree.go": true, "dump_log.go": true, "processes.go": true}

type listedPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestPackagesImportOnlyLowerLayers(t *testing.T) {
	row := make(map[string]int)
	for i, names := range layers {
		for _, name := range names {
			row[module+name] = i
		}
	}
	for _, p := range listPackages(t, module+"broker/...") {
		if p.ImportPath == module+"broker" {
			continue
		}
		own, listed := row[p.ImportPath]
		if !listed && !strings.Contains(p.ImportPath, "/internal/") {
			t.Errorf("%s is in no layer: add it to the table in broker/layering_test.go and to docs/architecture.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) || strings.Contains(imp, "/internal/") {
				continue
			}
			below, ok := row[imp]
			if strings.HasPrefix(imp, module+"commands") {
				t.Errorf("%s imports %s: the broker never imports the commands", p.ImportPath, imp)
			} else if ok && listed && below >= own {
				t.Errorf("%s (row %d) imports %s (row %d): only lower rows may be imported", p.ImportPath, own, imp, below)
			}
		}
	}
}

// TestConnectKnowsNothingOfTheBroker: Connect is a client of any cluster.
func TestConnectKnowsNothingOfTheBroker(t *testing.T) {
	for _, p := range listPackages(t, "./connect/...") {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"broker") || imp == module+"commands" || strings.HasPrefix(imp, "github.com/spf13/") {
				t.Errorf("%s imports %s: connect/ is a client and stands outside of broker/ and of the command line", p.ImportPath, imp)
			}
		}
	}
}

// TestTestsImportOnlyLowerLayers allows tests their own row, beyond what production code may import.
func TestTestsImportOnlyLowerLayers(t *testing.T) {
	row := make(map[string]int)
	for i, names := range layers {
		for _, name := range names {
			row[module+name] = i
		}
	}
	for _, p := range listPackages(t, module+"broker/...") {
		own, listed := row[p.ImportPath]
		for _, imp := range append(p.TestImports, p.XTestImports...) {
			if above, ok := row[imp]; listed && ok && above > own {
				t.Errorf("tests of %s (row %d) import %s (row %d): test it where both may be imported", p.ImportPath, own, imp, above)
			}
		}
	}
}

// TestCommandsSpeakTheProtocol keeps the broker's insides out of everything that is a client.
func TestCommandsSpeakTheProtocol(t *testing.T) {
	for path, file := range goFiles(t, parser.ImportsOnly) {
		switch {
		case strings.HasSuffix(path, "_test.go"): // may start a broker
			continue
		case strings.HasPrefix(path, "connect/"), strings.HasPrefix(path, "commands/client/"), strings.HasPrefix(path, "commands/opt/"):
		case filepath.Dir(path) == "commands" && !brokerCommands[filepath.Base(path)]:
		default:
			continue
		}
		for _, imp := range file.Imports {
			if name, err := strconv.Unquote(imp.Path.Value); err != nil || strings.HasPrefix(name, module+"broker/") {
				t.Errorf("%s imports %s: only the commands that run a broker or read its files may (brokerCommands)", path, imp.Path.Value)
			}
		}
	}
}

func listPackages(t *testing.T, pattern string) []listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", pattern)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var all []listedPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list %s: %v", pattern, err)
		}
		all = append(all, p)
	}
}
