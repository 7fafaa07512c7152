// Package sandbox is Amazon Payment Services as its documents describe it: the hosted payment page, the server API,
// transaction feedback, a back office, and its own books.
//
// It shares no code with the adapter it judges: parsing, signing and tables are its own. What it refuses, it refuses
// with the real codes. Where the documents are silent it follows a rule of its own, stated on its first page.
//
//	server, err := sandbox.New(sandbox.Config{Accounts: []sandbox.Account{sandbox.ExampleAccount()}})
//	defer server.Close()
//	http.ListenAndServe("127.0.0.1:9101", server)
//
// Words: an order is one merchant_reference of one merchant; a try is one attempt to pay it, with a fort_id of its own.
// Amounts are minor units everywhere but on the pages, which show major units.
//
// Sources: PayFort/APS API reference (redirection, signature, maintenance operations, transaction feedback, error codes);
// Amazon Payment Services documentation (hosted checkout, webhooks, test cards, check status); behaviour of the
// official SDKs and plugins where these say nothing.
package sandbox
