// What is under a click: the features with their properties and details, and the tile.

import { detailsOf } from "./address.mjs";
import { byId, bytes, el, features as counted, say } from "./dom.mjs";
import { swatch } from "./legend.mjs";
import { tileAt, tileZoom } from "./overlay.mjs";
import { details } from "./server.mjs";

/** Pixels around a click that count as hit. */
const REACH = 5;

/** Features shown at most. */
const MOST = 20;

export class Inspector {
  /** `context` gives `{ layers, shown, tiles, theme }` of the moment. */
  constructor(map, context) {
    this.map = map;
    this.context = context;
    this.chosen = [];
    this.asking = undefined;
    byId("inspector-close").addEventListener("click", () => this.close());
  }

  /** Whether it is open. */
  get isOpen() {
    return !byId("inspector").hidden;
  }

  close() {
    this.asking?.abort();
    this.choose([]);
    if (this.isOpen) {
      const within = byId("inspector").contains(document.activeElement);
      byId("inspector").hidden = true;
      if (within) {
        this.map.getCanvas().focus();
      }
    }
  }

  /** Shows what is at a point of the map's canvas. */
  inspect(point, lngLat) {
    const found = this.found(point);
    this.asking?.abort();
    this.asking = new AbortController();
    this.choose(found);
    const { shown } = this.context();
    const title = found.length === 0 ? "Nothing here" : counted(found.length);
    byId("inspector-title").textContent = title;
    byId("inspector-body").replaceChildren(
      ...found.slice(0, MOST).map((feature) => this.card(feature)),
      found.length > MOST ? el("p", { class: "hint" }, `${found.length - MOST} more here. Zoom in to tell them apart.`) : "",
      ...shown.map((one) => this.tile(one, lngLat)).filter(Boolean),
    );
    byId("inspector").hidden = false;
    byId("inspector-body").scrollTop = 0;
    byId("inspector").focus({ preventScroll: true });
    say(title);
  }

  /** Features near the point, each once, the uppermost first. */
  found({ x, y }) {
    const box = [[x - REACH, y - REACH], [x + REACH, y + REACH]];
    const seen = new Set();
    return this.map.queryRenderedFeatures(box).filter((feature) => {
      if (!this.layer(feature)) {
        return false;
      }
      const same = feature.id ?? JSON.stringify([Object.entries(feature.properties), feature.geometry]);
      const key = `${feature.source}/${feature.sourceLayer}/${same}`;
      return !seen.has(key) && seen.add(key);
    });
  }

  layer({ source, sourceLayer }) {
    return this.context().layers.find((layer) => layer.source === source && layer.name === sourceLayer);
  }

  /** Marks features on the map, those that have an id. */
  choose(features) {
    for (const known of this.chosen) {
      if (this.map.getSource(known.source)) {
        this.map.removeFeatureState(known, "chosen");
      }
    }
    this.chosen = features
      .filter(({ id }) => id !== undefined)
      .map(({ source, sourceLayer, id }) => ({ source, sourceLayer, id }));
    this.chosen.forEach((feature) => this.map.setFeatureState(feature, { chosen: true }));
  }

  card(feature) {
    const layer = this.layer(feature);
    const { theme } = this.context();
    const properties = Object.entries(feature.properties);
    const more = el("div", { class: "details" });
    if (layer.details && feature.id !== undefined) {
      this.ask(detailsOf(layer.details, feature.id, document.baseURI), more);
    }
    return el(
      "article",
      { class: "feature", "data-layer": layer.name },
      el("h3", {}, swatch(layer, theme), el("span", {}, title(properties) ?? layer.name)),
      el("p", { class: "tag" }, [layer.name, feature.id !== undefined && `id ${feature.id}`].filter(Boolean).join(" · ")),
      table(properties),
      more,
    );
  }

  /** Fills `place` with what the server tells of a feature. */
  async ask(url, place) {
    const { signal } = this.asking;
    place.append(el("p", { class: "hint" }, "Asking for details…"));
    try {
      const feature = await details(url, signal);
      place.replaceChildren(el("h4", {}, "Details"), table(Object.entries(feature.properties ?? {})));
    } catch (error) {
      if (!signal.aborted) {
        place.replaceChildren(el("p", { class: "error" }, `No details: ${error.message}`));
      }
    }
  }

  /** What is known of the tile of one tileset at a place. */
  tile({ id, tilejson }, lngLat) {
    const z = tileZoom(this.map.getZoom(), tilejson);
    if (z === undefined) {
      return undefined;
    }
    const { x, y } = tileAt(lngLat.wrap(), z);
    const known = this.context().tiles.of(id, z, x, y);
    return el(
      "article",
      { class: "tile" },
      el("h3", {}, `Tile ${z}/${x}/${y}`),
      el("p", { class: "tag" }, id),
      known ? summary(known) : el("p", { class: "hint" }, "It isn't loaded."),
    );
  }
}

function summary(tile) {
  if (tile.error) {
    return el("p", { class: "error" }, `${tile.error.status || ""} ${tile.error.message}`.trim());
  }
  if (tile.features === 0) {
    return el("p", { class: "hint" }, "It is empty.");
  }
  const rows = tile.layers.map(({ name, features, bytes: size }) => [name, `${counted(features)}, ${bytes(size)} unpacked`]);
  return el(
    "div",
    {},
    el("p", {}, `${bytes(tile.bytes)} sent, ${bytes(tile.unpacked)} unpacked`),
    tile.truncated && el("p", { class: "error" }, `A budget left something out: ${tile.truncated}`),
    table(rows),
  );
}

/** What a feature may be called. */
function title(properties) {
  const names = ["name", "title", "label", "name_en"];
  const found = names.map((wanted) => properties.find(([key]) => key.toLowerCase() === wanted)).find(Boolean);
  return found && String(found[1]);
}

function table(rows) {
  if (rows.length === 0) {
    return el("p", { class: "hint" }, "No properties.");
  }
  const cell = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
  return el("table", {}, el("tbody", {}, rows.map(([key, value]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, cell(value))))));
}
