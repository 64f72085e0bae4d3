// Buttons and panels around the map: colours, the sheet of phones, snippets, parameters.

import { publicOf } from "./address.mjs";
import { byId, copy, el } from "./dom.mjs";
import { snippets } from "./snippets.mjs";

/** The button for light and dark. `changed` is called with the new theme. */
export function themeButton(changed) {
  const button = byId("theme");
  const root = document.documentElement;
  const show = () => button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  const set = (theme) => {
    root.dataset.theme = theme;
    show();
    changed(theme);
  };
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("tesela-theme", theme);
    } catch {
      // Then it holds until the page is left.
    }
    set(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("tesela-theme");
    } catch {
      // Nothing was chosen that could be remembered.
    }
    if (chosen === null) {
      set(matches ? "dark" : "light");
    }
  });
  show();
}

/** The sheet that phones have in place of the side panel. */
export function sheet() {
  const button = byId("sheet");
  const set = (open) => {
    byId("side").toggleAttribute("data-open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(!byId("side").hasAttribute("data-open")));
  return { close: () => set(false) };
}

/** The dialog with snippets. `current` gives `{ tilejson, layers }`, or nothing if there is no such tileset. */
export function snippetDialog(current) {
  const dialog = byId("snippets");
  let chosen = "maplibre";
  const tabs = byId("snippet-tabs");
  const render = (focus) => {
    const { tilejson, layers } = current();
    const all = snippets({ url: publicOf(tilejson), tilejson, layers });
    tabs.replaceChildren(
      ...all.map(({ id, name }) => {
        const selected = id === chosen;
        const tab = { type: "button", role: "tab", id: `tab-${id}`, "aria-selected": String(selected), "aria-controls": "snippet", tabindex: selected ? "0" : "-1" };
        return el("button", { ...tab, onclick: () => ((chosen = id), render(true)) }, name);
      }),
    );
    const { note, text } = all.find(({ id }) => id === chosen);
    byId("snippet-note").textContent = note;
    byId("snippet-text").textContent = text;
    byId("snippet").setAttribute("aria-labelledby", `tab-${chosen}`);
    if (focus) {
      byId(`tab-${chosen}`).focus();
    }
  };
  tabs.addEventListener("keydown", ({ key }) => {
    const ids = [...tabs.children].map((tab) => tab.id.slice("tab-".length));
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -ids.indexOf(chosen), End: ids.length - 1 - ids.indexOf(chosen) };
    if (key in steps) {
      chosen = ids[(ids.indexOf(chosen) + steps[key] + ids.length) % ids.length];
      render(true);
    }
  });
  byId("snippets-close").addEventListener("click", () => dialog.close());
  byId("snippet-copy").addEventListener("click", (event) => copy(byId("snippet-text").textContent, event.currentTarget));
  byId("copy-url").addEventListener("click", (event) => copy(publicOf(current().tilejson), event.currentTarget));
  byId("use").addEventListener("click", () => {
    render(false);
    dialog.showModal();
    byId(`tab-${chosen}`).focus();
  });
}

/**
 * The form for parameters and a filter, where the tileset has some. `asked` is the query that holds now; `ask` is
 * called with another.
 */
export function askForm(tilejson, asked, ask) {
  const form = byId("ask");
  const parameters = Object.entries(tilejson?.parameters ?? {});
  const filterable = Object.values(tilejson?.filterable ?? {}).flatMap((columns) => Object.entries(columns));
  form.hidden = parameters.length === 0 && filterable.length === 0;
  const now = new URLSearchParams(asked);
  const field = (name, label, hint) =>
    el("label", {}, label, el("input", { name, value: now.get(name) ?? "", placeholder: hint, autocomplete: "off", spellcheck: "false" }));
  form.replaceChildren(
    ...parameters.map(([name, described]) => field(name, name, placeholder(described))),
    filterable.length > 0 ? field("filter", `Filter by ${[...new Set(filterable.map(([column]) => column))].join(", ")}`, example(filterable[0])) : "",
    el("button", { type: "submit" }, "Apply"),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    const wanted = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = wanted.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
    ask(query === "" ? "" : `?${query}`);
  };
}

function placeholder({ type, default: value, required }) {
  const usual = value === undefined || value === null ? undefined : String(value);
  return [type, usual !== undefined && `${usual} if empty`, required && "needed"].filter(Boolean).join(", ");
}

function example([column, kind]) {
  const values = { string: "'text'", number: "1", boolean: "true", time: "TIMESTAMP('2026-01-01T00:00:00Z')" };
  return `${column} = ${values[kind] ?? "…"}`;
}
