// Borders of the tiles in view, with what each weighs and holds.

import { byId, bytes, el, features } from "./dom.mjs";
import { HEAVY } from "./style.mjs";

/** Most borders at once; more happen only for a moment, between two zooms. */
const MOST = 300;

/** Height of the buttons over the map, in pixels. */
const BUTTONS = 54;

/** Latitude of the square world's edge. */
const EDGE = 85.0511287798066;

const radians = Math.PI / 180;
const row = (lat, n) => ((1 - Math.asinh(Math.tan(lat * radians)) / Math.PI) / 2) * n;
const column = (lng, n) => ((lng + 180) / 360) * n;
const latitude = (y, n) => Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / n))) / radians;
const longitude = (x, n) => (x / n) * 360 - 180;

/** Coordinates of the tile at a place; x isn't wrapped. */
export function tileAt({ lng, lat }, z) {
  const n = 2 ** z;
  const y = Math.floor(row(Math.max(-EDGE, Math.min(EDGE, lat)), n));
  return { z, x: Math.floor(column(lng, n)), y: Math.max(0, Math.min(n - 1, y)) };
}

/** Zoom of tiles at the map's zoom, which is below 0 where the world is smaller than a tile. */
export const whole = (zoom) => Math.max(0, Math.floor(zoom));

/** Zoom of the tiles that a tileset shows at the map's zoom; `undefined` below its first. */
export function tileZoom(zoom, { minzoom, maxzoom }) {
  const z = Math.min(whole(zoom), maxzoom);
  return z < minzoom ? undefined : z;
}

/** Tiles of a tileset in the map's view. */
export function tilesInView(map, tilejson) {
  const z = tileZoom(map.getZoom(), tilejson);
  if (z === undefined) {
    return [];
  }
  const view = map.getBounds();
  const [west, south, east, north] = tilejson.bounds;
  const first = tileAt({ lng: view.getWest(), lat: Math.min(view.getNorth(), north) }, z);
  const last = tileAt({ lng: view.getEast(), lat: Math.max(view.getSouth(), south) }, z);
  const n = 2 ** z;
  const [from, to] = [Math.floor(column(west, n)), Math.min(n - 1, Math.floor(column(east, n)))];
  const tiles = [];
  for (let y = first.y; y <= last.y; y++) {
    for (let x = first.x; x <= last.x && tiles.length < MOST; x++) {
      const wrapped = ((x % n) + n) % n;
      if (wrapped >= from && wrapped <= to) {
        tiles.push({ z, x: wrapped, y, at: x });
      }
    }
  }
  return tiles;
}

/** What all tilesets have in each tile in view. */
export function weights(map, tiles, shown) {
  const all = new Map();
  for (const { id, tilejson } of shown) {
    for (const tile of tilesInView(map, tilejson)) {
      const name = `${tile.z}/${tile.at}/${tile.y}`;
      const sum = all.get(name) ?? { ...tile, bytes: 0, features: 0, loaded: 0, failed: 0, truncated: [] };
      const known = tiles.of(id, tile.z, tile.x, tile.y);
      sum.bytes += known?.bytes ?? 0;
      sum.features += known?.features ?? 0;
      sum.loaded += known ? 1 : 0;
      sum.failed += known?.error ? 1 : 0;
      sum.truncated.push(...(known?.truncated ? [known.truncated] : []));
      all.set(name, sum);
    }
  }
  return [...all.values()];
}

/** The borders as GeoJSON. */
export function squares(list) {
  const borders = list.map(({ z, at, y, bytes: weight }) => {
    const n = 2 ** z;
    const [w, e, s, no] = [longitude(at, n), longitude(at + 1, n), latitude(y + 1, n), latitude(y, n)];
    const ring = [[w, s], [e, s], [e, no], [w, no], [w, s]];
    return { type: "Feature", properties: { bytes: weight }, geometry: { type: "Polygon", coordinates: [ring] } };
  });
  return { type: "FeatureCollection", features: borders };
}

/** Puts a label into each tile's corner. */
export function label(map, list) {
  const labels = list.map((tile) => {
    const n = 2 ** tile.z;
    const { x, y } = map.project([longitude(tile.at, n), latitude(tile.y, n)]);
    const heavy = tile.bytes > HEAVY;
    const box = el(
      "div",
      { class: `tile-label${heavy ? " heavy" : ""}${tile.failed ? " failed" : ""}`, "data-tile": `${tile.z}/${tile.x}/${tile.y}` },
      el("b", {}, `${tile.z}/${tile.x}/${tile.y}`),
      el("span", {}, said(tile)),
      tile.truncated.length > 0 && el("span", { class: "warning" }, `truncated: ${tile.truncated.join(", ")}`),
    );
    // In the part of the tile that can be seen, below the buttons.
    const [left, top] = [Math.max(x, 0) + 4, y < BUTTONS ? BUTTONS : y + 4];
    // Beside its neighbour's, not over it.
    box.style.maxWidth = `${Math.max(0, Math.round(map.project([longitude(tile.at + 1, n), latitude(tile.y, n)]).x - left - 4))}px`;
    box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    return box;
  });
  byId("tile-labels").replaceChildren(...labels);
}

function said(tile) {
  if (tile.failed) {
    return "failed";
  }
  if (!tile.loaded) {
    return "…";
  }
  return tile.features === 0 ? "empty" : `${bytes(tile.bytes)}, ${features(tile.features)}`;
}
