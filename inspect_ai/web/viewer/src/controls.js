/** Buttons, numbers and sliders around the picture: real controls with names, in the order in which Tab visits them. */
import { element, svg } from "./dom.js";
import { ICONS } from "./icons.js";

const TOOLS = ["move", "scroll", "window"];
const DRAWING_TOOLS = ["measure", "point", "box", "circle", "freehand", "erase"];
const ZOOM_STEP = 1.25;
const SHORTCUTS = { move: "v", measure: "g", point: "d", box: "x", circle: "c", freehand: "f", erase: "e", zoomIn: "+", zoomOut: "-", reset: "0", invert: "i", marks: "m", slab: "z", planes: "q" };

export class Controls {
  constructor(viewer) {
    this.viewer = viewer;
    this.words = viewer.words;
    this.buttons = {};
    this.bar = element("div", { class: "iv-bar", role: "toolbar", "aria-label": this.words("toolbar") }, ...this.groups());
    this.foot = viewer.volume ? this.sliceRow() : null;
  }

  groups() {
    const { viewer } = this;
    const { manifest } = viewer;
    const tools = TOOLS.filter((tool) => tool !== "scroll" || viewer.volume);
    return [
      this.group("tools", [...tools, ...DRAWING_TOOLS].map((tool) => this.toggle(tool, () => viewer.setTool(tool)))),
      this.group("window", [this.number("centre"), this.number("width")]),
      manifest.marks.length ? this.group("findings", manifest.marks.map((mark) => this.findingButton(mark))) : null,
      this.group("view", [
        this.button("zoomOut", () => viewer.zoomBy(1 / ZOOM_STEP)),
        this.button("zoomIn", () => viewer.zoomBy(ZOOM_STEP)),
        this.button("reset", () => viewer.reset()),
        this.toggle("invert", () => viewer.setInverted(!viewer.inverted)),
        manifest.marks.length ? this.toggle("marks", () => viewer.showMarks(!viewer.marksShown)) : null,
        viewer.volume ? this.toggle("slab", () => viewer.nextSlab()) : null,
        viewer.volume ? this.toggle("planes", () => viewer.showPlanes(!viewer.planes)) : null,
      ]),
      manifest.presets.length ? this.group("presets", manifest.presets.map((preset) => this.preset(preset))) : null,
      manifest.heat ? this.heatRow() : null,
    ];
  }

  group(name, children) {
    return element("div", { class: `iv-group iv-group-${name}`, role: "group", "aria-label": this.words(name) }, ...children.filter(Boolean));
  }

