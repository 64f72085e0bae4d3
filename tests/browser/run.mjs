// Tries the preview page, and other libraries with its tiles, in a real browser.
//
//   node tests/browser/run.mjs MODULES WORLD [WORD]
//
// MODULES is the folder that scripts/install-browser-tests has filled, WORLD a file that says where Tesela is and
// what it serves (tests/it/browser.rs writes one). Only checks whose names have WORD in them are made, if it is there.
// Prints a line for each check, and ends with 1 if one fails. Screenshots of failures are in MODULES/screenshots.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { launch } from "./browser.mjs";
import { checks as libraries } from "./libraries.mjs";
import { checks as preview } from "./preview.mjs";
import { checks as trouble } from "./trouble.mjs";

/** Longest time of one check, in milliseconds. */
const LIMIT = 90_000;

/** Checks at once: they wait more than they work. */
const AT_ONCE = 2;

const [modules, file, word = ""] = [resolve(process.argv[2]), ...process.argv.slice(3)];
const ours = (name) => import(new URL(`../../viewer/${name}`, import.meta.url));
const { snippets } = await ours("snippets.mjs");

const world = JSON.parse(readFileSync(file, "utf8"));
world.modules = modules;
world.disabled.reason = new RegExp(world.disabled.reason);
world.tile = tileOf;
world.keep = keep;

const screenshots = join(modules, "screenshots");
mkdirSync(screenshots, { recursive: true });

const proxy = await prefixed(world.base, "/maps/here");
world.proxy = proxy.base;
const browser = await launch(modules, chromium());
const waiting = Object.entries({ ...libraries(snippets), ...preview, ...trouble }).filter(([name]) => name.includes(word));
let failed = 0;
await Promise.all(Array.from({ length: AT_ONCE }, work));
await browser.close();
proxy.server.close();
process.exit(failed === 0 ? 0 : 1);

async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    failed += (await passes(...next)) ? 0 : 1;
  }
}

async function passes(name, check) {
  const started = Date.now();
  const own = browser.apart();
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done within ${LIMIT} ms`)), LIMIT)));
  let failure;
  try {
    await Promise.race([check(own, world), late]);
  } catch (error) {
    failure = error;
  }
  clearTimeout(timer);
  console.log(`${failure ? "FAILED" : "ok"}: ${name} (${Date.now() - started} ms)`);
  for (const page of own.pages) {
    if (failure) {
      console.log(`  at ${page.url()}\n  complaints: ${page.complaints.join("\n    ") || "none"}`);
      await keep(page, name.replace(/\W+/g, "-")).catch(() => {});
    }
    await page.context().close();
  }
  if (failure) {
    console.log(`  ${failure.stack.replaceAll("\n", "\n  ")}`);
  }
  return !failure;
}

function chromium() {
  const paths = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = paths.find((path) => path && existsSync(path));
  if (!found) {
    console.error("no Chromium: install the package chromium, or say in CHROMIUM where it is");
    process.exit(1);
  }
  return found;
}

function keep(page, name) {
  return page.screenshot({ path: join(screenshots, `${name}.png`) });
}

/** What a tile of the points is, asked for as a browser does. */
function tileOf(name) {
  return new Promise((done, fail) => {
    const url = `${world.base}/${world.points}/${name}`;
    ask(url, { headers: { "accept-encoding": "gzip" } }, (answer) => {
      answer.resume();
      const bytes = Number(answer.headers["content-length"]);
      fetch(url)
        .then((plain) => plain.arrayBuffer())
        .then((plain) => read(Buffer.from(plain)))
        .then((features) => done({ bytes, features }), fail);
    })
      .on("error", fail)
      .end();
  });
}

/** Features of a tile, counted by the reader that MapLibre uses. */
async function read(mvt) {
  const module = (name) => import(pathToFileURL(join(modules, "node_modules", name, "index.js")));
  const [{ VectorTile }, { PbfReader }] = await Promise.all([module("@mapbox/vector-tile"), module("pbf")]);
  const { layers } = new VectorTile(new PbfReader(mvt));
  return Object.values(layers).reduce((sum, { length }) => sum + length, 0);
}

/** A proxy that has Tesela below a path, and doesn't say so. */
async function prefixed(target, prefix) {
  const server = createServer((request, response) => {
    if (!request.url.startsWith(`${prefix}/`)) {
      response.writeHead(404).end();
      return;
    }
    const url = target + request.url.slice(prefix.length);
    const headers = { ...request.headers, connection: "close" };
    ask(url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    })
      .on("error", () => response.writeHead(502).end())
      .end();
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { server, base: `http://127.0.0.1:${server.address().port}${prefix}` };
}
