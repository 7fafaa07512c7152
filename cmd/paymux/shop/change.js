// Binds the links of an order review to the provider's script: its own pages let the buyer choose again.
for (const link of document.querySelectorAll("[data-change]")) {
  amazon.Pay.bindChangeAction("#" + link.id, {
    amazonCheckoutSessionId: link.dataset.session,
    changeAction: link.dataset.change === "address" ? "changeAddress" : "changePayment",
  });
}
