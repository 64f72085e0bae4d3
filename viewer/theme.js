// Light or dark, before anything is drawn; no module, since those run too late for that.
(() => {
  let wanted = null;
  try {
    wanted = localStorage.getItem("tesela-theme");
  } catch {
    // Storage may be forbidden; then the system's choice holds.
  }
  if (wanted !== "light" && wanted !== "dark") {
    wanted = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = wanted;
})();
