package etcdstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
)

// schema of the keys. A change that an older esferry would misread raises it.
const schema = 1

const (
	// mostOps and mostBytes bound a transaction below what etcd takes by default:
	// 128 operations, 1.5 MiB. A part of a journal is a third larger than the
	// records in it, and has to fit, too.
	mostOps   = 100
	mostBytes = MostRecord + 20_000
	// page is how many records are read at once.
	page = 1000
)

// MostRecord is how large a record may be, in bytes with its key: that of an
// index with some thousands of shards is a tenth of it.
const MostRecord = 1_100_000

// keys of a ferry, all below its root.
type keys string

// schema holds the number of the layout.
func (k keys) schema() string { return string(k) + "schema" }

// claim holds the lease while somebody holds the ferry, and ends with it.
func (k keys) claim() string { return string(k) + "claim" }

// epoch holds the newest epoch that was given out.
func (k keys) epoch() string { return string(k) + "epoch" }

// commit holds the newest commit's mark, so that a request that comes twice is
// known, and one that comes late is refused.
func (k keys) commit() string { return string(k) + "commit" }

// journal holds the head of a commit that is not in the records yet.
func (k keys) journal() string { return string(k) + "journal" }

// parts begins the keys of what belongs to a journal.
func (k keys) parts() string { return string(k) + "journal/" }

func (k keys) part(mark string, n int) string { return fmt.Sprintf("%s%s/%06d", k.parts(), mark, n) }

// records begins the keys of all records.
func (k keys) records() string          { return string(k) + "record/" }
func (k keys) record(key string) string { return k.records() + key }

// crew begins the keys of the workers and of their answers: both are told of in
// the order in which they came.
func (k keys) crew() string { return string(k) + "crew/" }

// seat holds who a worker is, and ends with its lease.
func (k keys) seat(name string) string { return k.crew() + "seat/" + name }

// answer holds a worker's answer to an errand, and ends with the worker's lease.
func (k keys) answer(seat, errand string) string { return k.crew() + "answer/" + seat + "/" + errand }

// errands begins the keys of what is asked of a worker; each ends with the lease of
// whoever asks.
func (k keys) errands(seat string) string        { return string(k) + "errand/" + seat + "/" }
func (k keys) errand(seat, errand string) string { return k.errands(seat) + errand }

// terms hold what is announced to all workers, and end with the claim.
func (k keys) terms() string { return string(k) + "terms" }

// outcome holds how the last run that said so has ended.
func (k keys) outcome() string { return string(k) + "outcome" }

// told sorts what is told of a crew.
func told(seated func(seat string, text []byte), answered func(seat, errand string, text []byte)) func(key string, value []byte) {
	return func(key string, value []byte) {
		what, name, _ := strings.Cut(key, "/")
		if what == "seat" {
			seated(name, value)
			return
		}
		seat, errand, _ := strings.Cut(name, "/")
		answered(seat, errand, value)
	}
}

// mark tells a commit apart from every other one of a ferry.
func mark(epoch, n uint64) string {
	return strconv.FormatUint(epoch, 10) + "." + strconv.FormatUint(n, 10)
}

// head is a journal's.
type head struct {
	Mark  string `json:"mark"`
	Parts int    `json:"parts"`
}

// entry is a record as a journal keeps it.
type entry struct {
	Key     string `json:"key"`
	Value   []byte `json:"value"`
	Deleted bool   `json:"deleted,omitempty"`
}

// encodePart gives a part of a journal.
func encodePart(records []checkpoint.Record) (string, error) {
	entries := make([]entry, len(records))
	for i, r := range records {
		entries[i] = entry{Key: r.Key, Value: r.Value, Deleted: r.Value == nil}
	}
	text, err := json.Marshal(entries)
	return string(text), err
}

func decodePart(text []byte) ([]checkpoint.Record, error) {
	var entries []entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	records := make([]checkpoint.Record, len(entries))
	for i, e := range entries {
		records[i] = checkpoint.Record{Key: e.Key}
		if !e.Deleted {
			records[i].Value = append([]byte{}, e.Value...)
		}
	}
	return records, nil
}

// operations write records.
func (k keys) operations(records []checkpoint.Record) []clientv3.Op {
	ops := make([]clientv3.Op, len(records))
	for i, r := range records {
		if r.Value == nil {
			ops[i] = clientv3.OpDelete(k.record(r.Key))
		} else {
			ops[i] = clientv3.OpPut(k.record(r.Key), string(r.Value))
		}
	}
	return ops
}
