// What a shop's page needs of Amazon's checkout.js: the same calls, leading to the simulator this file came from.
// Each of them leaves the page by a plain form, posted to an address beside this script; no request is made behind
// the shop's back. It works under a policy of script-src and form-action alone: styles are set through the object
// model. Nobody stays signed in at the simulator, so signout has nothing to forget.
(() => {
  "use strict";

  const here = document.currentScript.src;
  const beside = name => new URL(name, here).href;

  const labels = {
    en: ["Pay with Amazon Pay", "Sign in with Amazon"],
    de: ["Mit Amazon Pay bezahlen", "Mit Amazon anmelden"],
    fr: ["Payer avec Amazon Pay", "S’identifier avec Amazon"],
    it: ["Paga con Amazon Pay", "Accedi con Amazon"],
    es: ["Pagar con Amazon Pay", "Iniciar sesión con Amazon"],
    ja: ["Amazon Payで支払う", "Amazonでログイン"],
  };
  const colours = {Gold: "#ffd814", LightGray: "#e7e9ec", DarkGray: "#5a5f66"};

  function need(value, what) {
    if (value === undefined || value === null || value === "") throw new Error("amazon.Pay: " + what + " is missing");
    return value;
  }

  function elementOf(selector) {
    const found = typeof selector === "string" ? document.querySelector(selector) : selector;
    return need(found, "the element " + selector);
  }

  // leave posts fields to an address beside this script. Unset ones are left out, objects become JSON.
  function leave(name, fields) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = beside(name);
    form.acceptCharset = "UTF-8";
    form.hidden = true;
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined || value === null) continue;
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = key;
      input.value = typeof value === "object" ? JSON.stringify(value) : String(value);
      form.append(input);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  }

  function start(config, session) {
    leave("button", {
      ...session,
      merchantId: need(config.merchantId, "merchantId"),
      publicKeyId: need(session.publicKeyId ?? config.publicKeyId, "publicKeyId"),
      productType: config.productType ?? "PayAndShip",
      ledgerCurrency: config.ledgerCurrency,
      checkoutLanguage: config.checkoutLanguage,
      placement: config.placement,
      sandbox: config.sandbox,
      estimatedOrderAmount: config.estimatedOrderAmount,
    });
  }

  // initCheckout sends the buyer off: with a signed payload, or with a session that the shop's server creates.
  async function initCheckout(config) {
    const own = config.createCheckoutSession;
    if (own && !config.createCheckoutSessionConfig) {
      const answer = await fetch(need(own.url, "createCheckoutSession.url"), {method: own.method ?? "POST", credentials: "same-origin"});
      if (!answer.ok) throw new Error("amazon.Pay: " + own.url + " answered " + answer.status);
      const extract = own.extractAmazonCheckoutSessionId ?? (session => session.checkoutSessionId);
      start(config, {amazonCheckoutSessionId: need(extract(await answer.json()), "the checkout session id")});
      return;
    }
    const name = config.productType === "SignIn" && config.signInConfig ? "signInConfig" : "createCheckoutSessionConfig";
    const signed = need(config[name], name);
    start(config, {
      publicKeyId: signed.publicKeyId,
      payloadJSON: need(signed.payloadJSON, name + ".payloadJSON"),
      signature: need(signed.signature, name + ".signature"),
      algorithm: signed.algorithm,
    });
  }

  function draw(container, config) {
    const language = labels[(config.checkoutLanguage ?? "en").slice(0, 2)] ?? labels.en;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = language[config.productType === "SignIn" ? 1 : 0];
    button.style.cssText = "display:block;box-sizing:border-box;width:100%;min-height:48px;padding:10px 20px;border:1px solid #0003;" +
      "border-radius:100px;font:600 16px/1.3 system-ui,sans-serif;cursor:pointer;color:#10171f";
    button.style.background = colours[config.buttonColor] ?? colours.Gold;
    if (config.buttonColor === "DarkGray") button.style.color = "#fff";
    container.replaceChildren(button);
    return button;
  }

  function renderButton(selector, config) {
    const settings = {...config};
    need(settings.merchantId, "merchantId");
    const button = draw(elementOf(selector), settings);
    let clicked = () => initCheckout(settings);
    button.addEventListener("click", event => {
      if (event.detail < 2) clicked(event); // the second half of a double click starts nothing
    });
    return {
      onClick(handler) { clicked = handler; },
      initCheckout(more) { return initCheckout({...settings, ...more}); },
      updateButtonInfo(amount) { settings.estimatedOrderAmount = amount; },
    };
  }

  function bind(selector, name, fields) {
    need(fields.amazonCheckoutSessionId, "amazonCheckoutSessionId");
    elementOf(selector).addEventListener("click", event => {
      event.preventDefault();
      leave(name, fields);
    });
  }

  window.amazon = window.amazon ?? {};
  window.amazon.Pay = {
    renderButton,
    initCheckout,
    bindChangeAction: (selector, {amazonCheckoutSessionId, changeAction}) =>
      bind(selector, "change", {amazonCheckoutSessionId, changeAction: need(changeAction, "changeAction")}),
    bindUpgradeAction: (selector, {amazonCheckoutSessionId, upgradeAction}) =>
      bind(selector, "upgrade", {amazonCheckoutSessionId, upgradeAction}),
    signout: () => Promise.resolve(),
  };
})();
