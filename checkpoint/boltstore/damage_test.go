package boltstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/internal/lab/faultcase"
)

// filled makes a store with enough records for several pages and closes it.
func filled(tb testing.TB) (path string, records []checkpoint.Record) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "ferry.db")
	s := open(tb, path)
	lease, err := s.Acquire(tb.Context(), checkpoint.Holder{Host: "h", PID: 7})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range 300 {
		value := fmt.Appendf(nil, `{"w":%d,"pad":%q}`, i*7919, strings.Repeat("x", i%100))
		records = append(records, checkpoint.Record{Key: fmt.Sprintf("f/index/%03d", i), Value: value})
	}
	// Two commits, so that there are free pages, too.
	for range 2 {
		if err := s.Commit(tb.Context(), lease, records...); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return path, records
}

// refusedAsDamaged checks that neither way of opening succeeds, that both say
// where and what to do, and that nothing was changed.
func refusedAsDamaged(t *testing.T, what, path string) {
	t.Helper()
	before := snapshot(t, path)
	for _, try := range []func() (*boltstore.Store, error){
		func() (*boltstore.Store, error) { return boltstore.Open(t.Context(), path) },
		func() (*boltstore.Store, error) { return boltstore.OpenReadOnly(t.Context(), path) },
	} {
		s, err := try()
		if err == nil {
			t.Errorf("%s: opened, and closed with %v", what, s.Close())
			continue
		}
		found, ok := errors.AsType[*boltstore.DamagedError](err)
		if !ok || !strings.Contains(err.Error(), path) || !strings.Contains(found.NextStep(), path) {
			t.Errorf("%s: got %v, want a *DamagedError that names %s", what, err, path)
			continue
		}
		if export := strings.Contains(before, path+".json\n"); export != found.Export {
			t.Errorf("%s: export there: %v, but the next step is: %s", what, export, found.NextStep())
		}
	}
	if snapshot(t, path) != before {
		t.Errorf("%s: a refused open changed a file", what)
	}
}

func overwrite(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestDamagedFiles(t *testing.T) {
	faultcase.Shows(t, 34, "cut short, overwritten, empty")
	t.Parallel()
	path, _ := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, content []byte) {
		t.Helper()
		overwrite(t, path, content)
		refusedAsDamaged(t, what, path)
	}
	f("empty", nil)
	f("one byte", []byte{0})
	f("text", []byte("name: search\n"))
	f("long text", []byte(strings.Repeat("not a database\n", 5000)))
	f("zeros", make([]byte, len(whole)))
	for _, size := range []int{100, 4095, 4096, 4097, 8191, 8192, 8193, 12288, len(whole) / 4, inUse(t, whole) - 1} {
		f(fmt.Sprintf("cut to %d bytes", size), whole[:size])
	}
	noise := append([]byte{}, whole...)
	for i := 8192; i < len(noise); i++ {
		noise[i] = byte(i * 7)
	}
	f("all but the first pages overwritten", noise)
	if err := os.Remove(path + ".json"); err != nil {
		t.Fatal(err)
	}
	f("empty, without an export", nil)

	overwrite(t, path, whole)
	open(t, path)
}

// inUse is the size of the pages that bbolt has given out, from the newer meta
// page; the file is longer.
func inUse(t *testing.T, whole []byte) int {
	t.Helper()
	pageSize := binary.NativeEndian.Uint32(whole[16+8:])
	newest, high := uint64(0), uint64(0)
	for _, at := range []uint32{0, pageSize} {
		meta := whole[at+16:]
		if transaction := binary.NativeEndian.Uint64(meta[48:]); transaction >= newest {
			newest, high = transaction, binary.NativeEndian.Uint64(meta[40:])
		}
	}
	return int(high) * int(pageSize)
}

// The file is shortened under a running ferry: an error, no crash, no hang.
func TestCutWhileOpen(t *testing.T) {
	faultcase.Shows(t, 34, "cut short while it is open")
	t.Parallel()
	path, _ := filled(t)
	before := exported(t, path)
	s := open(t, path)
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	_, err = s.List(t.Context(), "")
	if _, ok := errors.AsType[*boltstore.DamagedError](err); !ok {
		t.Errorf("List: got %v, want a *DamagedError", err)
	}
	if err := s.Commit(t.Context(), lease, checkpoint.Record{Key: "a", Value: []byte("1")}); err == nil {
		t.Error("Commit after the damage was seen: got no error")
	}
	if err := s.Close(); err == nil {
		t.Error("Close after the damage was seen: got no error")
	}
	if exported(t, path) != before {
		t.Error("a store that was seen to be damaged changed its export")
	}
	refusedAsDamaged(t, "reopened", path)
}

// put writes into the file what another program, or another esferry, would.
func put(t *testing.T, path, bucket, key string, value []byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), value)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// sealed gives a value the checksum of the format.
func sealed(key, value string) []byte {
	sum := crc32.Checksum([]byte(key+value), crc32.MakeTable(crc32.Castagnoli))
	return append(binary.BigEndian.AppendUint32(nil, sum), value...)
}

func TestForeignDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "other.db")
	put(t, path, "theirs", "k", []byte("v"))
	refusedAsDamaged(t, "another program's database", path)
}

func TestSchemas(t *testing.T) {
	faultcase.Shows(t, 34, "a newer schema")
	t.Parallel()
	path, _ := filled(t)
	put(t, path, "meta", "schema", sealed("schema", "2"))
	_, err := boltstore.Open(t.Context(), path)
	newer, ok := errors.AsType[*boltstore.SchemaError](err)
	if !ok || newer.Is != 2 || newer.Knows != 1 {
		t.Fatalf("got %v, want a *SchemaError of 2 over 1", err)
	}
	if got, want := newer.Error(), path+" was written by a newer esferry: its schema is 2, and this one knows up to 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, value := range []string{"0", "-1", "", "one"} {
		put(t, path, "meta", "schema", sealed("schema", value))
		refusedAsDamaged(t, "schema "+value, path)
	}
	put(t, path, "meta", "schema", []byte("1"))
	refusedAsDamaged(t, "a schema without a checksum", path)
}

// A record that vanished, or came from elsewhere, is noticed by the tally.
func TestForeignRecord(t *testing.T) {
	t.Parallel()
	path, _ := filled(t)
	put(t, path, "records", "by hand", sealed("by hand", "{}"))
	refusedAsDamaged(t, "a record put in by hand", path)
}

// To start anew beside an export would lose the state in silence.
func TestMissingBesideItsExport(t *testing.T) {
	faultcase.Shows(t, 34, "missing beside its export")
	t.Parallel()
	path, _ := filled(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	_, err := boltstore.Open(t.Context(), path)
	missing, ok := errors.AsType[*boltstore.MissingError](err)
	if !ok || !strings.Contains(missing.NextStep(), path+".json") {
		t.Fatalf("got %v, want a *MissingError", err)
	}
	if snapshot(t, path) != before {
		t.Error("a refused open changed a file")
	}
}

func TestAFolderIsNoStore(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if s, err := boltstore.Open(t.Context(), path); err == nil {
		t.Errorf("a folder opened as a store, and closed with %v", s.Close())
	}
}
