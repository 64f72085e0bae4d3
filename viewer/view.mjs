// The map itself: its style, its controls, what it says below and over the map.

import { tilesOf } from "./address.mjs";
import { byId, el, linked } from "./dom.mjs";
import { Inspector } from "./inspector.mjs";
import { legend } from "./legend.mjs";
import { notify, unnotify } from "./notices.mjs";
import { label, squares, tileAt, tileZoom, tilesInView, weights, whole } from "./overlay.mjs";
import { HEAVY, SQUARES, style } from "./style.mjs";
import { Tiles } from "./tiles.mjs";

/** Zoom that a single point is shown at. */
const CLOSEST = 14;

/** The map with what is shown on it. */
export class View {
  constructor(maplibre) {
    this.shown = [];
    this.layers = [];
    this.careful = false;
    this.bordered = false;
    this.ready = false;
    this.tiles = new Tiles(maplibre, (loaded) => this.loaded(loaded));
    this.map = new maplibre.Map({
      container: "map",
      style: this.style(),
      hash: true,
      maxPitch: 0,
      attributionControl: false,
      fadeDuration: 0,
      center: [10, 25],
      zoom: 1,
    });
    this.map.addControl(new maplibre.NavigationControl({ visualizePitch: false }), "top-right");
    this.map.addControl(new maplibre.ScaleControl(), "bottom-right");
    this.map.getCanvas().setAttribute("aria-label", "Map. Arrow keys move it, plus and minus zoom, Enter tells what is in the middle.");
    this.inspector = new Inspector(this.map, () => ({ layers: this.layers, shown: this.shown, tiles: this.tiles, theme: this.theme }));
    this.listen();
  }

  get theme() {
    return document.documentElement.dataset.theme;
  }

