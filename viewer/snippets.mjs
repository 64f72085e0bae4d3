// Code that puts a tileset on somebody's own map. No DOM: the tests run each of these against a server.

import { colours } from "./colours.mjs";

/**
 * Snippets for a tileset: `url` is its TileJSON's address, `layers` its layers with `name` and `type`. What isn't
 * known to be something else is drawn as polygons, lines and points alike.
 */
export function snippets({ url, tilejson, layers }) {
  const known = layers.map((layer) => ({ ...layer, ...colours(layer.type ?? "line", 0, "light") }));
  const context = { url, tilejson, layers: known };
  return [
    { id: "maplibre", name: "MapLibre", note: "npm install maplibre-gl; maplibre-gl-worker.mjs from its folder dist/ goes beside the script.", text: maplibre(context) },
    { id: "openlayers", name: "OpenLayers", note: "npm install ol", text: openlayers(context) },
    { id: "leaflet", name: "Leaflet", note: "npm install leaflet protomaps-leaflet", text: leaflet(context) },
    { id: "deckgl", name: "deck.gl", note: "npm install @deck.gl/core @deck.gl/layers @deck.gl/extensions @deck.gl/mesh-layers @deck.gl/geo-layers @loaders.gl/core @loaders.gl/mvt @luma.gl/core @luma.gl/engine", text: deckgl(context) },
    { id: "qgis", name: "QGIS", note: "Layer ▸ Add Layer ▸ Add Vector Tile Layer… ▸ New ▸ New Generic Connection…", text: qgis(context) },
    { id: "tilejson", name: "TileJSON", note: "The address that most libraries ask for.", text: url },
  ];
}

// As JavaScript: JSON is, but for what ends a script in HTML.
const js = (value) => JSON.stringify(value).replaceAll("<", "\\u003c");

const indent = (lines, by) => lines.join("\n").replaceAll("\n", `\n${" ".repeat(by)}`);

function maplibre({ url, tilejson, layers }) {
  const kinds = (layer) => {
    const all = {
      polygon: ["fill", { "fill-color": layer.fill, "fill-opacity": 0.5 }],
      line: ["line", { "line-color": layer.fill, "line-width": 1.5 }],
      point: ["circle", { "circle-color": layer.fill, "circle-radius": 4 }],
    };
    const geometry = { polygon: "Polygon", line: "LineString", point: "Point" };
    const types = layer.type ? [layer.type] : ["polygon", "line", "point"];
    return types.map((type) => {
      const [kind, paint] = all[type];
      const filter = layer.type ? "" : ` filter: ["==", ["geometry-type"], "${geometry[type]}"],`;
      const id = js(layer.type ? layer.name : `${layer.name} ${type}`);
      return `{ id: ${id}, type: "${kind}", source: "tesela", "source-layer": ${js(layer.name)},${filter}\n  paint: ${js(paint)} },`;
    });
  };
  return `import { Map } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";

new Map({
  container: "map",
  bounds: ${js(tilejson.bounds)},
  style: {
    version: 8,
    sources: { tesela: { type: "vector", url: ${js(url)} } },
    layers: [
      ${indent(sorted(layers).flatMap(kinds), 6)}
    ],
  },
});
`;
}

function openlayers({ url, layers }) {
  const rules = sorted(layers).map(({ name, fill, edge }) => `[${js(name)}]: ${js([fill, edge])},`);
  return `import Map from "ol/Map.js";
import View from "ol/View.js";
import MVT from "ol/format/MVT.js";
import VectorTileLayer from "ol/layer/VectorTile.js";
import { transformExtent } from "ol/proj.js";
import VectorTileSource from "ol/source/VectorTile.js";
import { Circle, Fill, Stroke, Style } from "ol/style.js";
import "ol/ol.css";

const colours = {
  ${indent(rules, 2)}
};
const styles = {};
for (const [layer, [colour, edge]] of Object.entries(colours)) {
  const [fill, stroke] = [new Fill({ color: colour }), new Stroke({ color: edge, width: 1 })];
  styles[layer] = new Style({ fill, stroke, image: new Circle({ radius: 3, fill, stroke }) });
}

const tilejson = await (await fetch(${js(url)})).json();
const map = new Map({
  target: "map",
  layers: [
    new VectorTileLayer({
      source: new VectorTileSource({
        format: new MVT(),
        url: tilejson.tiles[0],
        minZoom: tilejson.minzoom,
        maxZoom: tilejson.maxzoom,
        attributions: tilejson.attribution,
      }),
      style: (feature) => styles[feature.get("layer")],
    }),
  ],
  view: new View(),
});
map.getView().fit(transformExtent(tilejson.bounds, "EPSG:4326", "EPSG:3857"));
`;
}

