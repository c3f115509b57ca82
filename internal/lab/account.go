package lab

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is the user that engines and gateways run as when we are root.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged gives the account to use: nil when we are not root ourselves.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // No account is the ordinary case, not an error.
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("look up the user nobody, whom engines run as because they refuse root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the user id of nobody: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group id of nobody: %w", err)
	}
	return &account{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}

func (a *account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives dir and all below it to the account. A nil account owns what it
// makes already.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.uid), int(a.gid))
	})
	if err != nil {
		return fmt.Errorf("give %s to the user %s: %w", dir, a.name, err)
	}
	return nil
}

// reach makes sure that the account can walk to path. Closed folders on the
// way are opened for walking through when they are temporary ones, as those
// that go test makes; others are left alone and named.
func (a *account) reach(path string) error {
	if a == nil {
		return nil
	}
	temp := filepath.Clean(os.TempDir()) + string(filepath.Separator)
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		if mode := info.Mode().Perm(); !a.walks(info) {
			if !strings.HasPrefix(dir, temp) {
				return fmt.Errorf("the folder %s is closed to the user %s, whom engines run as because they refuse root; choose another place: ESFERRY_LAB is the cache, TMPDIR the rest", dir, a.name)
			}
			if err := os.Chmod(dir, mode|0o111); err != nil {
				return fmt.Errorf("open %s for the user %s: %w", dir, a.name, err)
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// walks reports whether the account may pass through a folder.
func (a *account) walks(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case st.Uid == a.uid:
			return mode&0o100 != 0
		case st.Gid == a.gid:
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}
