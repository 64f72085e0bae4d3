// What the preview page does about hostile data, heavy tiles and failures, and where MapLibre comes from a CDN.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { eventually, hsl } from "./browser.mjs";
import { about, click, middle, open, quiet, settled, view } from "./preview.mjs";

const tile = /\/\d+\/\d+\/\d+(\?|$)/;

/** Answers tiles with a problem until `mend` is called. */
async function broken(page, status, detail) {
  let mended = false;
  await page.route(tile, (route) =>
    mended ? route.continue() : route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify({ status, detail }) }),
  );
  return () => (mended = true);
}

/** What Chromium says of each answer that isn't 2xx, in addition to what the page does about it. */
const unfailed = (page) => page.complaints.filter((text) => !text.includes("Failed to load resource"));

export const checks = {
  async "markup in names and texts is shown as text"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.odd.id}.html${view(world.odd, 12)}`);
    await click(page);
    const card = page.locator("#inspector .feature").first();
    await card.waitFor();
    for (const text of world.odd.texts) {
      assert.ok((await card.innerText()).includes(text), `${text} in ${await card.innerText()}`);
    }
    await page.locator("#inspector .details", { hasText: world.odd.detail }).waitFor();
    await page.locator("#legend summary").click();
    for (const text of [world.odd.column, world.odd.description]) {
      assert.ok((await about(page, "#side")).includes(text), `${text} in ${await about(page, "#side")}`);
    }
    const link = page.locator("#attribution a");
    assert.deepEqual([await link.innerText(), await link.getAttribute("href")], world.odd.link);
    assert.equal(await page.locator("#inspector img, #legend img, #catalogue img, #shown-about img, #attribution img, #attribution script").count(), 0);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.evaluate(() => ({}).polluted), undefined);
    quiet(page);
  },

  async "borders say what each tile weighs and holds, and heavy ones are red"(browser, world) {
    const page = await browser.page();
    const z = 3;
    const address = `${world.base}/${world.points}.html${view(world.city, z)}`;
    await open(page, address);
    await page.click("#tiles");
    await settled(page);
    const [, name] = (await about(page, "#tile")).match(/tile (\S+)/);
    const label = page.locator(`[data-tile="${name}"]`);
    const { bytes, features } = await world.tile(name);
    const said = (await label.innerText()).replace(/\s+/g, " ");
    assert.equal(said, `${name} ${(bytes / 1000).toFixed(1)} KB, ${features} features`);
    const usual = hsl(await middle(browser, page));
    quiet(page);

    // The same tile, and a field of 600 KB that no reader knows.
    const heavy = await browser.page();
    await heavy.route(tile, async (route) => {
      const body = await (await route.fetch()).body();
      const length = 600_000;
      const varint = [0xc0, 0xcf, 0x24];
      const padding = Buffer.concat([Buffer.from([0x7a, ...varint]), Buffer.alloc(length)]);
      const headers = { "content-type": "application/vnd.mapbox-vector-tile", "tesela-truncated": `${world.points};max_features` };
      await route.fulfill({ status: 200, headers, body: Buffer.concat([body, padding]) });
    });
    await open(heavy, address);
    await heavy.click("#tiles");
    await heavy.locator(`.tile-label.heavy[data-tile="${name}"]`, { hasText: `truncated: ${world.points};max_features` }).waitFor();
    await eventually("the tile is red", async () => {
      const [hue, saturation] = hsl(await corner(browser, heavy, name));
      return (hue < 20 || hue > 340) && saturation > 0.3;
    });
    const [hue, saturation] = hsl(await corner(browser, page, name));
    assert.ok(!((hue < 20 || hue > 340) && saturation > 0.3), `without weight: ${hue}, ${usual}`);
    quiet(heavy);
  },

  async "a failed tile is told on the page, and can be asked for again"(browser, world) {
    const page = await browser.page();
    const mend = await broken(page, 503, "the database can't serve this now");
    await open(page, `${world.base}/${world.points}.html${view(world.city, 9)}`);
    const notice = page.locator('.notice[data-subject="tile"]');
    await notice.waitFor();
    assert.match(await notice.innerText(), /503 the database can't serve this now/);
    mend();
    await notice.locator("button", { hasText: "Try again" }).click();
    await notice.waitFor({ state: "hidden" });
    await settled(page);
    await click(page);
    await page.locator("#inspector", { hasText: world.city.name }).waitFor();
    assert.deepEqual(unfailed(page), []);
  },

  async "on the start page, what is broken doesn't hide the rest"(browser, world) {
    const page = await browser.page();
    await page.route(new RegExp(`/${world.points}/\\d+/`), (route) => route.fulfill({ status: 504, contentType: "application/problem+json", body: '{"detail":"too slow"}' }));
    await open(page, `${world.base}/${view(world.land, 4)}`);
    const notice = page.locator('.notice[data-subject="heavy"]');
    await notice.waitFor();
    assert.match(await notice.innerText(), new RegExp(`${world.points} is not shown: 504 too slow`));
    await settled(page);
    assert.ok(Math.abs(hsl(await middle(browser, page))[0] - 172) < 15, "the country is there");
    assert.deepEqual(unfailed(page), []);
  },

  async "an unknown tileset is a page that says so"(browser, world) {
    const page = await browser.page();
    const answer = await page.goto(`${world.base}/nothing.html`);
    assert.equal(answer.status(), 404);
    await page.locator(".notice.error", { hasText: "404 there is no layer or tileset" }).waitFor();
    const disabled = await page.goto(`${world.base}/${world.disabled.id}.html`);
    assert.equal(disabled.status(), 503);
    await page.locator(".notice.error", { hasText: "503" }).waitFor();
    assert.ok((await page.locator("#catalogue a.name").count()) > 1, "what there is can be chosen");
    assert.deepEqual(unfailed(page), []);
  },

  async "a zoom without tiles says where they begin, an empty place that it is empty"(browser, world) {
    const page = await browser.page();
    await open(page, `${world.base}/${world.late.id}.html${view(world.land, 2)}`);
    const notice = page.locator('.notice[data-subject="zoom"]');
    await notice.waitFor();
    assert.match(await notice.innerText(), new RegExp(`Zoom in: this layer starts at zoom ${world.late.minzoom}`));
    await notice.locator("button", { hasText: `Zoom to ${world.late.minzoom}` }).click();
    await notice.waitFor({ state: "hidden" });
    await open(page, `${world.base}/${world.points}.html${view(world.sea, 8)}`);
    const empty = page.locator('.notice[data-subject="empty"]');
    await empty.waitFor();
    await empty.locator("button", { hasText: "Show all data" }).click();
    await empty.waitFor({ state: "hidden" });
    quiet(page);
  },

  async "parameters and filters are asked for by a form, and stand in the address"(browser, world) {
    const page = await browser.page();
    const { id, parameter } = world.chosen;
    await open(page, `${world.base}/${id}.html${view(world.city, 9)}`);
    const empty = page.locator('.notice[data-subject="empty"]');
    await empty.waitFor();
    await page.fill(`#ask input[name="${parameter}"]`, world.city.name);
    await page.click('#ask button[type="submit"]');
    await empty.waitFor({ state: "hidden" });
    await settled(page);
    await click(page);
    await page.locator("#inspector .feature", { hasText: world.city.name }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get(parameter), world.city.name);
    await page.reload();
    await page.waitForFunction(() => document.querySelector("#ask input")?.value !== undefined);
    assert.equal(await page.inputValue(`#ask input[name="${parameter}"]`), world.city.name);

    await open(page, `${world.base}/${world.odd.id}.html${view(world.odd, 9)}`);
    await page.fill('#ask input[name="filter"]', "name = 'another'");
    await page.click('#ask button[type="submit"]');
    await empty.waitFor();
    quiet(page);
    await page.fill('#ask input[name="filter"]', "name ==== 1");
    await page.click('#ask button[type="submit"]');
    await page.locator('.notice.error[data-subject="tileset"]', { hasText: "400" }).waitFor();
    assert.deepEqual(unfailed(page), []);
  },

  async "without MapLibre in the server, the same files come from a CDN with their digests"(browser, world) {
    const page = await browser.page();
    const served = await cdn(page, world, (body) => body);
    await open(page, `${world.base}/${world.points}.html${view(world.city, 9)}`);
    await click(page);
    await page.locator("#inspector", { hasText: world.city.name }).waitFor();
    assert.deepEqual(served.sort(), ["maplibre-gl-worker.mjs", "maplibre-gl.css", "maplibre-gl.mjs"]);
    quiet(page);
  },

  async "other files from the CDN are not run"(browser, world) {
    for (const changed of ["maplibre-gl.mjs", "maplibre-gl-worker.mjs"]) {
      const page = await browser.page();
      await cdn(page, world, (body, name) => (name === changed ? `${body}\nwindow.hacked = true;` : body));
      await page.goto(`${world.base}/${world.points}.html`);
      await page.locator('.notice[data-subject="library"]', { hasText: "The map can't be drawn" }).waitFor();
      await page.locator("#catalogue a.name").first().waitFor();
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      assert.ok(page.complaints.some((text) => text.includes("integrity")), `${page.complaints}`);
    }
  },
};

/** Serves the page of a server without MapLibre, and stands in for the CDN. Gives the files that were asked for. */
async function cdn(page, world, change) {
  const served = [];
  const { html, policy } = world.cdn;
  await page.route(`${world.base}/*.html`, (route) =>
    route.fulfill({ body: html, headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": policy } }),
  );
  await page.route("https://cdn.jsdelivr.net/npm/maplibre-gl@*/dist/*", (route) => {
    const name = new URL(route.request().url()).pathname.split("/").pop();
    served.push(name);
    const body = readFileSync(join(world.modules, "node_modules/maplibre-gl/dist", name), "utf8");
    const kind = name.endsWith(".css") ? "text/css" : "text/javascript";
    return route.fulfill({ body: change(body, name), headers: { "content-type": kind, "access-control-allow-origin": "*" } });
  });
  return served;
}

/** The colour within a tile, below its label. */
async function corner(browser, page, name) {
  const map = await page.locator("#map").boundingBox();
  const label = await page.locator(`[data-tile="${name}"]`).boundingBox();
  const { at } = await browser.pixels(await page.locator("#map").screenshot());
  return at(Math.round(label.x - map.x + 20), Math.round(label.y - map.y + label.height + 12));
}
