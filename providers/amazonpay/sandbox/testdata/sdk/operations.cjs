// Every operation of the official Node SDK against a simulator, as a merchant's server and his buyer's browser would make
// them. SIMULATOR is its address for the browser, TLS host and port for the SDK. It prints what was called, and ends with 1
// at the first answer that is not the documented one.
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const pay = require("@amazonpay/amazon-pay-api-sdk-nodejs");

const { SIMULATOR: simulator, TLS: tls } = process.env;
const returned = "https://shop.example/result";
const euro = (amount) => ({ amount, currencyCode: "EUR" });
const key = () => ({ "x-amz-pay-idempotency-key": crypto.randomUUID().replaceAll("-", "") });

// Which methods of the SDK were called: in the end all of them were.
const called = new Set();

function watched(client) {
  return new Proxy(client, {
    get(of, name) {
      if (typeof of[name] !== "function") return of[name];
      return (...args) => {
        called.add(name);
        return of[name](...args);
      };
    },
  });
}

// answers expects a status, and gives the body. The SDK rejects whatever is no success.
async function answers(status, call, reasonCode) {
  const got = await call.then((response) => response, (error) => {
    if (!error.response) throw error;
    return error.response;
  });
  assert.equal(got.status, status, JSON.stringify(got.data));
  assert.match(got.headers["x-amz-pay-request-id"] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(typeof got.data, "object");
  if (reasonCode) assert.equal(got.data.reasonCode, reasonCode);
  return got.data;
}

// Browser is a buyer without script: he posts forms, and stops where he is sent back to the shop.
class Browser {
  async open(address, fields) {
    const post = fields && { method: "POST", body: new URLSearchParams(fields) };
    for (let request = [address, post]; ; ) {
      const response = await fetch(request[0], { ...request[1], redirect: "manual" });
      const to = response.headers.get("location");
      if (!to) {
        this.address = request[0];
        this.page = await response.text();
        assert.equal(response.status, 200, this.page);
        return this;
      }
      if (new URL(to, request[0]).origin !== simulator) {
        this.returned = new URL(to);
        return this;
      }
      request = [new URL(to, request[0]).href];
    }
  }

  // press fills the first form of the page as it stands, and presses a button of it.
  press(action, more) {
    const form = this.page.match(/<form[^>]*>[^]*?<\/form>/g).find((f) => f.includes(`value="${action}"`));
    assert.ok(form, `no button ${action} on ${this.page}`);
    const fields = {};
    for (const [input] of form.matchAll(/<input[^>]*>/g)) {
      const name = input.match(/ name="([^"]*)"/)?.[1];
      const choice = / type="(radio|checkbox)"/.test(input);
      if (name && (!choice || / checked/.test(input))) fields[name] = input.match(/ value="([^"]*)"/)?.[1] ?? "";
    }
    const to = form.match(/<form[^>]* action="([^"]*)"/)?.[1] ?? this.address;
    return this.open(new URL(to, this.address).href, { ...fields, ...more, action });
  }
}

