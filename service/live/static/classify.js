// Classifies a reason without leaving the page: sends the form of the button that was pressed.

const SHOWN_MS = 20_000; // how long a verdict can be taken back where it is told
const told = document.getElementById("verdict");
const form = told.querySelector("form");
let hiding = 0;

document.addEventListener("click", (event) => {
  const button = event.target.closest(".verdicts button");
  if (!button || button.form.getAttribute("aria-busy")) return;
  event.preventDefault();
  send(button);
});

async function send(button) {
  const { form } = button;
  const body = new URLSearchParams(new FormData(form));
  body.set(button.name, button.value);
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    tell(await answer.json());
  } catch (error) {
    tell({ said: told.dataset.failed, kind: "unclassified" });
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** Say what became of a reason; all but taking back can be taken back. */
function tell({ said, reason, kind }) {
  told.querySelector("span").textContent = said;
  form.hidden = kind === "unclassified";
  form.elements.reason.value = reason || "";
  told.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => told.classList.remove("shown"), SHOWN_MS);
}