  listen() {
    const { map } = this;
    map.on("click", ({ point, lngLat }) => this.inspector.inspect(point, lngLat));
    map.on("move", () => this.moved());
    map.on("render", () => (document.documentElement.dataset.map = "busy"));
    map.on("idle", () => this.idle());
    map.on("error", ({ error }) => this.failed(error));
    map.on("mousemove", ({ point, lngLat }) => this.pointed(point, lngLat));
    map.on("mouseout", () => this.place());
    map.on("style.load", () => {
      this.ready = true;
      this.moved();
    });
    map.getCanvas().addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        this.inspector.inspect(map.project(map.getCenter()), map.getCenter());
      }
    });
  }

  /** Shows tilesets: `{ id, tilejson }` each. `careful` hides layers that turn out heavy. */
  show(shown, { careful }) {
    this.inspector.close();
    this.tiles.clear();
    this.shown = shown;
    this.careful = careful;
    const places = { polygon: 0, line: 0, point: 0 };
    this.layers = shown.flatMap(({ id, tilejson }) =>
      tilejson.vector_layers.map((layer) => {
        const own = { ...places };
        // An unknown type may turn out to be any.
        (layer.geometry_type ? [layer.geometry_type] : Object.keys(places)).forEach((type) => places[type]++);
        return { ...layer, source: id, name: layer.id, type: layer.geometry_type, label: labelOf(layer), found: new Set(), places: own, hidden: false };
      }),
    );
    ["tile", "empty", "zoom", "heavy"].forEach(unnotify);
    byId("attribution").replaceChildren(...attributions(shown));
    this.redraw();
  }

  style() {
    const page = document.baseURI;
    const source = ({ id, tilejson }) => {
      const { minzoom, maxzoom, bounds } = tilejson;
      return [id, { type: "vector", tiles: [this.tiles.template(id, tilesOf(tilejson, page))], minzoom, maxzoom, bounds }];
    };
    return style({
      sources: Object.fromEntries(this.shown.map(source)),
      layers: this.layers,
      theme: this.theme,
      squares: this.bordered ? squares(this.weights()) : null,
    });
  }

  redraw() {
    document.documentElement.dataset.map = "busy";
    // A style that isn't there yet can't be compared with.
    this.map.setStyle(this.style(), { diff: this.ready });
    this.moved();
  }

  weights() {
    return this.map ? weights(this.map, this.tiles, this.shown) : [];
  }

  /** Turns the tiles' borders on or off. */
  borders(on) {
    this.bordered = on;
    this.redraw();
  }

  /** Shows all data. `at_once` doesn't fly there. */
  fit(atOnce = false) {
    const each = this.shown.map(({ tilejson }) => tilejson.bounds);
    if (each.length === 0) {
      return;
    }
    const side = (n, pick) => pick(...each.map((bounds) => bounds[n]));
    const bounds = [side(0, Math.min), side(1, Math.min), side(2, Math.max), side(3, Math.max)];
    const still = atOnce || matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map.fitBounds(bounds, { padding: 24, maxZoom: CLOSEST, animate: !still });
  }

  moved() {
    const zoom = this.map.getZoom();
    byId("zoom").textContent = `zoom ${zoom.toFixed(2)}`;
    this.place();
    this.legend();
    this.tooFar(zoom);
    if (this.bordered) {
      this.drawBorders();
    } else {
      byId("tile-labels").replaceChildren();
    }
  }

  legend() {
    const zoom = this.map.getZoom();
    const state = this.theme + whole(zoom) + JSON.stringify(this.layers.map(({ source, name, hidden, found }) => [source, name, hidden, [...found]]));
    if (state === this.drawn) {
      return;
    }
    this.drawn = state;
    legend(this.layers, { theme: this.theme, zoom: whole(zoom), toggle: (layer) => this.toggle(layer) });
  }

  toggle(layer) {
    layer.hidden = !layer.hidden;
    this.redraw();
  }

  drawBorders() {
    const list = this.weights();
    this.map.getSource(SQUARES)?.setData(squares(list));
    label(this.map, list);
  }

  /** Says which tile is at a place, or in the middle. */
  place(lngLat = this.map.getCenter()) {
    const z = whole(this.map.getZoom());
    const { x, y } = tileAt(lngLat.wrap(), z);
    byId("tile").textContent = `tile ${z}/${x}/${y}`;
    byId("place").textContent = `${lngLat.wrap().lng.toFixed(4)}, ${lngLat.lat.toFixed(4)}`;
  }

  pointed(point, lngLat) {
    this.place(lngLat);
    if (this.asked) {
      return;
    }
    this.asked = requestAnimationFrame(() => {
      this.asked = undefined;
      const hit = this.inspector.found(point).length > 0;
      this.map.getCanvas().classList.toggle("hit", hit);
    });
  }

  /** A tile came, or didn't. */
  loaded({ source, tile }) {
    for (const found of tile.layers) {
      const layer = this.layers.find(({ source: from, name }) => from === source && name === found.name);
      found.types.forEach((type) => layer?.found.add(type));
    }
    if (this.careful && (tile.bytes > HEAVY || tile.error)) {
      this.spare(source, tile);
    } else if (tile.error) {
      const { status, message } = tile.error;
      const again = { label: "Try again", run: () => this.again() };
      const text = `Tile ${tile.z}/${tile.x}/${tile.y} of ${source}: ${status || ""} ${message}`;
      notify("tile", text, { kind: "error", action: again });
    }
    if (!this.soon) {
      // Tiles come in dozens.
      this.soon = requestAnimationFrame(() => {
        this.soon = undefined;
        this.moved();
      });
    }
  }

  /** Of everything at once, what is heavy or broken isn't shown. */
  spare(source, tile) {
    const layers = this.layers.filter((layer) => layer.source === source && !layer.hidden);
    if (layers.length > 0) {
      layers.forEach((layer) => (layer.hidden = true));
      const why = tile.error ? `${tile.error.status || ""} ${tile.error.message}` : "its tiles are heavy at this zoom";
      notify("heavy", `${source} is not shown: ${why}. Choose it in the catalogue to see it alone.`);
      this.redraw();
    }
  }

  /** Asks once more for tiles that failed. */
  again() {
    unnotify("tile");
    this.tiles.clear();
    // The map remembers failures for as long as it has the sources.
    this.ready = false;
    this.redraw();
  }

  /** What goes wrong elsewhere than in loading. */
  failed(error) {
    if (error?.name !== "Refusal" && error?.name !== "AbortError") {
      notify("map", `The map: ${error?.message ?? error}`, { kind: "error" });
    }
  }

  /** Where nothing is shown because of the zoom, says so. */
  tooFar(zoom) {
    const layers = this.layers.filter(({ hidden }) => !hidden);
    const first = Math.min(...layers.map(({ minzoom }) => minzoom));
    if (layers.length === 0 || whole(zoom) >= first) {
      unnotify("zoom");
      return;
    }
    const names = layers.length === 1 ? `this layer starts at zoom ${first}` : `the first of these layers starts at zoom ${first}`;
    notify("zoom", `Zoom in: ${names}.`, { action: { label: `Zoom to ${first}`, run: () => this.map.zoomTo(first) } });
  }

  /** Where all is loaded and nothing is there, says so. */
  idle() {
    document.documentElement.dataset.map = "idle";
    const zoom = this.map.getZoom();
    const inView = this.shown.flatMap(({ id, tilejson }) => tilesInView(this.map, tilejson).map(({ z, x, y }) => this.tiles.of(id, z, x, y)));
    const visible = this.shown.some(({ tilejson }) => tileZoom(zoom, tilejson) !== undefined);
    const empty = visible && inView.every((tile) => tile && !tile.error && tile.features === 0);
    if (empty) {
      notify("empty", "There is nothing here.", { action: { label: "Show all data", run: () => this.fit() } });
    } else {
      unnotify("empty");
    }
  }
}

/** The property that names a layer's features, if it has one. */
function labelOf({ fields }) {
  return Object.keys(fields).find((name) => name.toLowerCase() === "name" && fields[name] === "String");
}

/** Each attribution once. */
function attributions(shown) {
  const texts = [...new Set(shown.map(({ tilejson }) => tilejson.attribution).filter(Boolean))];
  return texts.map((text) => el("span", {}, linked(text)));
}
