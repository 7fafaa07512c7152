// Package amazonpay is the adapter of Amazon Pay, Checkout v2, integrated directly.
//
// # Flows
//
// Start signs the payload of a button and calls nobody; the buyer clicks, signs in at Amazon and chooses. In the flow
// express he comes back for a review (ReadSession), which Confirm ends: it sets amount and intent and sends him to
// Amazon once more. In the flow pay_now all of the order is in the payload. Either way he comes back to be completed
// (Complete): without that nothing is sold. A stored consent is obtained the same way, with a purchase or without one
// (StartMandate), and charged by the server (ChargeMandate). Notifications name an object and no state: it is read.
//
// # Words
//
//	ours                       Amazon Pay
//	session                    checkout session: one visit of one buyer
//	agreement                  charge permission: how much may be charged for the order
//	authorization, capture     charge: an authorization, captured at most once; up to 25 on one agreement
//	refund                     refund, of one charge; always under way for a while
//	mandate                    charge permission of type Recurring or PaymentMethodOnFile (Saved Wallet)
//	reserve nothing            payment intent Confirm; Authorize to capture later, AuthorizeWithCapture to sell at once
//	attempt's reference        merchantReferenceId of session and agreement
//	operation's key            idempotency key; customInformation of the charges made by the server
//	merchant's reference       customInformation of the session
//	feedback                   instant payment notification (IPN) in an envelope of Amazon SNS
//
// # Whose session it is
//
// The id of a session comes with a browser, so it is a hint. The payload under our signature names the attempt's
// reference and our own return address, and Amazon repeats them: a session that repeats others is refused before any
// call with an effect, and the first that is the attempt's own stays the only one.
//
// # What decides
//
// The key makes a call once however often it is made. Amazon's refusal with a reason is believed, but for those that a
// first call may have brought about when the call is made again. Throttling, time-outs and 5xx leave the outcome open:
// behind a key the answer may be a kept one, so a capture that is made again also reads its charge. A refused Complete
// decides nothing, the session that is read after it does; and completed is not paid, so the charge is read too.
// An unknown state or reason proves nothing.
//
// # Identity of facts
//
// A charge is its chargeId, as authorization and as capture; a refund its refundId; an agreement or mandate its
// chargePermissionId, whichever way they are told. What a charge says was refunded, beyond the refunds that are under
// way, is a floor: Amazon gives money back for a buyer's claim without being asked. Of a chargeback only a notification
// tells.
//
// # Units
//
// Amounts are decimal text in the major unit, yen without decimals. Texts are cut to Amazon's lengths in characters.
// Times are in UTC without separators.
//
// # Sources
//
// Amazon Pay developer documentation (API introduction, signing requests, idempotency, checkout session, charge
// permission, charge, refund, buyer, button script, Saved Wallet, recurring payments, deferred and asynchronous
// transactions, instant payment notifications, manage errors); the official SDKs for the signature and for what they
// retry; Amazon SNS developer guide. testdata/SOURCES.md names the vectors.
package amazonpay
