// What the page's own address and the server's say. No DOM, so that it runs anywhere.

/** Most layers that one tile can have. */
export const MAX_COMPOSITE = 16;

/** The tileset that a page's path names; empty for the catalogue's own page. */
export function tilesetOf(pathname) {
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  if (!last.endsWith(".html")) {
    return "";
  }
  let name = last.slice(0, -".html".length);
  try {
    name = decodeURIComponent(name);
  } catch {
    // A lone % stands for itself: the server will know no such tileset.
  }
  return name === "index" ? "" : name;
}

/** An id as a segment of a path. Commas stay, which stand between the layers of a composite. */
export const segment = (id) => encodeURIComponent(id).replaceAll("%2C", ",");

/** Address of the page about a tileset, relative to the page. */
export const pageOf = (id) => (id === "" ? "./" : `${segment(id)}.html`);

/**
 * Addresses below which this page itself is: `public_url` may name another server, which the page's policy
 * doesn't let it ask. The version and the parameters are in the query.
 */
export function tilesOf(tilejson, page) {
  const [, query] = split(tilejson.tiles[0]);
  return `${new URL(segment(tilejson.name), page).href}/{z}/{x}/{y}${query}`;
}

/** Address of a feature's details: what TileJSON says, below this page. */
export function detailsOf(template, id, page) {
  const [path, query] = split(template);
  const relative = path.split("/").slice(-3).join("/");
  return new URL(relative.replace("{id}", encodeURIComponent(id)) + query, page).href;
}

/** The TileJSON's public address, with the parameters that were asked for. */
export function publicOf(tilejson) {
  const [path, query] = split(tilejson.tiles[0]);
  const asked = query.slice(1).split("&").filter((pair) => pair !== "" && !pair.startsWith("v="));
  return path.replace(/\/\{z\}\/\{x\}\/\{y\}$/, "") + (asked.length ? `?${asked.join("&")}` : "");
}

function split(url) {
  const at = url.indexOf("?");
  return at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at)];
}
