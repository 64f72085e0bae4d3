// The map's style: a background, then polygons, lines and points of all layers, then the tiles' borders.

import { GROUND, TYPES, colours } from "./colours.mjs";

/** Bytes above which a tile is too heavy for phones, and those at which the red is full. */
export const HEAVY = 500_000;
const HEAVIEST = 2_000_000;

/** Source of the tiles' borders. */
export const SQUARES = "tesela-tiles";

const NAMES = {
  polygon: ["Polygon", "MultiPolygon"],
  line: ["LineString", "MultiLineString"],
  point: ["Point", "MultiPoint"],
};

/** A polygon's name would be repeated in each tile that has a piece of it. */
const NAMED = ["line", "point"];

const zooms = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

/**
 * Style of `layers`, which have `source`, `name`, `type` (if it is known), `places` (a number for each type) and
 * `hidden`. `squares` is GeoJSON of the tiles' borders, or `null`.
 */
export function style({ sources, layers, theme, squares }) {
  const each = (type) => layers.filter((layer) => !layer.type || layer.type === type).flatMap((layer) => drawn(layer, type, theme));
  const named = (type) => layers.filter((layer) => layer.label && (!layer.type || layer.type === type)).map((layer) => labels(layer, type, theme));
  return {
    version: 8,
    sources: { ...sources, ...(squares && { [SQUARES]: { type: "geojson", data: squares } }) },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": GROUND[theme].ground } },
      ...TYPES.flatMap(each),
      ...NAMED.flatMap(named),
      ...(squares ? borders(theme) : []),
    ],
  };
}

function drawn(layer, type, theme) {
  const { fill, edge } = colours(type, layer.places[type], theme);
  const isChosen = ["boolean", ["feature-state", "chosen"], false];
  const chosen = (colour) => ["case", isChosen, GROUND[theme].chosen, colour];
  const wide = (width) => ["case", isChosen, width + 2, width];
  const common = (part, kind, paint, layout = {}) => ({
    id: `${layer.source}/${layer.name}/${part}`,
    type: kind,
    source: layer.source,
    "source-layer": layer.name,
    filter: ["in", ["geometry-type"], ["literal", NAMES[type]]],
    layout: { ...layout, visibility: layer.hidden ? "none" : "visible" },
    paint,
  });
  const round = { "line-cap": "round", "line-join": "round" };
  switch (type) {
    case "polygon":
      return [
        common("fill", "fill", { "fill-color": fill, "fill-opacity": theme === "dark" ? 0.75 : 0.6 }),
        common("edge", "line", { "line-color": chosen(edge), "line-width": zooms(0, wide(0.6), 6, wide(1), 12, wide(1.6)) }, round),
      ];
    case "line":
      return [common("line", "line", { "line-color": chosen(fill), "line-width": zooms(0, wide(0.8), 8, wide(1.5), 14, wide(3.5)) }, round)];
    default:
      return [
        common("point", "circle", {
          "circle-color": chosen(fill),
          "circle-radius": zooms(0, 1.4, 4, 2.4, 8, 4, 14, 7),
          "circle-stroke-color": GROUND[theme].ground,
          "circle-stroke-width": zooms(0, 0.25, 6, 0.8, 12, 1.5),
        }),
      ];
  }
}

/** Names beside points and along lines, as many as there is room for. In the browser's own letters. */
function labels(layer, type, theme) {
  const { edge } = colours(type, layer.places[type], theme);
  return {
    id: `${layer.source}/${layer.name}/${type}-label`,
    type: "symbol",
    source: layer.source,
    "source-layer": layer.name,
    filter: ["in", ["geometry-type"], ["literal", NAMES[type]]],
    layout: {
      "text-field": ["to-string", ["get", layer.label]],
      "text-font": ["sans-serif"],
      "text-size": zooms(2, 10, 8, 13),
      "symbol-placement": type === "line" ? "line" : "point",
      ...(type === "point" && { "text-anchor": "left", "text-offset": [0.6, 0] }),
      visibility: layer.hidden ? "none" : "visible",
    },
    paint: { "text-color": edge, "text-halo-color": GROUND[theme].ground, "text-halo-width": 1.2 },
  };
}

function borders(theme) {
  const { grid, heavy } = GROUND[theme];
  const isHeavy = [">", ["get", "bytes"], HEAVY];
  return [
    {
      id: `${SQUARES}/weight`,
      type: "fill",
      source: SQUARES,
      filter: isHeavy,
      paint: {
        "fill-color": heavy,
        "fill-opacity": ["interpolate", ["linear"], ["get", "bytes"], HEAVY, 0.12, HEAVIEST, 0.6],
      },
    },
    {
      id: `${SQUARES}/border`,
      type: "line",
      source: SQUARES,
      paint: { "line-color": ["case", isHeavy, heavy, grid], "line-width": 1, "line-dasharray": [3, 2] },
    },
  ];
}
