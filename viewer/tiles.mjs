// Loads tiles for the map, and remembers what each weighed and held.

import { layersOf } from "./mvt.mjs";
import { ask } from "./server.mjs";

/** Scheme of the tiles' addresses inside the map, which MapLibre hands back to `Tiles.load`. */
const SCHEME = "tesela";

/** Tiles that are remembered: many screens full. */
const MEMORY = 4096;

/** What is known of tiles that were loaded. */
export class Tiles {
  /** `changed` is called with what became known: `{ source, tile, error }`. */
  constructor(maplibre, changed) {
    this.known = new Map();
    this.changed = changed;
    maplibre.addProtocol(SCHEME, ({ url }, abort) => this.load(url, abort.signal));
  }

  /** Forgets everything. */
  clear() {
    this.known.clear();
  }

  /** What `source` had for a tile; `undefined` while it loads. */
  of(source, z, x, y) {
    return this.known.get(`${source}/${z}/${x}/${y}`);
  }

  /** The map's address for a template of the server's. */
  template(source, url) {
    return `${SCHEME}://${encodeURIComponent(source)}/{z}/{x}/{y}/${url}`;
  }

  async load(address, signal) {
    const [source, z, x, y, ...rest] = address.slice(`${SCHEME}://`.length).split("/");
    const name = `${decodeURIComponent(source)}/${z}/${x}/${y}`;
    const tile = { z: Number(z), x: Number(x), y: Number(y) };
    try {
      const response = await ask(rest.join("/"), { signal });
      const data = await response.arrayBuffer();
      this.remember(name, { ...tile, ...contents(response, data) });
      return { data };
    } catch (error) {
      if (error.name !== "AbortError") {
        this.remember(name, { ...tile, bytes: 0, features: 0, layers: [], error });
      }
      throw error;
    }
  }

  remember(name, found) {
    this.known.delete(name);
    this.known.set(name, found);
    if (this.known.size > MEMORY) {
      this.known.delete(this.known.keys().next().value);
    }
    this.changed({ source: name.slice(0, name.lastIndexOf(`/${found.z}/`)), tile: found });
  }
}

/** Bytes as they travelled, and what the layers hold. */
function contents(response, data) {
  let layers = [];
  try {
    layers = layersOf(data);
  } catch {
    // The map will say that this is no tile.
  }
  return {
    bytes: travelled(response, data.byteLength),
    unpacked: data.byteLength,
    layers,
    features: layers.reduce((sum, layer) => sum + layer.features, 0),
    truncated: response.headers.get("Tesela-Truncated"),
  };
}

/** The encoded body's length: as the header says, or as the browser has measured it. */
function travelled(response, unpacked) {
  const length = response.headers.get("Content-Length");
  if (length !== null) {
    return Number(length);
  }
  const entry = performance.getEntriesByName(response.url, "resource").at(-1);
  return entry?.encodedBodySize || unpacked;
}
