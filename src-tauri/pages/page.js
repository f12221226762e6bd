// Puts the words from the fragment into the page, as text: nothing in them is ever run.
const texts = new URLSearchParams(location.hash.slice(1));
for (const element of document.querySelectorAll("[data-text]")) {
  element.textContent = texts.get(element.dataset.text) ?? "";
}
// The starting page that the button leads to says the same as the one before.
const retry = document.getElementById("retry");
if (retry) {
  retry.hash = new URLSearchParams({ text: texts.get("starting") ?? "" });
  retry.focus();
}