  button(name, act) {
    const word = this.words(name);
    const key = SHORTCUTS[name];
    const icon = svg("svg", { viewBox: "0 0 24 24", class: "iv-icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
    const made = element("button", { type: "button", class: "iv-button", title: key ? `${word} (${key})` : word, "aria-label": word, "data-name": name }, icon, element("span", { class: "iv-word" }, word));
    if (key) made.setAttribute("aria-keyshortcuts", key);
    made.addEventListener("click", act);
    this.buttons[name] = made;
    return made;
  }

  toggle(name, act) {
    const made = this.button(name, act);
    made.setAttribute("aria-pressed", "false");
    return made;
  }

  preset(preset) {
    const made = element("button", { type: "button", class: "iv-button iv-text", "aria-pressed": "false", "data-preset": preset.name }, preset.name);
    made.addEventListener("click", () => this.viewer.setWindow(preset.centre, preset.width));
    return made;
  }

  findingButton(mark) {
    const name = [this.words("finding", { number: mark.number }), mark.label].filter(Boolean).join(": ");
    const made = element("button", { type: "button", class: "iv-button iv-finding", title: name, "aria-label": name, "data-number": mark.number }, String(mark.number));
    made.addEventListener("click", () => this.viewer.chooseMark(mark.number));
    return made;
  }

  number(name) {
    const input = element("input", { type: "number", step: "1", class: "iv-input", "data-name": name });
    input.addEventListener("change", () => {
      const value = Number(input.value);
      if (input.value === "" || !Number.isFinite(value)) return (input.value = input.dataset.shown);
      const { viewer } = this;
      return name === "centre" ? viewer.setWindow(value, viewer.width) : viewer.setWindow(viewer.centre, value);
    });
    this[name] = input;
    return element("label", { class: "iv-label" }, element("span", {}, this.words(name)), input);
  }

  heatRow() {
    this.heat = element("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0", class: "iv-range", "data-name": "heat" });
    this.heat.addEventListener("input", () => this.viewer.setHeat(Number(this.heat.value)));
    return element("label", { class: "iv-group iv-label" }, element("span", {}, this.words("heat")), this.heat);
  }

  sliceRow() {
    const { viewer, words } = this;
    const { depth } = viewer.manifest;
    this.slider = element("input", { type: "range", min: "1", max: String(depth), step: "1", class: "iv-range iv-slider", "aria-label": words("slice"), "data-name": "slice" });
    this.slider.addEventListener("input", () => viewer.goTo(Number(this.slider.value) - 1));
    this.counter = element("output", { class: "iv-counter" });
    this.progress = element("progress", { class: "iv-progress", max: String(depth), value: "0", "aria-label": words("loaded", { loaded: 0, depth }) });
    const arrow = (name, by, sign) => {
      const made = element("button", { type: "button", class: "iv-button iv-arrow", "aria-label": words(name), title: words(name) }, sign);
      made.addEventListener("click", () => viewer.step(by));
      return made;
    };
    return element("div", { class: "iv-foot" }, arrow("previousSlice", -1, "\u25C0"), this.slider, arrow("nextSlice", 1, "\u25B6"), this.counter, this.progress);
  }

  /** Brings every control to what the viewer shows. */
  update() {
    const { viewer } = this;
    for (const tool of [...TOOLS, ...DRAWING_TOOLS]) this.press(this.buttons[tool], viewer.tool === tool);
    this.press(this.buttons.invert, viewer.inverted);
    this.press(this.buttons.marks, viewer.marksShown);
    this.press(this.buttons.slab, viewer.slabMm > 0);
    this.press(this.buttons.planes, viewer.planes);
    this.show(this.centre, viewer.centre);
    this.show(this.width, viewer.width);
    for (const made of this.bar.querySelectorAll("[data-preset]")) {
      const { centre, width } = viewer.manifest.presets.find((one) => one.name === made.dataset.preset);
      this.press(made, Math.abs(centre - viewer.centre) < 0.5 && Math.abs(width - viewer.width) < 0.5);
    }
    if (this.heat) this.heat.value = String(viewer.heat);
    if (this.foot) this.updateSlices();
  }

  /** A number that changed; one that a person is typing stays until it is told. */
  show(input, value) {
    const text = String(Math.round(value));
    if (input.dataset.shown === text) return;
    input.dataset.shown = input.value = text;
  }

  press(made, yes) {
    made?.setAttribute("aria-pressed", String(yes));
  }

  updateSlices() {
    const { viewer, words } = this;
    const { depth } = viewer.manifest;
    this.slider.value = String(viewer.wanted + 1);
    this.slider.setAttribute("aria-valuetext", `${viewer.slice + 1} / ${depth}`);
    this.counter.textContent = `${viewer.slice + 1} / ${depth}`;
    const loaded = viewer.loadedCount;
    this.progress.value = loaded;
    this.progress.setAttribute("aria-label", words("loaded", { loaded, depth }));
    this.progress.title = words("loaded", { loaded, depth });
    this.progress.classList.toggle("iv-done", loaded === depth);
    const planes = this.buttons.planes;
    planes.disabled = !viewer.series.complete;
    planes.title = viewer.series.complete ? `${words("planes")} (q)` : words(viewer.series.fits ? "planesWait" : "planesTooLarge", { loaded, depth });
  }
}
