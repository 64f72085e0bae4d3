// What is on the map: a line for each layer, with its colour, zooms and properties.

import { TYPES, colours } from "./colours.mjs";
import { byId, el } from "./dom.mjs";

/**
 * Draws the legend of `layers`. `zoom` dims those that begin further in; `toggle` is called with a layer that is to
 * be hidden or shown.
 */
export function legend(layers, { theme, zoom, toggle }) {
  const open = new Set([...byId("legend").querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const focused = document.activeElement?.closest?.("#legend [data-layer]")?.dataset.layer;
  const part = document.activeElement?.localName;
  const items = layers.map((layer) => item(layer, { theme, zoom, toggle, open, layers: layers.length }));
  byId("legend").replaceChildren(...items);
  if (focused !== undefined) {
    byId("legend").querySelector(`[data-layer="${CSS.escape(focused)}"] ${part}`)?.focus();
  }
}

function item(layer, { theme, zoom, toggle, open, layers }) {
  const key = `${layer.source}/${layer.name}`;
  const below = zoom < layer.minzoom;
  const box = el("input", { type: "checkbox", checked: !layer.hidden, onchange: () => toggle(layer) });
  const fields = Object.entries(layer.fields);
  return el(
    "li",
    { class: below ? "below" : undefined, "data-layer": key },
    el("label", {}, box, swatch(layer, theme), el("span", { class: "name" }, layer.name)),
    el("span", { class: "tag" }, below ? `from zoom ${layer.minzoom}` : (layer.type ?? [...layer.found].join(", "))),
    layer.description && layers > 1 && el("p", { class: "about" }, layer.description),
    fields.length > 0 &&
      el(
        "details",
        { "data-key": key, open: open.has(key) },
        el("summary", {}, fields.length === 1 ? "1 property" : `${fields.length} properties`),
        el("dl", { class: "fields" }, fields.map(([name, kind]) => [el("dt", {}, name), el("dd", {}, kind)])),
      ),
  );
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture of the layer's colours, one shape for each type of geometry that it has. */
export function swatch(layer, theme) {
  const types = layer.type ? [layer.type] : TYPES.filter((type) => layer.found.has(type));
  const span = el("span", { class: "swatch", "aria-hidden": "true" });
  for (const type of types.length ? types : ["polygon"]) {
    const { fill, edge } = colours(type, layer.places[type], theme);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    const shape = document.createElementNS(SVG, "path");
    const paths = { polygon: "M2.5 4l9-2 2 8-7 3.5z", line: "M2 12l4-7 4 5 4-7", point: "M8 4a4 4 0 1 0 .01 0z" };
    shape.setAttribute("d", paths[type]);
    shape.setAttribute("fill", type === "line" ? "none" : types.length ? fill : "none");
    shape.setAttribute("stroke", type === "line" ? fill : edge);
    shape.setAttribute("stroke-width", type === "line" ? "2.2" : "1.4");
    shape.setAttribute("stroke-linejoin", "round");
    svg.append(shape);
    span.append(svg);
  }
  return span;
}
