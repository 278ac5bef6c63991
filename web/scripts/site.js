// Comfort only: every form and link works without this file.
document.documentElement.classList.add("scripted");

// The picker sends itself; its button is only needed without a script.
document.addEventListener("change", (event) => {
  const select = event.target.closest(".picker select");
  if (select) select.form.requestSubmit();
});

// A slider and its number are two handles of one value.
document.addEventListener("input", (event) => {
  const box = event.target.closest(".slider");
  if (!box) return;
  for (const other of box.querySelectorAll("input[type=range], input[type=number]")) {
    if (other !== event.target) other.value = event.target.value;
  }
});

// One box for all boxes of its table.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of event.target.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
    box.checked = event.target.checked;
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// Grounds are long and seldom all read: a file fetches those that are opened from their own page.
document.addEventListener(
  "toggle",
  async (event) => {
    const details = event.target;
    const from = details.dataset?.fill;
    if (!from || !details.open) return;
    delete details.dataset.fill;
    const answer = await fetch(from).catch(() => null);
    const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const why = page && page.querySelector("[data-why]");
    if (why) details.querySelector("p").before(why);
    else details.dataset.fill = from;
  },
  true,
);
