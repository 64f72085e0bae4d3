// What the preview page promises. Each check gets a browser and the world of `run.mjs`.

import assert from "node:assert/strict";

import { PATIENCE, eventually, hsl } from "./browser.mjs";

/** Opens the page and waits until it shows what it should, and the map has drawn it. */
export async function open(page, url) {
  await page.goto(url);
  await drawn(page);
}

/** Waits until the map has nothing left to do. */
export async function drawn(page) {
  await page.waitForFunction(() => document.documentElement.dataset.shown !== undefined);
  await settled(page);
}

/** Waits until the map has been still after whatever was done before. */
async function settled(page) {
  await page.waitForFunction(() => document.documentElement.dataset.map === "idle");
}

const view = ({ lng, lat }, zoom) => `#${zoom}/${lat}/${lng}`;

/** The colour in the middle of the map. */
async function middle(browser, page) {
  const { width, height, at } = await browser.pixels(await page.locator("#map").screenshot());
  return at(Math.floor(width / 2), Math.floor(height / 2));
}

const click = (page) => page.locator("#map canvas").click();

const quiet = (page) => assert.deepEqual(page.complaints, []);

const about = async (page, selector) => (await page.locator(selector).allInnerTexts()).join("\n");

export const checks = {
  async "the map draws countries on a ground of another colour"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.polygons}.html${view(world.land, 5)}`);
    const land = await middle(browser, page);
    await open(page, `${world.base}/${world.polygons}.html${view(world.sea, 5)}`);
    const sea = await middle(browser, page);
    assert.ok(Math.abs(hsl(land)[0] - 172) < 15, `land is ${land}`);
    assert.ok(hsl(sea)[2] > 0.9, `sea is ${sea}`);
    quiet(page);
  },

  async "the start page lists and shows everything, and asks nobody else"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/`);
    const listed = await page.locator("#catalogue li").evaluateAll((all) => all.map((one) => one.dataset.id));
    for (const id of [world.polygons, world.points, world.disabled.id]) {
      assert.ok(listed.includes(id), `${id} of ${listed}`);
    }
    const layers = await page.locator("#legend li .name").allInnerTexts();
    assert.ok(layers.includes(world.polygons) && layers.includes(world.points), `${layers}`);
    assert.match(await about(page, `#catalogue [data-id="${world.disabled.id}"]`), world.disabled.reason);
    assert.ok(page.requests.length > 10);
    const origin = new URL(world.base).origin;
    const foreign = page.requests.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== origin);
    assert.deepEqual(foreign, []);
    assert.ok(page.requests.some((url) => url.endsWith("/maplibre-gl-worker.mjs")), "the worker is from here");
    quiet(page);
  },

  async "all data is in view when a tileset is opened, and by the button"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.points}.html`);
    // The address follows a moment later.
    const zoom = () => Number(page.url().match(/#(-?[\d.]+)\//)?.[1] ?? Infinity);
    await eventually("the map is far away", () => zoom() < 2);
    await open(page, `${world.base}/${world.points}.html${view(world.city, 12)}`);
    await page.click("#fit");
    await eventually("the map is far away", () => zoom() < 2);
    quiet(page);

    // So small that the whole world is less than a tile.
    const small = await browser.page({ viewport: { width: 360, height: 400 } });
    await open(small, `${world.base}/${world.points}.html`);
    assert.match(await about(small, "#zoom"), /zoom -0/);
    assert.equal(await about(small, "#tile"), "tile 0/0/0");
    assert.equal(await about(small, "#notices"), "");
    await small.click("#tiles");
    await small.locator('[data-tile="0/0/0"]', { hasText: "features" }).first().waitFor();
    quiet(small);
  },

  async "a click on a city shows its name, and Escape puts it away"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.points}.html${view(world.city, 9)}`);
    await click(page);
    const found = page.locator(`#inspector .feature[data-layer="${world.points}"]`, { hasText: world.city.name }).first();
    await found.waitFor();
    const rows = await found.locator("tr").allInnerTexts();
    assert.ok(rows.some((row) => row.split("\t").join(" ") === `name ${world.city.name}`), `${rows}`);
    assert.match(await found.innerText(), new RegExp(`id ${world.city.id}\\b`));
    assert.match(await about(page, "#inspector .tile"), /Tile 9\/\d+\/\d+[^]*\d features?,/);
    await page.keyboard.press("Escape");
    await page.locator("#inspector").waitFor({ state: "hidden" });
    quiet(page);
  },

  async "the address restores the view"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.points}.html${view(world.city, 7)}`);
    assert.match(await about(page, "#zoom"), /zoom 7\.00/);
    await page.keyboard.press("Tab");
    await page.locator("#map canvas").focus();
    await page.keyboard.press("+");
    await eventually("the address has the new zoom", () => /#8\//.test(page.url()));
    const again = await browser.page();
    await open(again, page.url());
    assert.match(await about(again, "#zoom"), /zoom 8\.00/);
    assert.equal(await about(again, "#tile"), await about(page, "#tile"));
    quiet(again);
  },

  async "dark where the system is dark, and as chosen from then on"(browser, world) {
    const page = await browser.page({ colorScheme: "dark" });
    const address = `${world.base}/${world.polygons}.html${view(world.sea, 5)}`;
    await open(page, address);
    assert.ok(hsl(await middle(browser, page))[2] < 0.2, "the ground is dark");
    await page.click("#theme");
    await eventually("the ground is light", async () => hsl(await middle(browser, page))[2] > 0.8);
    await page.reload();
    await drawn(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    quiet(page);
  },

  async "a phone has the map, and panels that come up from below"(browser, world) {
    const page = await browser.page({ viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true });
    await open(page, `${world.base}/${world.points}.html${view(world.city, 9)}`);
    const map = await page.locator("#map").boundingBox();
    assert.ok(map.width === 390 && map.height > 600, JSON.stringify(map));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, "nothing sticks out");
    assert.ok(!(await page.locator("#search").isVisible()));
    await page.tap("#sheet");
    await page.locator("#search").waitFor();
    await page.tap("#sheet");
    await page.locator("#search").waitFor({ state: "hidden" });
    await settled(page);
    await page.touchscreen.tap(map.x + map.width / 2, map.y + map.height / 2);
    await page.locator("#inspector", { hasText: world.city.name }).waitFor();
    const panel = await page.locator("#inspector").boundingBox();
    assert.ok(panel.width === 390 && panel.y > map.height / 3, JSON.stringify(panel));
    quiet(page);
  },

  async "everything can be done with the keyboard"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.polygons}.html`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
    const reached = new Set();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
    }
    for (const id of ["theme", "use", "copy-url", "search", "fit", "tiles", "maplibregl-canvas"]) {
      assert.ok([...reached].some((one) => one.split(" ").includes(id)), `${id} of ${[...reached]}`);
    }
    await page.locator("#search").focus();
    await page.keyboard.type(world.points);
    assert.deepEqual(await page.locator("#catalogue a.name").allInnerTexts(), [world.points]);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL(({ pathname }) => pathname === `/${world.points}.html`);
    await page.waitForFunction((id) => document.documentElement.dataset.shown === id, world.points);
    await page.evaluate((hash) => (location.hash = hash), view(world.city, 10));
    await page.locator("#zoom", { hasText: "10.00" }).waitFor();
    await settled(page);
    await page.locator("#map canvas").focus();
    await page.keyboard.press("Enter");
    await page.locator("#inspector", { hasText: world.city.name }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#inspector").waitFor({ state: "hidden" });
    assert.ok(await page.evaluate(() => document.activeElement.classList.contains("maplibregl-canvas")));
    quiet(page);
  },

  async "several layers go onto one map by their boxes, and back leads back"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.polygons}.html`);
    await page.locator(`#catalogue [data-id="${world.points}"] input`).check();
    const both = [world.points, world.polygons].sort().join(",");
    await page.waitForURL(({ pathname }) => pathname === `/${both}.html`);
    await page.waitForFunction((id) => document.documentElement.dataset.shown === id, both);
    assert.deepEqual((await page.locator("#legend li .name").allInnerTexts()).sort(), [world.points, world.polygons].sort());
    await page.goBack();
    await page.waitForFunction((id) => document.documentElement.dataset.shown === id, world.polygons);
    assert.equal(await page.locator("#legend li").count(), 1);
    quiet(page);
  },

  async "buttons copy the address and the snippets"(browser, world) {
    const page = await browser.page({ permissions: ["clipboard-read", "clipboard-write"] });
    await open(page, `${world.base}/${world.points}.html`);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await page.click("#copy-url");
    await eventually("the address is copied", async () => (await copied()) === `${world.base}/${world.points}`);
    await page.click("#use");
    await page.locator("#snippets").waitFor();
    for (const [id, part] of [["maplibre", "maplibre-gl"], ["openlayers", "ol/format/MVT.js"], ["leaflet", "leafletLayer"], ["deckgl", "MVTLayer"], ["qgis", "/{z}/{x}/{y}?v="]]) {
      assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${id}`, "arrow keys lead there");
      await page.click("#snippet-copy");
      await eventually(`the snippet for ${id} is copied`, async () => (await copied()).includes(part));
      assert.ok((await copied()).includes(`${world.base}/${world.points}`), id);
      await page.locator(`#tab-${id}`).focus();
      await page.keyboard.press("ArrowRight");
    }
    await page.keyboard.press("Escape");
    await page.locator("#snippets").waitFor({ state: "hidden" });
    quiet(page);
  },

  async "the page works below a path of a proxy"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.proxy}/${world.points}.html${view(world.city, 9)}`);
    await click(page);
    await page.locator("#inspector", { hasText: world.city.name }).waitFor();
    const outside = page.requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(`${world.proxy}/`));
    assert.deepEqual(outside, []);
    quiet(page);
  },
};

export { click, quiet, settled, view, about, middle, PATIENCE };
