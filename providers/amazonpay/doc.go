// Package amazonpay speaks to Amazon Pay, Checkout v2, directly. It signs requests and buttons; no account can be
// opened with it yet.
package amazonpay
