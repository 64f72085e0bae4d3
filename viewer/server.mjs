// Asks the server, and turns what it refuses into errors that people can read.

import { segment } from "./address.mjs";

/** The server's refusal. */
export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.name = "Refusal";
    this.status = status;
  }
}

/** Fetches what must be there. Throws a `Refusal` with the problem's detail (RFC 9457) otherwise. */
export async function ask(url, options = {}) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Refusal(0, "the server can't be reached");
  }
  if (response.ok) {
    return response;
  }
  let detail = response.statusText || "no reason given";
  try {
    detail = String((await response.json()).detail ?? detail);
  } catch {
    // Something between here and the server answers in another way.
  }
  throw new Refusal(response.status, detail);
}

const json = async (url, options) => (await ask(url, options)).json();

/** Everything that is published, and what is disabled and why. */
export const catalogue = () => json("catalog");

/** A tileset's TileJSON; `query` starts with a question mark, or is empty. */
export const tilejson = (id, query) => json(`${segment(id)}.json${query}`);

/** Details of a feature, as GeoJSON. */
export const details = (url, signal) => json(url, { signal });
