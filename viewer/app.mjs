// The page: what is published, and some of it on a map.

import { pageOf, publicOf, tilesetOf } from "./address.mjs";
import { Catalogue } from "./catalogue.mjs";
import { byId, el, say } from "./dom.mjs";
import { load } from "./library.mjs";
import { notify, unnotify } from "./notices.mjs";
import { askForm, sheet, snippetDialog, themeButton } from "./panels.mjs";
import * as server from "./server.mjs";
import { View } from "./view.mjs";

/** The catalogue's own page shows everything, if it isn't more than this. */
const EVERYTHING = 6;

const state = { view: undefined, address: "", list: undefined, catalogue: undefined, shown: [], turn: 0 };

// Asked now, since the map writes its place there.
const placed = location.hash !== "";

const phone = sheet();

themeButton(() => state.view?.redraw());
snippetDialog(current);
byId("fit").addEventListener("click", () => state.view?.fit());
byId("tiles").addEventListener("click", ({ currentTarget: button }) => {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  state.view?.borders(on);
});
byId("home").addEventListener("click", (event) => {
  if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    open("");
  }
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  state.view?.map.getCanvas().focus();
});
addEventListener("keydown", ({ key, defaultPrevented }) => {
  if (key === "Escape" && !defaultPrevented && !byId("snippets").open) {
    if (state.view?.inspector.isOpen) {
      state.view.inspector.close();
    } else {
      phone.close();
    }
  }
});
addEventListener("popstate", () => {
  // Another place on the same map is the map's business.
  if (state.list && state.address !== location.pathname + location.search) {
    show({ fit: location.hash === "" });
  }
});

start();

async function start() {
  const map = startMap();
  try {
    state.catalogue = await server.catalogue();
  } catch (error) {
    notify("catalogue", `The catalogue can't be shown: ${error.message}`, {
      kind: "error",
      action: { label: "Try again", run: () => location.reload() },
    });
    return;
  }
  state.list = new Catalogue(state.catalogue, (id) => open(id));
  await map;
  await show({ fit: !placed });
}

/** The map, if the browser can have one; the catalogue and the snippets work without. */
async function startMap() {
  try {
    state.view = new View(await load());
  } catch (error) {
    notify("library", `The map can't be drawn: ${error.message}`, { kind: "error" });
  }
}

/** Goes to another tileset, or several with commas between. */
function open(id) {
  history.pushState(null, "", pageOf(id));
  phone.close();
  show({ fit: true });
}

/** Ids that the page shows: those of its address, or all if they are few. */
function wanted() {
  const id = tilesetOf(location.pathname);
  if (id !== "") {
    return [id];
  }
  const single = Object.entries(state.catalogue.tiles).filter(([, { layers }]) => layers.length === 1);
  return single.length <= EVERYTHING ? single.map(([one]) => one) : [];
}

/** Shows what the address says. */
async function show({ fit }) {
  const turn = ++state.turn;
  state.address = location.pathname + location.search;
  const id = tilesetOf(location.pathname);
  const everything = id === "";
  const ids = wanted();
  document.title = everything ? "Tesela" : `${id} · Tesela`;
  const answers = await Promise.allSettled(ids.map((one) => server.tilejson(one, everything ? "" : location.search)));
  if (turn !== state.turn) {
    return;
  }
  state.shown = answers.flatMap(({ value }, n) => (value ? [{ id: ids[n], tilejson: value }] : []));
  refused(answers.filter(({ status }) => status === "rejected").map(({ reason }) => reason));
  about(everything, ids);
  state.list.mark(everything ? ids : id.split(","));
  const [first] = state.shown;
  askForm(everything ? undefined : first?.tilejson, location.search, (query) => {
    history.pushState(null, "", location.pathname + query + location.hash);
    show({ fit: false });
  });
  byId("use").disabled = byId("copy-url").disabled = state.shown.length === 0;
  state.view?.show(state.shown, { careful: everything });
  if (fit) {
    state.view?.fit(true);
  }
  document.documentElement.dataset.shown = state.shown.map((one) => one.id).join(",");
}

function refused(reasons) {
  if (reasons.length === 0) {
    unnotify("tileset");
    return;
  }
  const text = reasons.map(({ status, message }) => `${status || ""} ${message}`.trim()).join("; ");
  notify("tileset", text, { kind: "error", action: { label: "Try again", run: () => show({ fit: true }) } });
}

/** What stands above the legend. */
function about(everything, ids) {
  const [first] = state.shown;
  const published = Object.keys(state.catalogue.tiles).length;
  let text = first?.tilejson.description ?? "";
  let title = tilesetOf(location.pathname);
  if (everything) {
    title = ids.length > 0 ? "Everything" : "";
    text = ids.length > 0 || published === 0 ? "" : "Choose a layer or tileset below, or several by their boxes.";
  }
  byId("shown-about").replaceChildren(
    ...[title && el("h3", {}, title), text && el("p", { class: "hint" }, text)].filter(Boolean),
  );
  say(title ? `${title} on the map` : text);
}

/** The tileset that snippets are for: what is shown, as one. */
function current() {
  const layers = state.shown.flatMap(({ tilejson }) => tilejson.vector_layers.map(({ id, geometry_type: type }) => ({ name: id, type })));
  const [{ tilejson }] = state.shown;
  if (state.shown.length === 1) {
    return { tilejson, layers };
  }
  return { tilejson: joined(state.shown.map((one) => one.tilejson)), layers };
}

/** TileJSON of the composite of several tilesets, as far as snippets read it. */
function joined(all) {
  const name = all.map((one) => one.name).join(",");
  const folder = publicOf(all[0]).replace(/[^/]*$/, "");
  const least = (pick) => Math.min(...all.map(pick));
  const most = (pick) => Math.max(...all.map(pick));
  return {
    ...all[0],
    name,
    tiles: [`${folder}${all.map((one) => encodeURIComponent(one.name)).join(",")}/{z}/{x}/{y}`],
    minzoom: least((one) => one.minzoom),
    maxzoom: most((one) => one.maxzoom),
    bounds: [least((one) => one.bounds[0]), least((one) => one.bounds[1]), most((one) => one.bounds[2]), most((one) => one.bounds[3])],
  };
}
