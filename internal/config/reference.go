package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ErrExposed is what an Environment's ReadFile returns for a secret file that
// every user of the machine may read.
var ErrExposed = errors.New("the file is readable by every user")

// maxSecret bounds a secret file; the largest are tokens of a few KiB.
const maxSecret = 1 << 20

// Environment is where references are looked up. In the zero value no variable
// is set and no file exists.
type Environment struct {
	// LookupEnv gives a variable's value and whether it is set.
	LookupEnv func(name string) (string, bool)
	// ReadFile gives a secret file's content. It returns an error that wraps
	// fs.ErrNotExist, fs.ErrPermission or ErrExposed where these apply.
	ReadFile func(path string) ([]byte, error)
	// Dir is the folder from which relative paths are meant; empty leaves them
	// as they are.
	Dir string
}

// System is the environment of the process, with relative paths meant from dir.
func System(dir string) Environment {
	return Environment{LookupEnv: os.LookupEnv, ReadFile: readSecret, Dir: dir}
}

// readSecret reads a regular file that not everybody may read. Group access is
// allowed: it is how services and Kubernetes hand out secrets.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// Opening a pipe would wait for whoever writes to it.
	if !info.Mode().IsRegular() || info.Size() > maxSecret {
		return nil, errors.New("the file is not a regular one, or is too large for a secret")
	}
	const others = 0o007
	// Windows knows no such bits and shows every file as readable by all.
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return nil, ErrExposed
	}
	return os.ReadFile(path)
}

// path gives a path meant from Dir.
func (e Environment) path(p string) string {
	if p == "" || e.Dir == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.Dir, p)
}

// complaint is what is wrong with a value and what to do about it.
type complaint struct{ message, hint string }

// expand replaces the references in a scalar's text, once: what comes in is not
// looked at again. The second result tells whether there was any.
func (e Environment) expand(text string) (string, bool, *complaint) {
	var b strings.Builder
	found := false
	for {
		before, after, ok := strings.Cut(text, "${")
		if !ok {
			b.WriteString(text)
			return b.String(), found, nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "${")
			text = after
			continue
		}
		b.WriteString(before)
		reference, rest, closed := strings.Cut(after, "}")
		if !closed {
			return "", true, &complaint{"holds a ${ without its }", "write $${ for a literal ${"}
		}
		value, wrong := e.look(reference)
		if wrong != nil {
			return "", true, wrong
		}
		b.WriteString(value)
		text, found = rest, true
	}
}

// look gives what stands behind one reference.
func (e Environment) look(reference string) (string, *complaint) {
	kind, name, _ := strings.Cut(reference, ":")
	switch {
	case kind == "env" && variableName(name):
		if e.LookupEnv != nil {
			if value, ok := e.LookupEnv(name); ok {
				return value, nil
			}
		}
		return "", &complaint{"environment variable " + name + " is not set", "set " + name + " before starting esferry"}
	case kind == "file" && name != "":
		return e.lookFile(name)
	case kind == "credential" && name != "" && filepath.Base(name) == name:
		return e.lookCredential(name)
	default:
		return "", &complaint{
			"holds a reference that is neither ${env:NAME} nor ${file:/path} nor ${credential:NAME}",
			"write $${ for a literal ${",
		}
	}
}

// credentials names the folder in which systemd hands a unit its secrets.
const credentials = "CREDENTIALS_DIRECTORY"

func (e Environment) lookCredential(name string) (string, *complaint) {
	dir := ""
	if e.LookupEnv != nil {
		dir, _ = e.LookupEnv(credentials)
	}
	if dir == "" {
		return "", &complaint{
			"credential " + strconv.Quote(short(name)) + " is looked for in " + credentials + ", which is not set",
			"systemd sets it for units with LoadCredential; elsewhere set it to the folder of the secrets",
		}
	}
	return e.lookFile(filepath.Join(dir, name))
}

func (e Environment) lookFile(name string) (string, *complaint) {
	var data []byte
	err := fs.ErrNotExist
	if e.ReadFile != nil {
		data, err = e.ReadFile(e.path(name))
	}
	file := "file " + strconv.Quote(short(name))
	switch {
	case err == nil:
		return strings.TrimRight(string(data), "\r\n"), nil
	case errors.Is(err, fs.ErrNotExist):
		return "", &complaint{file + " does not exist", "a relative path is meant from the folder of the configuration file"}
	case errors.Is(err, fs.ErrPermission):
		return "", &complaint{file + " may not be read", "give the user that runs esferry the right to read it"}
	case errors.Is(err, ErrExposed):
		return "", &complaint{file + " is readable by every user", "chmod o= the file; in Kubernetes set defaultMode: 0440 on the secret volume"}
	default:
		return "", &complaint{file + " cannot be read", "it must be a regular file of at most 1 MiB"}
	}
}

func variableName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return name != "" && len(name) <= 128 && strings.Trim(name[:1], letters) == "" && strings.Trim(name, letters+"0123456789") == ""
}
