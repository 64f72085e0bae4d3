// Reads tiles with @mapbox/vector-tile, the reader inside MapLibre and Mapbox GL, and answers
// what it sees as text; tests/it/support/second_reader.rs writes the same of what mvt-reader
// sees.
//
// The argument is the folder with node_modules. Frames on stdin and stdout are a length (32 bits,
// little-endian) and that many bytes. The first answer is unasked: the packages' versions.

import { readFileSync, readSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = join(resolve(process.argv[2]), "node_modules");
const packages = ["@mapbox/vector-tile", "pbf"];
const load = (name) => import(pathToFileURL(join(modules, name, "index.js")));
const [{ VectorTile }, { PbfReader }] = await Promise.all(packages.map(load));

const POINT = 1;

// One number and its bits.
const double = new Float64Array(1);
const bits = new BigUint64Array(double.buffer);

const versions = packages.map((name) => {
  const { version } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
  return [name, version];
});
answer(JSON.stringify(Object.fromEntries(versions)));
for (let tile = question(); tile; tile = question()) {
  let text;
  try {
    text = tileText(new VectorTile(new PbfReader(tile)));
  } catch (error) {
    text = `error: ${error.message}\n`;
  }
  answer(text);
}

function tileText(tile) {
  let text = "";
  for (const name of Object.keys(tile.layers).sort()) {
    const layer = tile.layers[name];
    text += `layer ${JSON.stringify(name)} version ${layer.version} extent ${layer.extent}\n`;
    for (let i = 0; i < layer.length; i++) {
      text += featureText(layer.feature(i));
    }
  }
  return text;
}

function featureText(feature) {
  let text = `feature ${feature.id ?? "-"} type ${feature.type}\n`;
  for (const key of Object.keys(feature.properties).sort()) {
    text += `${JSON.stringify(key)}=${valueText(feature.properties[key])}\n`;
  }
  const parts = feature.loadGeometry().map(partText);
  // Each point is a part of its own.
  return text + parts.join(feature.type === POINT ? "," : "\n") + "\n";
}

function partText(points) {
  let text = "";
  for (const { x, y } of points) {
    text += text === "" ? `${x} ${y}` : `,${x} ${y}`;
  }
  return text;
}

// Numbers that aren't small whole ones are written as their bits: no two languages print them alike.
function valueText(value) {
  if (typeof value !== "number") {
    return JSON.stringify(value);
  }
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    return String(value);
  }
  double[0] = value;
  return `0x${bits[0].toString(16).padStart(16, "0")}`;
}

function question() {
  const head = read(4);
  return head && read(head.readUInt32LE());
}

// `null` when the input ends.
function read(length) {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readSync(0, buffer, at, length - at);
    if (count === 0) {
      return null;
    }
    at += count;
  }
  return buffer;
}

function answer(text) {
  const body = Buffer.from(text);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  for (const part of [head, body]) {
    for (let at = 0; at < part.length; ) {
      at += writeSync(1, part, at);
    }
  }
}
