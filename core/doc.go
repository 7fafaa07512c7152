// Package core is what paymux knows about payments: words, states, ports and services. It knows no provider, no table
// and no route, and rests on the standard library and plain value types.
//
// Promises: no double effect; no lost payment; no invented certainty (failed only with proof that nothing happened,
// succeeded only on the provider's word); nothing acknowledged is lost; every event reaches the merchant; forged,
// foreign or malformed input changes nothing; no card data, ever.
//
// One payment, told once: Checkout.Create commits the intent (operate.go) and has Account call Provider.Start. The
// buyer pays at the provider. Checkout.Receive authenticates feedback and stores it raw with its facts before it is
// acknowledged (feedback.go); a return of the buyer is a hint and makes us ask (returns.go); Checkout.Sync asks
// (reconcile.go), on a schedule (schedule.go, sweep.go). What each of them proves are facts (fact.go). Payment.Apply adds the new ones, and settle computes
// operations, amounts and status from them (tally.go, state.go): a pure function, so order and repetition make no
// difference. Checkout.amend is how any of this is stored: facts, evidence, counters, events and the answer to the
// merchant in one transaction (amend.go).
//
// Where a provider keeps a session for the buyer, core goes on with it when he is back (session.go, comeback.go): it reads
// what he chose, has the merchant confirm that or change the order (update.go), and completes what he agreed to. Money is
// taken from and given back to the provider's own objects (source.go).
//
// A merchant is told of each event by webhooks: the event is stored with a delivery per endpoint that wants it in the same
// transaction (deliver.go), sent through the port Sender, and tried again until somebody has it (webhook.go has the
// endpoints, lanes.go keeps a bad one from delaying others, redeliver.go sends again).
//
// Words: a payment is the merchant's intent; an attempt is one try of it at one account, pinned there for life; an
// operation is one call with effect; a fact is what an answer, feedback or query proves; feedback is what a provider
// tells us, an event what we tell the merchant, a delivery one event on its way to one endpoint. Amounts are minor units.
package core
