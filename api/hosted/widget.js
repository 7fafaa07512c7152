const instead = document.getElementById("instead"), place = document.getElementById("widget");
const show = shown => { instead.hidden = !shown; instead.style.animation = "none"; };
try {
  const {initCheckout, ...config} = JSON.parse(document.getElementById("config").textContent);
  if (initCheckout) amazon.Pay.initCheckout(config);
  else amazon.Pay.renderButton("#widget", config);
  show(false);
  setTimeout(() => show(!place.offsetHeight), 5000); // it ran and drew nothing, or its page did not open
} catch (e) {
  show(true); // it was not loaded
}
