// Elements, made of text only: nothing that comes from data or from the server is ever read as HTML.

/** An element with attributes; `on…` attributes are listeners, `true` is a bare attribute, children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value);
    } else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** The page's own element of this id. */
export const byId = (id) => document.getElementById(id);

/** Tells those who don't see the page. */
export function say(text) {
  byId("said").textContent = text;
}

/** Puts text onto the clipboard, also where the page isn't served over HTTPS; shows it on the button. */
export async function copy(text, button) {
  const done = await write(text);
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  button.textContent = done ? "Copied" : "Press Ctrl+C to copy";
  say(button.textContent);
  setTimeout(() => (button.textContent = label), 2000);
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed, or no clipboard outside of secure contexts: the old way.
  }
  const field = el("textarea", { class: "unseen", readonly: true });
  field.value = text;
  const host = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  host.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}

/** `<a href="http…">text</a>`: the address and the text. */
const LINK = /<a\s[^>]*?href\s*=\s*["'](https?:\/\/[^"'\s]*)["'][^>]*>([^<]*)<\/a>/gi;

/** Text with links, as attributions are written. All other markup is left out, and never becomes elements. */
export function linked(html) {
  const out = [];
  let at = 0;
  for (const { 0: whole, 1: href, 2: text, index } of html.matchAll(LINK)) {
    const link = { href: plain(href), rel: "noopener noreferrer", target: "_blank" };
    out.push(plain(html.slice(at, index)), el("a", link, plain(text)));
    at = index + whole.length;
  }
  return [...out, plain(html.slice(at))];
}

/** The text of HTML without its tags, with `&copy;` and the like decoded. */
function plain(html) {
  const text = html.replace(/<(script|style)[^]*?<\/\1>/gi, "").replace(/<[^>]*>/g, "").replaceAll("<", "&lt;");
  // Without any `<` there is nothing but text in it.
  return new DOMParser().parseFromString(text, "text/html").documentElement.textContent;
}

/** Bytes for people: 512 B, 12.3 KB, 1.2 MB. */
export function bytes(count) {
  if (count < 1000) {
    return `${count} B`;
  }
  const [value, unit] = count < 999_950 ? [count / 1e3, "KB"] : [count / 1e6, "MB"];
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A number with its thousands apart. */
export const count = (number) => number.toLocaleString("en-GB");

/** So many features. */
export const features = (number) => `${count(number)} ${number === 1 ? "feature" : "features"}`;
