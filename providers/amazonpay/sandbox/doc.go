// Package sandbox is Amazon Pay (API v2, Checkout v2) as its documents describe it: the signed API, the checkout sessions
// that its button opens, instant payment notifications, a back office, and its own books.
//
// It shares no code with the adapter it judges: parsing, signing and tables are its own. What it refuses, it refuses with
// the real status and reason code. Where the documents are silent it follows a rule of its own, which stands in one named
// constant or setting that says so.
//
//	server, err := sandbox.New(sandbox.Config{Accounts: []sandbox.Account{sandbox.ExampleAccount()}})
//	defer server.Close()
//	http.ListenAndServe("127.0.0.1:9102", server)
//
// Words: a session is one checkout of one buyer; a permission (charge permission) is what he agreed to; a charge is one
// authorization on it, captured at most once; a refund gives part of a captured charge back. All of them belong to one
// merchant in one environment, and are not found from another. Amounts are minor units inside and decimal text on the wire.
//
// Everything lies under one lock, Server.mu. Methods that need it say so; notifications are sent after it was let go.
//
// Sources: Amazon Pay developer documentation (API introduction, signing requests, idempotency, throttling limits,
// Checkout Session, Charge Permission, Charge, Refund, Buyer, Delivery Tracker, Saved Wallet, recurring payments, deferred
// and asynchronous transactions, instant payment notifications, sandbox simulations); Amazon SNS developer guide;
// behaviour of the five official SDKs and of Amazon's own shop plugins where these say nothing.
package sandbox
