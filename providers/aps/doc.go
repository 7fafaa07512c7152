// Package aps is the adapter of Amazon Payment Services (APS, formerly PayFort FORT), hosted redirection first.
//
// # Flows
//
// Start signs a form and calls nobody; the buyer's browser posts it to the page of APS, which takes the card, does
// 3-D Secure and lets the buyer try again after a decline. The result comes twice: by the browser (ParseReturn) and
// from server to server (ParseFeedback). Both are reasons to ask, and the answer of CHECK_STATUS (Query) is booked.
// Capture, Void, Refund, Query and the charge of a stored card are JSON calls, one each.
//
// # Words
//
//	ours                       APS
//	attempt's reference        merchant_reference, the same for every operation of the attempt
//	authorization, sale        fort_id of AUTHORIZATION (status 02), of PURCHASE (status 14)
//	capture, void              CAPTURE (04), VOID_AUTHORIZATION (08); without a number of their own
//	refund                     REFUND (06); maintenance_reference is the operation's key
//	query                      CHECK_STATUS: running totals, and the last operation; what it says is booked
//	mandate                    token_name, with agreement_id where the contract has agreements
//	feedback                   direct transaction feedback and notification feedback: signed, and a reason to ask
//
// # What a signature proves
//
// A signed message books nothing. The text under a signature has no separators between names and values, and APS signs
// its refusals (00008 and its kin) too, with an echo of all that a browser posted, under names of the browser's
// choosing. With crafted names the letters of a refusal can be cut anew into a message that says "paid", and the
// signature holds. So what feedback tells of captures, refunds, voids and authorizations is a hint, and it makes us
// ask. The answers to our own calls come over a connection that nobody else writes to; they are signed too, and book.
//
// Two things of a message are believed. A decline moves nothing, and CHECK_STATUS tells only of the last one. A stored
// card (token_name) is told nowhere else; core wants money on the attempt before it uses one, and keeps the first.
// For their sake a text with two response codes in it brings nothing at all: all that APS signs has its own, and no
// cut can take it out. One code and no second is the proof that a message says what APS said of the outcome, but not
// that amount and reference are the ones it said it of.
//
// # Identity of facts
//
// An authorization and a sale are their fort_id. The answer to our own CAPTURE is one capture with our key; its
// notification has no number, so it is a floor of the total. A refund is its maintenance_reference whichever way it is
// told; one without (made in the back office) is a floor. CHECK_STATUS gives floors. An unknown code, or one that APS
// uses for "perhaps", proves nothing: it is never read as failure.
//
// # Units and text
//
// Amounts are integers in the minor unit, at most ten digits. Text outside the documented character sets is replaced
// before signing. Feedback is retried about ten times ten seconds and then lost, so queries are the safety net.
//
// # Sources
//
// Amazon Payment Services: merchant integration guide (redirection, signature, maintenance operations, transaction
// feedback, response codes); official PHP, Java and .NET SDKs for the signature. testdata/SOURCES.md names the vectors.
package aps
