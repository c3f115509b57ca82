package stream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/shard"
	"esferry/stream"
)

// TestReadersKeepThePace: three pages of a document each, at one a second, are
// asked for within two seconds.
func TestReadersKeepThePace(t *testing.T) {
	weight := int64(len(page("3", a)))
	f := func(r batch.Rates, fixed, size int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, pages(page("3", a), page("3", b), page("3", c)))
			budget := batch.NewBudget(capacity)
			began := time.Now()
			for got, err := range stream.NewReader(e, budget, stream.Options{PageDocs: fixed, Pace: batch.NewPace(r)}).Read(t.Context(), shard.Position{}, window) {
				if err != nil {
					t.Fatal(err)
				}
				got.Release()
			}
			if took := time.Since(began); took < 2*time.Second || took > 2100*time.Millisecond {
				t.Errorf("%+v: got %s, want 2 s", r, took)
			}
			if got := e.scans[0].Size; got != size {
				t.Errorf("%+v: got pages of %d documents, want %d", r, got, size)
			}
			e.settled(budget)
		})
	}
	// Five seconds' worth; bytes by what a document weighs at first.
	f(batch.Rates{Docs: 1}, 0, 5)
	f(batch.Rates{Bytes: weight}, 1, 1)
	f(batch.Rates{Requests: 1}, 1000, 1000)
}

func TestFetchersKeepThePace(t *testing.T) {
	f := func(r batch.Rates) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			l := lookup(func(keys []cluster.Key) string {
				return `{"docs":[{"_id":` + keys[0].ID + `,"_version":1,"found":true,"_source":{}}]}`
			})
			began := time.Now()
			got, err := fetched(t, l, stream.Options{PageDocs: 1, Pace: batch.NewPace(r)}, key("x"), key("y"), key("z"))
			if err != nil || len(got) != 3 {
				t.Fatalf("got %d documents and %v, want three", len(got), err)
			}
			if took := time.Since(began); took < 2*time.Second || took > 2100*time.Millisecond {
				t.Errorf("%+v: got %s, want 2 s", r, took)
			}
		})
	}
	f(batch.Rates{Docs: 1})
	f(batch.Rates{Bytes: int64(len(`{"docs":[{"_id":"x","_version":1,"found":true,"_source":{}}]}`))})
	f(batch.Rates{Requests: 1})
}
