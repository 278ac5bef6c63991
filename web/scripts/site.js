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

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
