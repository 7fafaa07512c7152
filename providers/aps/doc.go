// Package aps is the adapter of Amazon Payment Services (APS, formerly PayFort FORT), hosted redirection first.
//
// # Flows
//
// Start signs a form and calls nobody; the buyer's browser posts it to the page of APS, which takes the card, does
// 3-D Secure and lets the buyer try again after a decline. The result comes twice: by the browser (ParseReturn, a
// hint) and from server to server (ParseFeedback, the provider's word). Capture, Void, Refund, Query and the charge of
// a stored card are JSON calls, one each.
//
// # Words
//
//	ours                       APS
//	attempt's reference        merchant_reference, the same for every operation of the attempt
//	authorization, sale        fort_id of AUTHORIZATION (status 02), of PURCHASE (status 14)
//	capture, void              CAPTURE (04), VOID_AUTHORIZATION (08); without a number of their own
//	refund                     REFUND (06); maintenance_reference is the operation's key
//	query                      CHECK_STATUS: running totals, and the last operation
//	mandate                    token_name, with agreement_id where the contract has agreements
//	feedback                   direct transaction feedback and notification feedback, signed
//
// # Identity of facts
//
// An authorization and a sale are their fort_id. The answer to our own CAPTURE is one capture with our key; its
// notification has no number, so it is a floor of the total and a reason to read. A refund is its
// maintenance_reference whichever way it is told; one without (made in the back office) is a floor. CHECK_STATUS gives
// floors. An unknown code, or one that APS uses for "perhaps", proves nothing: it is never read as failure.
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
