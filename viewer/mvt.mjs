// Counts what is in a Mapbox Vector Tile, without decoding it: https://github.com/mapbox/vector-tile-spec, 2.1.

// Field numbers of section 4.1 and 4.2.
const LAYER = 3;
const NAME = 1;
const FEATURE = 2;
const TYPE = 3;

const TYPES = [undefined, "point", "line", "polygon"];

/** Layers with their names, features, bytes and the types of their geometries. Throws on what is no tile. */
export function layersOf(buffer) {
  const tile = new Uint8Array(buffer);
  const layers = [];
  for (const field of fields(tile, 0, tile.length)) {
    if (field.number === LAYER && field.end !== undefined) {
      layers.push({ ...layerOf(tile, field.start, field.end), bytes: field.end - field.start });
    }
  }
  return layers;
}

function layerOf(tile, start, end) {
  const layer = { name: "", features: 0, types: new Set() };
  for (const field of fields(tile, start, end)) {
    if (field.number === NAME && field.end !== undefined) {
      layer.name = new TextDecoder().decode(tile.subarray(field.start, field.end));
    } else if (field.number === FEATURE && field.end !== undefined) {
      layer.features += 1;
      for (const { number, value } of fields(tile, field.start, field.end)) {
        if (number === TYPE && TYPES[value]) {
          layer.types.add(TYPES[value]);
        }
      }
    }
  }
  return layer;
}

/** Fields of a protobuf message: `value` of varints, `start` and `end` of what has a length. */
function* fields(bytes, start, end) {
  let at = start;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 63) {
        throw new Error("the tile is cut off");
      }
      const byte = bytes[at++];
      // Not by shifting, which would end at 32 bits.
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < end) {
    const tag = varint();
    const field = { number: Math.floor(tag / 8) };
    const kind = tag % 8;
    if (kind === 0) {
      field.value = varint();
    } else if (kind === 2) {
      const length = varint();
      field.start = at;
      field.end = at += length;
    } else if (kind === 1 || kind === 5) {
      at += kind === 1 ? 8 : 4;
    } else {
      throw new Error("no field of a tile");
    }
    if (at > end) {
      throw new Error("the tile is cut off");
    }
    yield field;
  }
}
