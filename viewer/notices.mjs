// Short messages over the map: one for each subject, until it is taken back or closed.

import { byId, el } from "./dom.mjs";

const shown = new Map();

/** Shows `text` about a subject. `action` is `{ label, run }`; `kind` is "error" or nothing. */
export function notify(subject, text, { kind = "", action } = {}) {
  const known = shown.get(subject);
  if (known?.text === text && known.label === action?.label) {
    known.run = action?.run;
    return;
  }
  const notice = { text, label: action?.label, run: action?.run };
  notice.element = el(
    "div",
    { class: `notice ${kind}`, "data-subject": subject },
    el("p", {}, text),
    action && el("button", { type: "button", onclick: () => notice.run?.() }, action.label),
    el("button", { type: "button", class: "icon close", "aria-label": "Close", onclick: () => unnotify(subject) }, "×"),
  );
  if (known) {
    known.element.replaceWith(notice.element);
  } else {
    byId("notices").append(notice.element);
  }
  shown.set(subject, notice);
}

/** Takes back what was said about a subject. */
export function unnotify(subject) {
  shown.get(subject)?.element.remove();
  shown.delete(subject);
}
