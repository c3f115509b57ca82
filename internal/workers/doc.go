// Package workers spreads pieces of work over processes that come and go: a Pool
// hands them to whoever has room, and Serve does them elsewhere. Where work and
// answers lie, and who may write them, is the affair of a Desk and of a Seat
// (checkpoint/etcdstore).
//
// It knows nothing of what is asked. It may touch leaves, and nothing else.
// A leader spreads work like this:
//
//	hand, err := pool.Hire(ctx)             // waits until somebody has room
//	answer, err := hand.Do(ctx, errand)     // *LostError: do it yourself
//	hand.Free()
//
// Not guaranteed: that an errand is done once. Whoever lost its seat may have done
// all of it, or be at it still: what it changes must bear that, or be fenced.
package workers
