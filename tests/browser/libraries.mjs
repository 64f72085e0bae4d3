// The snippets that the preview page offers, each bundled and run in a page of another origin.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { eventually, ofHue } from "./browser.mjs";

const HTML = (name) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="${name}.css">
<style>html, body, #map { height: 100%; margin: 0; position: relative }</style><div id="map"></div><script type="module" src="${name}.js"></script>`;

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", mjs: "text/javascript", css: "text/css" };

/** A check for each library. */
export function checks(snippets) {
  const one = (id, name) => [
    `${name} draws it with the page's snippet, from another origin`,
    async (browser, world) => {
      const tilejson = await (await fetch(`${world.base}/${world.points},${world.polygons}`)).json();
      const layers = tilejson.vector_layers.map(({ id: layer, geometry_type: type }) => ({ name: layer, type }));
      const { text } = snippets({ url: `${world.base}/${tilejson.name}`, tilejson, layers }).find((snippet) => snippet.id === id);
      const site = await serve(world, id, await bundle(world, text));
      const page = await browser.page({ viewport: { width: 700, height: 500 } });
      try {
        await page.goto(`${site.base}/${id}.html`);
        await eventually(`${name} draws countries and cities`, async () => {
          const pixels = await browser.pixels(await page.screenshot());
          return ofHue(pixels, 172) > 0.03 * pixels.width * pixels.height && ofHue(pixels, 322) > 100;
        });
        assert.ok(page.requests.some((url) => url.startsWith(`${world.base}/`) && /\/\d+\/\d+\/\d+\?v=/.test(url)), "tiles by the TileJSON");
        const foreign = page.requests.filter((url) => !/^(data|blob):/.test(url) && ![site.base, world.base].some((base) => url.startsWith(`${base}/`)));
        assert.deepEqual(foreign, []);
        assert.deepEqual(page.complaints.filter((text) => text.startsWith("thrown") || text.startsWith("error")), []);
        await world.keep(page, id);
      } finally {
        site.close();
      }
    },
  ];
  return Object.fromEntries([one("maplibre", "MapLibre"), one("openlayers", "OpenLayers"), one("leaflet", "Leaflet"), one("deckgl", "deck.gl")]);
}

/** The snippet with all that it imports. */
async function bundle({ modules }, text) {
  const { build } = createRequire(join(modules, "package.json"))("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: text, resolveDir: modules, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    outfile: "bundle.js",
    logLevel: "error",
    loader: { ".png": "dataurl", ".svg": "dataurl" },
  });
  const ending = (kind) => outputFiles.find(({ path }) => path.endsWith(kind))?.text ?? "";
  return { js: ending(".js"), css: ending(".css") };
}

/** A site with one page. */
async function serve({ modules }, name, { js, css }) {
  const files = { [`${name}.html`]: HTML(name), [`${name}.js`]: js, [`${name}.css`]: css };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname.slice(1);
    if (path === "maplibre-gl-worker.mjs") {
      files[path] ??= readFileSync(join(modules, "node_modules/maplibre-gl/dist", path));
    }
    const found = files[path];
    response.writeHead(found === undefined ? 404 : 200, { "content-type": TYPES[path.split(".").pop()] ?? "text/plain" });
    response.end(found);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