async function main() {
  const mine = await (await fetch(`${simulator}/_control/credentials`)).json();
  const config = { publicKeyId: mine.publicKeyId, privateKey: mine.privateKey, region: "eu", algorithm: "AMZN-PAY-RSASSA-PSS-V2", overrideServiceUrl: tls };
  const shop = watched(new pay.WebStoreClient(config));
  const till = watched(new pay.InStoreClient(config));

  // button is what checkout.js posts when the buyer clicks.
  const button = (payload, productType, of = config) => {
    const text = JSON.stringify(payload);
    const signature = watched(new pay.WebStoreClient(of)).generateButtonSignature(text);
    return new Browser().open(`${simulator}/button`, {
      merchantId: mine.merchantId, publicKeyId: of.publicKeyId, productType, payloadJSON: text, signature, algorithm: of.algorithm ?? "AMZN-PAY-RSASSA-PSS",
    });
  };

  // An order: the buyer signs in, is shown to the shop, agrees, and the shop completes.
  const checkout = async (of = shop, by = config) => {
    let buyer = await button({ storeId: mine.storeId, webCheckoutDetails: { checkoutReviewReturnUrl: "https://shop.example/review" } }, "PayAndShip", by);
    buyer = await (await buyer.press("continue")).press("continue");
    const id = buyer.returned.searchParams.get("amazonCheckoutSessionId");
    const session = await answers(200, of.getCheckoutSession(id));
    assert.equal(session.statusDetails.state, "Open");
    assert.ok(session.shippingAddress.name && session.paymentPreferences[0].paymentDescriptor);
    const updated = await answers(200, of.updateCheckoutSession(id, {
      webCheckoutDetails: { checkoutResultReturnUrl: returned },
      paymentDetails: { paymentIntent: "Authorize", chargeAmount: euro("10.00"), totalOrderAmount: euro("40.00") },
      merchantMetadata: { merchantReferenceId: `order-${id.slice(0, 8)}`, noteToBuyer: "Grüße, 注文" },
    }));
    await (await new Browser().open(updated.webCheckoutDetails.amazonPayRedirectUrl)).press("continue");
    const completion = { chargeAmount: euro("10.00"), totalOrderAmount: euro("40.00") };
    return answers(200, of.completeCheckoutSession(id, completion));
  };

  const bought = await checkout();
  assert.equal((await answers(200, shop.getCharge(bought.chargeId))).statusDetails.state, "Authorized");
  assert.equal((await answers(200, shop.captureCharge(bought.chargeId, { captureAmount: euro("9.50") }, key()))).statusDetails.state, "Captured");
  const refund = await answers(201, shop.createRefund({ chargeId: bought.chargeId, refundAmount: euro("1.25") }, key()));
  assert.equal((await answers(200, shop.getRefund(refund.refundId))).statusDetails.state, "RefundInitiated");

  const permission = bought.chargePermissionId;
  assert.equal((await answers(200, shop.getChargePermission(permission))).statusDetails.state, "Chargeable");
  await answers(200, shop.updateChargePermission(permission, { merchantMetadata: { noteToBuyer: "on its way" } }));
  const once = key(), charge = { chargePermissionId: permission, chargeAmount: euro("5.00") };
  const second = await answers(201, shop.createCharge(charge, once));
  assert.deepEqual(await answers(201, shop.createCharge(charge, once)), second, "the same key gives the same charge");
  await answers(400, shop.createCharge({ ...charge, chargeAmount: euro("6.00") }, once), "DuplicateIdempotencyKey");
  assert.equal((await answers(200, shop.cancelCharge(second.chargeId, { cancellationReason: "changed" }))).statusDetails.state, "Canceled");
  await answers(200, shop.deliveryTrackers({ chargePermissionId: permission, deliveryDetails: [{ trackingNumber: "00340434161094", carrierCode: "DHL" }] }));
  assert.equal((await answers(200, shop.closeChargePermission(permission, { closureReason: "done" }))).statusDetails.state, "Closed");

  // A session that the server makes, and one that is finished as single-page shops do it.
  const made = await answers(201, shop.createCheckoutSession({ storeId: mine.storeId, webCheckoutDetails: { checkoutReviewReturnUrl: "https://shop.example/review" } }, key()));
  assert.equal(made.constraints[0].constraintId, "BuyerNotAssociated");
  await answers(422, shop.finalizeCheckoutSession(made.checkoutSessionId, { chargeAmount: euro("1.00"), paymentIntent: "Authorize" }));

  const signedIn = await (await button({ signInReturnUrl: "https://shop.example/in", storeId: mine.storeId, signInScopes: ["name", "email"] }, "SignIn")).press("continue");
  const token = (signedIn.returned ?? (await signedIn.press("continue")).returned).searchParams.get("buyerToken");
  assert.ok((await answers(200, shop.getBuyer(token))).email);

  // Reports are ordered and never written here.
  const kind = "_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SETTLEMENT_DATA_";
  const ordered = await answers(201, shop.createReport({ reportType: kind, startTime: "20240101T000000Z", endTime: "20240102T000000Z" }, key()));
  await answers(200, shop.getReportById(ordered.reportId));
  assert.equal((await answers(200, shop.getReports({ reportTypes: [kind], processingStatuses: ["IN_PROGRESS", "COMPLETED"], pageSize: 10 }))).reports.length, 1);
  await answers(404, shop.getReportDocument("none"), "ResourceNotFound");
  const plan = await answers(201, shop.createReportSchedule({ reportType: kind, scheduleFrequency: "P1D", nextReportCreationTime: "20300101T000000Z" }, key()));
  await answers(200, shop.getReportScheduleById(plan.reportScheduleId));
  assert.equal((await answers(200, shop.getReportSchedules([kind]))).reportSchedules.length, 1);
  await answers(200, shop.cancelReportSchedule(plan.reportScheduleId));
  await answers(200, shop.apiCall({ method: "GET", urlFragment: "disbursements", queryParams: { startTime: "20240101T000000Z", endTime: "20240102T000000Z", pageSize: 10 } }));

  // What an ordinary merchant may not do: refused for that, so the signature was accepted.
  const refused = (call) => answers(401, call, "UnauthorizedAccess");
  await refused(shop.registerAmazonPayAccount({ uniqueReferenceId: "u-1" }));
  await refused(shop.updateAmazonPayAccount("A1", { businessInfo: {} }));
  await refused(shop.deleteAmazonPayAccount("A1"));
  await refused(shop.createMerchantAccount({ uniqueReferenceId: "u-1" }));
  await refused(shop.updateMerchantAccount("A1", { businessInfo: {} }, {}));
  await refused(shop.merchantAccountClaim("A1", { uniqueReferenceId: "u-1" }));
  await refused(shop.createDispute({ chargeId: bought.chargeId }, key()));
  await refused(shop.getDispute("D1"));
  await refused(shop.updateDispute("D1", {}, {}));
  await refused(shop.contestDispute("D1", {}, {}));
  await refused(shop.uploadFile({ type: "PDF", purpose: "disputeEvidence" }, key()));
  await refused(shop.updateCharge(bought.chargeId, { statusDetails: { state: "Captured" } }, key()));
  await answers(405, shop.getAuthorizationToken("amzn.mws.1", mine.merchantId), "RequestNotSupported"); // live only
  await refused(till.merchantScan({ scanData: "x" }, key()));
  await refused(till.charge({ chargePermissionId: permission }, key()));
  await refused(till.refund({ chargeId: bought.chargeId }, key()));

  // The older signature, which the SDK makes when it is told nothing, and a key that is somebody else's.
  const { algorithm, ...legacy } = config;
  await checkout(watched(new pay.WebStoreClient(legacy)), legacy);
  const stranger = { ...config, privateKey: crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }) };
  await answers(403, new pay.WebStoreClient(stranger).getChargePermission(permission), "InvalidRequestSignature");
  await answers(403, new pay.WebStoreClient({ ...config, publicKeyId: "SANDBOX-AHNOBODY" }).getChargePermission(permission), "InvalidAuthentication");
  const page = await button({ storeId: mine.storeId, webCheckoutDetails: { checkoutReviewReturnUrl: "https://shop.example/review" } }, "PayOnly", stranger).then((b) => b.page, (e) => e.message);
  assert.match(page, /InvalidSignatureError/);

  const helpers = ["constructor", "apiCall", "getSignedHeaders"];
  for (const of of [pay.AmazonPayClient, pay.WebStoreClient, pay.InStoreClient]) {
    for (const name of Object.getOwnPropertyNames(of.prototype)) {
      assert.ok(helpers.includes(name) || called.has(name), `${name} was not tried`);
    }
  }
  console.log(`${called.size} operations of the official SDK: ${[...called].sort().join(" ")}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
