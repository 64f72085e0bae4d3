// One Chromium for all checks, and what they ask of it.

import { createRequire } from "node:module";
import { join } from "node:path";

/** Longest wait for something that should happen, in milliseconds. */
export const PATIENCE = 30_000;

// No GPU: SwiftShader draws WebGL on the processor. No requests of the browser's own.
const ARGUMENTS = [
  "--no-sandbox",
  "--no-first-run",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** Starts Chromium. `modules` is the folder with `node_modules`. */
export async function launch(modules, executablePath) {
  const { chromium } = createRequire(join(modules, "package.json"))("playwright-core");
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS, timeout: PATIENCE });
  const reader = await (await browser.newContext()).newPage();
  return new Browser(browser, reader, []);
}

class Browser {
  constructor(browser, reader, pages) {
    this.browser = browser;
    this.reader = reader;
    this.pages = pages;
  }

  /** The same for one check, with pages of its own. */
  apart() {
    return new Browser(this.browser, this.reader, []);
  }

  close() {
    return this.browser.close();
  }

  /** A new empty profile with one page, which notes what it complains of and asks for. */
  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 800, height: 480 }, colorScheme: "light", reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    this.pages.push(page);
    page.complaints = [];
    page.requests = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        page.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => page.complaints.push(`thrown: ${error.message}`));
    page.on("request", (request) => page.requests.push(request.url()));
    return page;
  }

  /** Pixels of a PNG: width, height, and `at(x, y)` with red, green and blue. */
  async pixels(png) {
    const { width, height, data } = await this.reader.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data: all } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      let text = "";
      for (let i = 0; i < all.length; i += 8192) {
        text += String.fromCharCode(...all.subarray(i, i + 8192));
      }
      return { width: bitmap.width, height: bitmap.height, data: btoa(text) };
    }, png.toString("base64"));
    const all = Buffer.from(data, "base64");
    const at = (x, y) => [...all.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
    return { width, height, at };
  }
}

/** Waits until `condition` gives something true, and gives that. */
export async function eventually(what, condition) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const found = await condition();
    if (found) {
      return found;
    }
    if (Date.now() > until) {
      throw new Error(`${what}: not within ${PATIENCE} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Hue in degrees, saturation and lightness from 0 to 1. */
export function hsl([r, g, b]) {
  const [max, min] = [Math.max(r, g, b), Math.min(r, g, b)];
  const [d, l] = [(max - min) / 255, (max + min) / 510];
  if (d === 0) {
    return [0, 0, l];
  }
  const sector = max === r ? ((g - b) / (max - min) + 6) % 6 : max === g ? (b - r) / (max - min) + 2 : (r - g) / (max - min) + 4;
  return [sector * 60, d / (1 - Math.abs(2 * l - 1) || 1), l];
}

/** How many of the pixels have about this hue. */
export function ofHue({ width, height, at }, wanted) {
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [hue, saturation] = hsl(at(x, y));
      const apart = Math.abs(hue - wanted);
      if (saturation > 0.12 && Math.min(apart, 360 - apart) < 14) {
        count += 1;
      }
    }
  }
  return count;
}