function leaflet({ url, layers }) {
  const kinds = { polygon: "PolygonSymbolizer", line: "LineSymbolizer", point: "CircleSymbolizer" };
  const rules = sorted(layers).flatMap((layer) => {
    const types = layer.type ? [layer.type] : ["line"];
    return types.map((type) => {
      const options = { polygon: { fill: layer.fill, stroke: layer.edge, width: 1 }, line: { color: layer.fill, width: 1.5 }, point: { fill: layer.fill, radius: 3 } };
      return `{ dataLayer: ${js(layer.name)}, symbolizer: new ${kinds[type]}(${js(options[type])}) },`;
    });
  });
  const used = Object.values(kinds).filter((kind) => rules.some((rule) => rule.includes(`new ${kind}(`)));
  return `import L from "leaflet";
import "leaflet/dist/leaflet.css";
import { ${[...used, "leafletLayer"].sort().join(", ")} } from "protomaps-leaflet";

const tilejson = await (await fetch(${js(url)})).json();
const [west, south, east, north] = tilejson.bounds;
const map = L.map("map").fitBounds([[south, west], [north, east]]);
leafletLayer({
  url: tilejson.tiles[0],
  maxDataZoom: tilejson.maxzoom,
  attribution: tilejson.attribution ?? "",
  labelRules: [],
  paintRules: [
    ${indent(rules, 4)}
  ],
}).addTo(map);
`;
}

function deckgl({ url, tilejson, layers }) {
  const rules = sorted(layers).map(({ name, type, fill }) => `[${js(name)}]: ${js(rgb(fill, type === "polygon" ? 160 : 255))},`);
  const [longitude, latitude, zoom] = tilejson.center;
  return `import { Deck } from "@deck.gl/core";
import { MVTLayer } from "@deck.gl/geo-layers";
import { MVTLoader } from "@loaders.gl/mvt";

const colours = {
  ${indent(rules, 2)}
};
const colour = (feature) => colours[feature.properties.layerName];

new Deck({
  parent: document.getElementById("map"),
  initialViewState: ${js({ longitude, latitude, zoom })},
  controller: true,
  layers: [
    new MVTLayer({
      id: "tesela",
      data: ${js(url)},
      // Without a worker, whose script would come from a CDN.
      loaders: [MVTLoader],
      loadOptions: { core: { worker: false } },
      getFillColor: colour,
      getLineColor: colour,
      lineWidthMinPixels: 1,
      pointRadiusMinPixels: 2,
      pickable: true,
    }),
  ],
});
`;
}

function qgis({ tilejson }) {
  return `Name:        ${tilejson.name}
Source type: Service URL
URL:         ${tilejson.tiles[0]}
Min. zoom:   ${tilejson.minzoom}
Max. zoom:   ${tilejson.maxzoom}
`;
}

/** What is drawn first comes first. */
function sorted(layers) {
  const order = ["polygon", "line", undefined, "point"];
  return [...layers].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

/** Numbers of `hsl(h, s%, l%)` as deck.gl wants them. */
function rgb(hsl, alpha) {
  const [h, s, l] = hsl.match(/[\d.]+/g).map(Number);
  const part = (n) => {
    const k = (n + h / 30) % 12;
    const a = (s / 100) * Math.min(l / 100, 1 - l / 100);
    return Math.round(255 * (l / 100 - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4), alpha];
}
