package broker_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bannedCalls says which calls have no place where, and what to do instead.
var bannedCalls = []struct {
	call    *regexp.Regexp
	where   func(path string) bool
	instead string
}{
	{regexp.MustCompile(`^os\.(Open|OpenFile|Create|Rename|Remove|RemoveAll|ReadFile|WriteFile|Mkdir|MkdirAll)$`), inStorage, "go through vfs.FS, so that tests can make it fail or crash"},
	{regexp.MustCompile(`^fmt\.Print(|f|ln)$`), outside("cmd/", "commands/", generator), "write to the stream that was passed in, or log"},
	{regexp.MustCompile(`^os\.Exit$`), outside("cmd/kgo/main.go", "cmd/kgo-bench/main.go", generator, "connect/standalone/kill_test.go", "commands/script_test.go", "docs/examples/"), "return an error"},
	{regexp.MustCompile(`^atomic\.(Add|And|CompareAndSwap|Load|Or|Store|Swap)[A-Z]`), everywhere, "use the typed atomics"},
}

// generator is a program of its own, run by go generate.
const generator = "broker/record/internal/gen/"

func everywhere(string) bool { return true }

func outside(allowed ...string) func(string) bool {
	return func(path string) bool {
		for _, prefix := range allowed {
			if strings.HasPrefix(path, prefix) {
				return false
			}
		}
		return true
	}
}

func inStorage(path string) bool {
	return !strings.HasSuffix(path, "_test.go") && (strings.HasPrefix(path, "broker/storage/") || strings.HasPrefix(path, "broker/quorum/"))
}

func TestBannedCalls(t *testing.T) {
	for path, file := range goFiles(t, parser.SkipObjectResolution) {
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := selector.X.(*ast.Ident); ok {
				for _, b := range bannedCalls {
					if name := pkg.Name + "." + selector.Sel.Name; b.where(path) && b.call.MatchString(name) {
						t.Errorf("%s: %s: %s", path, name, b.instead)
					}
				}
			}
			return true
		})
	}
}

// randomMoments are the files whose sleeps await nothing: they choose the moment of a failure.
var randomMoments = map[string]bool{"broker/brokertest/kill_test.go": true}

// TestTestsSleepInVirtualTimeOnly looks for time.Sleep in tests outside of synctest's bubbles: a wait is for a condition, with a deadline.
// The pause between two looks at a condition, which is the last part of a for clause, is no wait.
func TestTestsSleepInVirtualTimeOnly(t *testing.T) {
	for path, file := range goFiles(t, parser.SkipObjectResolution) {
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			if sleeps, bubble := mentions(decl, "time", "Sleep"), mentions(decl, "synctest", ""); sleeps && !bubble && !randomMoments[path] {
				t.Errorf("%s: time.Sleep outside a synctest bubble: wait for a condition with a deadline", path)
			}
		}
	}
}

// mentions reports whether a declaration uses pkg.name, or anything of pkg if name is empty. It cuts off what stands last in for clauses.
func mentions(decl ast.Decl, pkg, name string) bool {
	found := false
	ast.Inspect(decl, func(n ast.Node) bool {
		if loop, ok := n.(*ast.ForStmt); ok {
			loop.Post = nil
		}
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == pkg && (name == "" || selector.Sel.Name == name) {
				found = true
			}
		}
		return !found
	})
	return found
}

func TestEachPackageHasOneComment(t *testing.T) {
	comments := make(map[string][]string) // folder -> the files with a package comment
	for path, file := range goFiles(t, parser.PackageClauseOnly|parser.ParseComments) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		dir := filepath.Dir(path)
		if _, seen := comments[dir]; !seen {
			comments[dir] = nil
		}
		if file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != "" {
			comments[dir] = append(comments[dir], path)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s: want one package comment, in one file; found it in %q", dir, files)
		}
	}
}

// TestNothingOfADevelopersMachineInTheTree keeps out the paths of single machines and markers of unfinished work.
func TestNothingOfADevelopersMachineInTheTree(t *testing.T) {
	unwanted := regexp.MustCompile(`/work/(main|wt|shared)|/(home|Users)/[a-z]+/|/root/|FIX` + `ME`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && path != ".." || rel == "dist" || rel == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || rel == "broker/tidy_test.go" || rel == ".git" {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 4<<20 {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			return err
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if found := unwanted.Find(line); found != nil {
				t.Errorf("%s:%d: %q", rel, i+1, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles parses every Go file of the module that nobody generated.
func goFiles(t *testing.T, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := make(map[string]*ast.File)
	for _, top := range []string{"broker", "cmd", "commands", "connect", "completion", "docs"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil // no such folder yet
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))] = file
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
