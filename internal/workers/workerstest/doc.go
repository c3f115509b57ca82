// Package workerstest has a board of seats in memory, for tests of those who spread
// work by package workers. It may touch that package alone. For example:
//
//	b := workerstest.New()
//	pool, seat := workers.NewPool(b), b.Sit(4)
package workerstest
