package transforms

import (
	"errors"
	"fmt"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/javatime"
)

// keys of definitions

func required(name, kind, importance, doc string, check func(string) error) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: kind, Required: true, Importance: importance, Doc: doc, Check: check}
}

func optional(name, kind, importance, doc string, check func(string) error) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: kind, Importance: importance, Doc: doc, Check: check}
}

func defaulted(name, kind, def, importance, doc string, check func(string) error) connect.ConfigKey {
	return connect.ConfigKey{Name: name, Type: kind, Default: &def, Importance: importance, Doc: doc, Check: check}
}

func replaceNullKey() connect.ConfigKey {
	return defaulted("replace.null.with.default", "BOOLEAN", "true", "MEDIUM", "Whether a null is read as its field's default value where there is one.", nil)
}

// Checks. A check's error is what is wrong with the value; connect.WholeError stands for itself.

func nonEmptyList(v string) error {
	if len(connect.SplitList(v)) == 0 {
		return errors.New("Empty list")
	}
	return nil
}

func filledList(name string) func(string) error {
	return func(v string) error {
		if len(connect.SplitList(v)) == 0 {
			return connect.WholeError("Configuration '" + name + "' must not be empty. Valid values include: any non-empty value")
		}
		return nil
	}
}

func validRegex(v string) error {
	if _, err := compileRegex(v); err != nil {
		return fmt.Errorf("Invalid regex: %s", err.Error())
	}
	return nil
}

func nonEmptyRegex(v string) error {
	if err := connect.NonEmpty(v); err != nil {
		return err
	}
	return validRegex(v)
}

func compileFormat(pattern string) (*javatime.Format, error) {
	f, err := javatime.New(pattern)
	if err != nil {
		return nil, illegal(err.Error())
	}
	return f, nil
}
