// The list of what is published: search, open one, or put several on the map.

import { MAX_COMPOSITE, pageOf } from "./address.mjs";
import { byId, count, el } from "./dom.mjs";

/** Entries in the list at most; searching finds the others. */
const MOST = 200;

/** Shows the catalogue. `open` is called with the id that was chosen, a composite's perhaps. */
export class Catalogue {
  constructor(catalogue, open) {
    this.open = open;
    this.shown = [];
    const published = Object.entries(catalogue.tiles).map(([id, entry]) => ({ id, ...entry }));
    const disabled = Object.entries(catalogue.disabled).map(([id, entry]) => ({ id, ...entry }));
    this.entries = [...published, ...disabled].map((entry) => ({
      ...entry,
      text: [entry.id, entry.description, entry.reason, ...(entry.layers ?? [])].join("\n").toLowerCase(),
    }));
    byId("count").textContent = count(published.length);
    byId("search").addEventListener("input", () => this.render());
  }

  /** Marks what is on the map. */
  mark(ids) {
    this.shown = ids;
    this.render();
  }

  render() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.entries.filter(({ text }) => words.every((word) => text.includes(word)));
    byId("catalogue").replaceChildren(...found.slice(0, MOST).map((entry) => this.item(entry)));
    const message = byId("no-match");
    message.hidden = found.length > 0 && found.length <= MOST;
    message.textContent = this.hint(found.length);
  }

  hint(found) {
    if (this.entries.length === 0) {
      return "Nothing is published yet. Give the database a table with a geometry column, or configure layers.";
    }
    return found === 0 ? "Nothing has these words." : `${count(found - MOST)} more: search for them.`;
  }

  item(entry) {
    if (entry.reason !== undefined) {
      return el(
        "li",
        { class: "disabled", "data-id": entry.id },
        el("span", { class: "name" }, entry.id),
        el("span", { class: "tag" }, "not served"),
        el("p", { class: "reason" }, entry.reason),
      );
    }
    const alone = this.shown.length === 1 && this.shown[0] === entry.id;
    const link = el(
      "a",
      { class: "name", href: pageOf(entry.id), "aria-current": alone ? "page" : undefined, onclick: (event) => this.follow(event, entry.id) },
      entry.id,
    );
    return el(
      "li",
      { "data-id": entry.id },
      this.box(entry.id),
      link,
      el("span", { class: "tag" }, kind(entry)),
      entry.description && el("p", { class: "about" }, entry.description),
    );
  }

  /** Shows it together with others. */
  box(id) {
    const checked = this.shown.includes(id);
    const full = !checked && this.shown.length >= MAX_COMPOSITE;
    const box = el("input", { type: "checkbox", checked, disabled: full, "aria-label": `Show ${id} with others`, title: "Show with others" });
    box.addEventListener("change", () => {
      const ids = box.checked ? [...this.shown, id] : this.shown.filter((other) => other !== id);
      this.open(ids.sort().join(","));
      // The list was drawn anew.
      byId("catalogue").querySelector(`[data-id="${CSS.escape(id)}"] input`)?.focus();
    });
    return box;
  }

  follow(event, id) {
    // Another tab or window is the browser's business.
    if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.open(id);
      byId("catalogue").querySelector(`[data-id="${CSS.escape(id)}"] a`)?.focus();
    }
  }
}

function kind({ layers, geometry_type: type, minzoom, maxzoom }) {
  const what = layers.length > 1 ? `${layers.length} layers` : (type ?? "");
  return [what, `z ${minzoom}–${maxzoom}`].filter(Boolean).join(" · ");
}
