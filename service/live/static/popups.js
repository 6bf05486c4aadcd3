// Menus that open below their buttons: one at a time, and closed as people expect, by Esc, by a click elsewhere, when the
// focus moves on, and by a choice. The focus goes back to the button, unless it has gone elsewhere.

const opened = () => document.querySelector("details[data-popup][open]");

export function listenToPopups() {
  addEventListener("keydown", (event) => event.key === "Escape" && closePopup());
  const closeOutside = ({ target }) => {
    const popup = opened();
    if (popup && !popup.contains(target)) closePopup();
  };
  document.addEventListener("click", closeOutside);
  document.addEventListener("focusin", closeOutside);
}

/** Close the menu that is open, if one is. */
export function closePopup() {
  const popup = opened();
  if (!popup) return;
  const focus = document.activeElement;
  popup.open = false;
  if (focus === document.body || popup.contains(focus)) popup.querySelector("summary").focus();
}
