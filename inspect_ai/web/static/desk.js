// Keys, the viewer's mounting, claims and the slider. Everything else is plain links and forms.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const csrf = one('meta[name="csrf"]')?.content ?? "";

  for (const field of document.querySelectorAll("[data-submit]")) field.addEventListener("change", () => field.form.requestSubmit());

  // ---- keys
  const typing = (target) => target instanceof Element && target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (press(event.key, event)) event.preventDefault();
  });

  function press(key, event) {
    const rows = [...document.querySelectorAll(".queue tbody tr[data-entry]")];
    if (rows.length && (key === "j" || key === "k")) return move(rows, key === "j" ? 1 : -1);
    if (rows.length && key === "Enter" && !(event.target instanceof HTMLAnchorElement) && !(event.target instanceof HTMLButtonElement)) return open(rows);
    if (rows.length && key === "x") return choose(rows);
    if (key === "l" && !rows.length) return go("/" + (one(".case")?.dataset.suffix ?? ""));
    if (key === "?" || key === "h") return help();
    const target = one(`[data-key="${CSS.escape(key)}"]`);
    if (!target) return answerBy(key, event);
    if (target.matches("input[type=radio]")) {
      target.checked = true;
      one('#answer [name="reason"]').focus();
    } else if (target.matches("input, select")) target.focus();
    else if (!target.hasAttribute("aria-disabled")) target.click();
    return true;
  }

  function answerBy(key, event) {
    if (key !== "Enter" || !one("#answer input[type=radio]:checked") || event.target.closest?.("#viewer, a, button")) return false;
    one("#answer").requestSubmit();
    return true;
  }

  function move(rows, step) {
    const at = rows.findIndex((row) => row.classList.contains("here"));
    const to = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    rows[at]?.classList.remove("here");
    to.classList.add("here");
    to.scrollIntoView({ block: "nearest" });
    one("a", to).focus();
    return true;
  }

  function choose(rows) {
    const box = one('input[name="entry"]', rows.find((each) => each.classList.contains("here")) ?? rows[0]);
    if (box) box.checked = !box.checked;
    return box !== null;
  }

  function open(rows) {
    const row = rows.find((each) => each.classList.contains("here")) ?? rows[0];
    one("a", row).click();
    return true;
  }

  function go(where) { location.assign(where); return true; }
  function help() { const keys = one("#keys"); if (!keys) return false; keys.open ? keys.close() : keys.showModal(); return true; }

  const all = one("[data-all]");
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => { for (const box of document.querySelectorAll('input[name="entry"]')) box.checked = all.checked; });
  }

  // ---- the case
  const shown = one("#viewer");
  if (shown) mount(shown);

  async function mount(place) {
    const why = one("#why");
    const manifest = await fetch(place.dataset.manifest).then((answer) => answer.json()).catch(() => null);
    if (!manifest) { why.textContent = "…"; return; }
    why.textContent = manifest.why ?? manifest.error ?? "";
    if (!manifest.kind || manifest.kind === "none") return;
    try {
      const viewer = await InspectViewer.mount(place, manifest, { labels: manifest.words });
      if (manifest.drawn.length) viewer.load(manifest.drawn);
      for (const button of document.querySelectorAll("[data-finding]")) button.addEventListener("click", () => viewer.jumpTo(Number(button.dataset.finding)));
      const form = one("#answer");
      const before = JSON.stringify(manifest.drawn);
      form?.addEventListener("submit", () => {
        const now = JSON.stringify(viewer.drawn());
        form.elements.drawn.value = now === before ? "[]" : now;
      });
      list(viewer.keys, manifest.words);
      window.deskViewer = viewer;
      document.body.dataset.viewer = "ready";
    } catch (error) { why.textContent = error.message; document.body.dataset.viewer = "failed"; }
  }

  function list(keys, said) {
    const table = document.createElement("dl");
    for (const { keys: names, does } of keys) {
      const term = document.createElement("dt"), words = document.createElement("dd");
      term.textContent = said[names] ?? names; words.textContent = said[does] ?? does; table.append(term, words);
    }
    one("#viewer-keys")?.append(table);
  }

  const held = one(".case[data-claims]");
  if (held) setInterval(() => fetch(`/cases/${held.dataset.entry}/claim`, { method: "POST", headers: { "X-CSRF-Token": csrf } }).catch(() => null), 45000);

  // ---- the slider
  const slider = one("#slider");
  if (slider) {
    const positions = JSON.parse(slider.dataset.positions), range = one("input[type=range]", slider);
    const put = (name, text) => { one(`[data-show="${name}"]`, slider).textContent = text; };
    const show = () => {
      const [at, positives, negatives, proved] = positions[Number(range.value)];
      slider.elements.at.value = at;
      put("at", at.toFixed(5)); put("positives", positives); put("negatives", negatives);
      put("proved", proved === null ? one('[data-show="proved"]', slider).dataset.none : proved);
    };
    if (slider.dataset.line) {
      const line = Number(slider.dataset.line);
      range.value = positions.findLastIndex(([at]) => at <= line);
    }
    range.addEventListener("input", show);
    show();
  }
})();
