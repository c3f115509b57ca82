package lab

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Engines run as another user where we are root, so what they read is open to
// all; nothing secret lies there but passwords made for one test.
const (
	openDir  fs.FileMode = 0o755
	openFile fs.FileMode = 0o644
)

// makeDir makes dir and its parents and opens dir to all, whatever the umask.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, openDir); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	// One that is open already may be another user's, such as a shared cache.
	if err != nil || info.Mode().Perm()&openDir == openDir {
		return err
	}
	return os.Chmod(dir, openDir)
}

// writeFile makes a file that everyone may read, whatever the umask.
func writeFile(file, text string) error {
	if err := os.WriteFile(file, []byte(text), openFile); err != nil {
		return err
	}
	return os.Chmod(file, openFile)
}

// unzip unpacks an archive into dir without the archive's single top folder,
// where it has one.
func unzip(archive, dir string) (err error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	top := topOf(z.File)
	for _, f := range z.File {
		name := strings.TrimPrefix(f.Name, top)
		if name == "" {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("unpack %s: the name %q leads out of the folder", archive, f.Name)
		}
		if err := unzipFile(f, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("unpack %s of %s: %w", f.Name, archive, err)
		}
	}
	return nil
}

// topOf gives the folder that all files lie in, with its slash; empty when
// there is none.
func topOf(files []*zip.File) string {
	if len(files) == 0 {
		return ""
	}
	top, _, ok := strings.Cut(files[0].Name, "/")
	if !ok {
		return ""
	}
	top += "/"
	for _, f := range files {
		if !strings.HasPrefix(f.Name, top) {
			return ""
		}
	}
	return top
}

func unzipFile(f *zip.File, to string) error {
	if f.FileInfo().IsDir() {
		return makeDir(to)
	}
	if err := makeDir(filepath.Dir(to)); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	mode := openFile
	if f.Mode().Perm()&0o100 != 0 {
		mode = openDir
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from) //nolint:gosec // Archives are pinned versions from Maven Central.
	return errors.Join(err, out.Close(), os.Chmod(to, mode))
}
