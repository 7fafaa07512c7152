const {initCheckout, ...config} = JSON.parse(document.getElementById("config").textContent);
if (initCheckout) amazon.Pay.initCheckout(config);
else amazon.Pay.renderButton("#widget", config);
