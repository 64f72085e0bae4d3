// Loads MapLibre GL JS: from this server, or from a CDN if the server was built without it.
//
// From a CDN neither `import()` nor a worker can be held against a digest, `fetch` can. So both scripts are
// fetched with their digests and run as blobs, which are of this page's origin.

/** The module, with its worker set. */
export async function load() {
  const { library, scriptIntegrity, workerIntegrity } = document.documentElement.dataset;
  const folder = new URL(`${library}/`, document.baseURI);
  let script = new URL("maplibre-gl.mjs", folder).href;
  let worker = new URL("maplibre-gl-worker.mjs", folder).href;
  if (scriptIntegrity) {
    [script, worker] = await Promise.all([verified(script, scriptIntegrity), verified(worker, workerIntegrity)]);
  }
  const module = await import(script);
  module.setWorkerUrl(worker);
  return module;
}

/** URL of a blob with the content of `url`, which has this digest. */
async function verified(url, integrity) {
  const response = await fetch(url, { integrity, mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status}`);
  }
  const content = await response.arrayBuffer();
  return URL.createObjectURL(new Blob([content], { type: "text/javascript" }));
}
