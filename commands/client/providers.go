package client

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var reference = regexp.MustCompile(`\$\{([^}:]*):(?:([^}:]*):)?([^}]*?)\}`)

// resolve replaces ${provider:path:key} as Kafka's config providers do. env, file and dir (the classes that Kafka ships) work
// without being declared by config.providers; declared aliases follow their class.
func (p Properties) resolve() error {
	kinds := map[string]string{"env": "env", "file": "file", "dir": "dir", "directory": "dir"}
	for name := range strings.SplitSeq(p["config.providers"], ",") {
		name = strings.TrimSpace(name)
		class := p["config.providers."+name+".class"]
		switch class[strings.LastIndexByte(class, '.')+1:] {
		case "EnvVarConfigProvider":
			kinds[name] = "env"
		case "FileConfigProvider":
			kinds[name] = "file"
		case "DirectoryConfigProvider":
			kinds[name] = "dir"
		}
	}
	for key, value := range p {
		if !strings.Contains(value, "${") {
			continue
		}
		var failed error
		p[key] = reference.ReplaceAllStringFunc(value, func(ref string) string {
			m := reference.FindStringSubmatch(ref)
			kind, known := kinds[m[1]]
			if !known {
				return ref
			}
			got, err := lookup(kind, m[2], m[3])
			if err != nil && failed == nil {
				failed = fmt.Errorf("%s: %s: %w", key, ref, err)
			}
			return got
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func lookup(kind, path, key string) (string, error) {
	switch kind {
	case "env":
		v, ok := os.LookupEnv(key)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", key)
		}
		return v, nil
	case "dir":
		if key != filepath.Base(key) {
			return "", fmt.Errorf("%s is not a plain file name", key)
		}
		b, err := os.ReadFile(filepath.Join(path, key))
		return string(b), err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	file, err := Parse(text)
	if err != nil {
		return "", err
	}
	v, ok := file[key]
	if !ok {
		return "", fmt.Errorf("no key %s in %s", key, path)
	}
	return v, nil
}

// Keys returns the names of the properties in order.
func (p Properties) Keys() []string {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
