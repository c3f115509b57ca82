// Package joint lets callers that come at the same time share one call: a
// hundred indices that are each looked at by a goroutine of its own are one
// request, and their records one write to disk. It touches nothing but what it
// is given to call.
//
//  1. Whoever comes first waits for a moment; those who come meanwhile join;
//  2. the first one then makes the call for all of them, so that each answer
//     was asked for after its caller had come;
//  3. where that call fails, each makes its own: an error is then the caller's
//     own, and one that cannot be answered does not keep the others waiting;
//  4. whoever stayed alone makes a call of their own right away.
//
// Not guaranteed: how many share a call, and their order in it.
package joint
