// The page of a shop under a strict policy, for script_test.go: it does what buyers do and reports what it saw.
(async () => {
  "use strict";
  const seen = {violations: [], errors: {}};
  addEventListener("securitypolicyviolation", event => seen.violations.push(event.violatedDirective + " " + event.blockedURI));
  const place = id => {
    const div = document.createElement("div");
    div.id = id;
    document.body.append(div);
    return "#" + id;
  };
  let posts = 0;
  const posted = async () => { // the browser stays here: the other side answers 204
    posts++;
    const answer = await fetch("/posted?n=" + posts);
    if (!answer.ok) throw new Error("nothing was posted: " + posts);
  };
  const failure = async act => {
    try { await act(); return "none"; } catch (error) { return error.message; }
  };
  const click = (element, detail) => element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, detail}));

  const text = '{\n  "storeId": "größe 山田 😀 <&\\u0026>\\"",\r\n "x":1}';
  const session = {payloadJSON: text, signature: "c2ln+/==", algorithm: "AMZN-PAY-RSASSA-PSS-V2", publicKeyId: "SANDBOX-KEY"};
  const config = {
    merchantId: "PMXMERCHANT", ledgerCurrency: "EUR", checkoutLanguage: "de_DE", productType: "PayOnly", placement: "Cart",
    buttonColor: "DarkGray", estimatedOrderAmount: {amount: "49.90", currencyCode: "EUR"},
  };
  try {
    const Pay = amazon.Pay;
    const first = Pay.renderButton(place("first"), {...config, createCheckoutSessionConfig: session});
    const button = document.querySelector("#first button");
    seen.label = button.textContent;
    seen.type = button.type;
    seen.colour = getComputedStyle(button).backgroundColor;
    click(button, 2); // the second half of a double click
    click(button, 1);
    await posted();

    const second = Pay.renderButton(place("second"), {...config, checkoutLanguage: "ja_JP"});
    const {algorithm, ...legacy} = session;
    second.updateButtonInfo({amount: "10", currencyCode: "EUR"});
    second.onClick(() => second.initCheckout({createCheckoutSessionConfig: legacy}));
    click(document.querySelector("#second button"), 1);
    await posted();

    await Pay.initCheckout({merchantId: "PMXMERCHANT", publicKeyId: "PLAINKEY", sandbox: true, productType: "SignIn",
      signInConfig: {payloadJSON: "{}", signature: "c2ln", algorithm: "AMZN-PAY-RSASSA-PSS"}});
    await posted();

    await Pay.initCheckout({merchantId: "PMXMERCHANT", publicKeyId: "SANDBOX-KEY",
      createCheckoutSession: {url: "/create", method: "POST", extractAmazonCheckoutSessionId: answer => answer.id}});
    await posted();

    const link = document.createElement("a");
    link.id = "change";
    link.href = "/elsewhere";
    document.body.append(link);
    Pay.bindChangeAction("#change", {amazonCheckoutSessionId: "8b3f", changeAction: "changeAddress"});
    link.click();
    await posted();
    Pay.bindUpgradeAction(place("upgrade"), {amazonCheckoutSessionId: "8b3f", upgradeAction: "UpgradeRecurring"});
    document.querySelector("#upgrade").click();
    await posted();
    seen.signout = await Pay.signout() === undefined;

    seen.errors.element = await failure(() => Pay.renderButton("#nowhere", config));
    seen.errors.merchant = await failure(() => Pay.renderButton("#first", {}));
    seen.errors.payload = await failure(() => first.initCheckout({createCheckoutSessionConfig: {signature: "x"}}));
    seen.errors.session = await failure(() => second.initCheckout({}));
    seen.errors.key = await failure(() => Pay.initCheckout({...config, createCheckoutSessionConfig: {...session, publicKeyId: undefined}}));
    seen.errors.create = await failure(() => Pay.initCheckout({...config, createCheckoutSession: {url: "/broken"}}));
    seen.errors.change = await failure(() => Pay.bindChangeAction("#change", {changeAction: "changeAddress"}));
    seen.left = document.querySelectorAll("form").length;
  } catch (error) {
    seen.failed = String(error.stack ?? error);
  }
  await fetch("/done", {method: "POST", body: JSON.stringify(seen)});
})();
