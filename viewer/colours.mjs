// Colours by geometry type: greens and blues for polygons, oranges for lines, purples for points.

const HUES = {
  polygon: [172, 208, 140, 228, 96],
  line: [28, 8, 44, 18, 56],
  point: [322, 282, 344, 262, 302],
};

const TONES = {
  light: {
    polygon: { fill: [36, 66], edge: [42, 38] },
    line: { fill: [78, 46], edge: [78, 36] },
    point: { fill: [64, 46], edge: [60, 32] },
  },
  dark: {
    polygon: { fill: [34, 30], edge: [36, 56] },
    line: { fill: [80, 60], edge: [80, 72] },
    point: { fill: [72, 70], edge: [70, 84] },
  },
};

/** What is the same for all layers. */
export const GROUND = {
  light: { ground: "hsl(205, 34%, 95%)", chosen: "hsl(42, 100%, 50%)", grid: "hsl(215, 25%, 45%)", heavy: "hsl(0, 80%, 48%)" },
  dark: { ground: "hsl(215, 26%, 10%)", chosen: "hsl(45, 100%, 60%)", grid: "hsl(215, 25%, 62%)", heavy: "hsl(0, 85%, 58%)" },
};

export const TYPES = ["polygon", "line", "point"];

/** Fill and edge of the `n`th layer of a type. */
export function colours(type, n, theme) {
  const hue = HUES[type][n % HUES[type].length];
  const colour = ([saturation, lightness]) => `hsl(${hue}, ${saturation}%, ${lightness}%)`;
  const { fill, edge } = TONES[theme][type];
  return { fill: colour(fill), edge: colour(edge) };
}
