// Package faults stands between the product and an engine in tests: a reverse
// proxy on loopback that knows the engines' requests, counts them, and does to
// chosen ones what overloaded engines, impatient gateways and broken networks
// do. It is imported by tests only and may touch the leaves.
//
//	proxy, err := faults.Start(t.Context(), engine.URL)
//	if err != nil {
//		t.Fatal(err)
//	}
//	t.Cleanup(proxy.Close)
//	proxy.Use(
//		faults.Rule{Kinds: []faults.Kind{faults.Bulk}, Every: 3, Fault: faults.LoseAnswer},
//		faults.Rule{Kinds: []faults.Kind{faults.Page}, Chance: 0.1, Seed: 1, Times: 5, Fault: faults.HalfAnswer},
//	)
//	move(proxy.URL)
//	if proxy.Injected() == 0 {
//		t.Error("nothing went wrong: the test shows nothing")
//	}
//
// How a request passes:
//
//  1. its body is read to the end, and it is classified and counted;
//  2. the rules are asked in their order, and the first that fires decides;
//  3. without a fault, method, path, raw query, headers and body go to the
//     engine as they came, and the answer is passed on while it comes, with the
//     engine's Content-Length, or chunked where there is none;
//  4. with a fault, the engine's answer (where it is to see the request at all)
//     is read whole, uncompressed, and then spoilt;
//  5. where the engine gives no whole answer, the client's connection is cut.
//
// Counts and injections are booked before the client can have seen the end of
// the answer. The proxy repeats nothing; but mind that a Go client itself
// repeats a GET whose kept-alive connection is cut.
//
// Not guaranteed: that a request's body reaches the engine before its end came;
// targets with a path, with HTTP/2 or with certificates that the system does
// not trust; that a rule with a Chance hits the same requests again when they
// come concurrently.
package faults
