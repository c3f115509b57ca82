package boltstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"esferry/checkpoint"
)

// schema of the file. A change that an older esferry would misread raises it.
const schema = 1

// The buckets and the keys of meta. Every value, in either bucket, is sealed.
const (
	metaBucket    = "meta"
	recordsBucket = "records"
	schemaKey     = "schema"
	leaseKey      = "lease"
	tallyKey      = "tally"
)

func meta(tx *bolt.Tx) *bolt.Bucket    { return tx.Bucket([]byte(metaBucket)) }
func records(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket([]byte(recordsBucket)) }

// sealBytes precede each value: bbolt checks its first two pages only, and a
// flipped digit in a watermark would be believed.
const sealBytes = 4

func seal(key, value []byte) []byte {
	sealed := binary.BigEndian.AppendUint32(make([]byte, 0, sealBytes+len(value)), checksum(key, value))
	return append(sealed, value...)
}

// unseal gives the value, which is bbolt's memory: valid in the transaction.
func unseal(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sealBytes || binary.BigEndian.Uint32(sealed) != checksum(key, sealed[sealBytes:]) {
		return nil, fmt.Errorf("record %q: %w", key, errChecksum)
	}
	return sealed[sealBytes:], nil
}

func checksum(key, value []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// tally counts the records and adds their checksums up: a record that vanished
// takes its own checksum with it, and only the tally misses it.
type tally struct {
	Records int64  `json:"records"`
	Sum     uint64 `json:"sum"`
}

func (t tally) plus(sealed []byte) tally {
	return tally{Records: t.Records + 1, Sum: t.Sum + uint64(binary.BigEndian.Uint32(sealed))}
}

// less takes a record out again; nil was never in.
func (t tally) less(sealed []byte) tally {
	if len(sealed) < sealBytes {
		return t
	}
	return tally{Records: t.Records - 1, Sum: t.Sum - uint64(binary.BigEndian.Uint32(sealed))}
}

func readTally(tx *bolt.Tx) (t tally, err error) { return t, readMeta(tx, tallyKey, &t) }
func writeTally(tx *bolt.Tx, t tally) error      { return writeMeta(tx, tallyKey, t) }

func readLease(tx *bolt.Tx) (l checkpoint.Lease, err error) { return l, readMeta(tx, leaseKey, &l) }
func writeLease(tx *bolt.Tx, l checkpoint.Lease) error      { return writeMeta(tx, leaseKey, l) }

func readMeta(tx *bolt.Tx, key string, v any) error {
	value, err := unseal([]byte(key), meta(tx).Get([]byte(key)))
	if err != nil {
		return err
	}
	return json.Unmarshal(value, v)
}

func writeMeta(tx *bolt.Tx, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return meta(tx).Put([]byte(key), seal([]byte(key), value))
}

// lay makes the buckets and the first values of a new file. On a file system
// without links two processes may come here one after the other: what is there
// stays.
func lay(tx *bolt.Tx) error {
	if meta(tx) != nil {
		return nil
	}
	for _, name := range []string{metaBucket, recordsBucket} {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	if err := meta(tx).Put([]byte(schemaKey), seal([]byte(schemaKey), []byte(strconv.Itoa(schema)))); err != nil {
		return err
	}
	if err := writeLease(tx, checkpoint.Lease{}); err != nil {
		return err
	}
	return writeTally(tx, tally{})
}

// verify checks what the pages hold, once inspect has found them sound: the
// schema, each record's checksum, and their tally.
func (s *Store) verify(tx *bolt.Tx) error {
	if meta(tx) == nil || records(tx) == nil {
		return errors.New("it is a bbolt database, but not a checkpoint store")
	}
	if err := s.verifySchema(tx); err != nil {
		return err
	}
	if _, err := readLease(tx); err != nil {
		return err
	}
	return verifyRecords(tx)
}

func verifyRecords(tx *bolt.Tx) error {
	var found tally
	err := records(tx).ForEach(func(k, sealed []byte) error {
		if _, err := unseal(k, sealed); err != nil {
			return err
		}
		found = found.plus(sealed)
		return nil
	})
	if err != nil {
		return err
	}
	want, err := readTally(tx)
	if err != nil {
		return err
	}
	if found != want {
		return fmt.Errorf("it holds %d records and should hold %d, or some are not those that were written", found.Records, want.Records)
	}
	return nil
}

func (s *Store) verifySchema(tx *bolt.Tx) error {
	value, err := unseal([]byte(schemaKey), meta(tx).Get([]byte(schemaKey)))
	if err != nil {
		return err
	}
	is, err := strconv.Atoi(string(value))
	if err != nil || is < 1 {
		return fmt.Errorf("its schema is %q", value)
	}
	if is > schema {
		return &SchemaError{Path: s.path, Is: is, Knows: schema}
	}
	return nil
}
