/** One mounted viewer: what is shown, and the moves that change it. Panes draw, controls and keys call. */
import { ACROSS as AXIS, ORDER } from "./axes.js";
import { Controls } from "./controls.js";
import { element, svg } from "./dom.js";
import { Drawing } from "./drawing.js";
import { HeatLayer } from "./heat_layer.js";
import { KEYS, press } from "./keys.js";
import { wording } from "./labels.js";
import { paintOverlay } from "./overlay.js";
import { PicturePane } from "./picture_pane.js";
import { listen } from "./pointer.js";
import { Series } from "./series.js";
import { SLABS_MM, slabAround } from "./slab.js";
import { SlicePane, engine, start } from "./slice_pane.js";

const MEMORY_MB = 768;
const SIDE_PLANES = ["coronal", "sagittal"];

export class Viewer {
  constructor(host, manifest, options) {
    Object.assign(this, { host, manifest, options });
    this.volume = manifest.kind === "volume";
    this.words = wording(options.labels);
    this.firstTool = this.volume ? "scroll" : "move";
    this.tool = this.firstTool;
    this.marksShown = true;
    this.planes = false;
    this.heat = 0;
    this.slabMm = 0;
    this.inverted = false;
    this.panes = [];
    this.stopped = new AbortController();
    this.keys = KEYS;
    this.marks = manifest.marks.map((mark) => known(mark, manifest));
    this.extent = this.volume ? manifest : { rows: manifest.height, columns: manifest.width };
    this.slice = this.wanted = this.volume ? manifest.first : null;
    this.place = { slice: this.slice, row: Math.floor(this.extent.rows / 2), col: Math.floor(this.extent.columns / 2) };
    this.drawing = new Drawing(this);
    this.firstWindow();
    this.build();
  }

  firstWindow() {
    const [preset] = this.manifest.presets;
    [this.centre, this.width] = preset ? [preset.centre, preset.width] : this.volume ? [40, 400] : [127.5, 255];
  }

  build() {
    this.controls = new Controls(this);
    this.stage = element("div", { class: "iv-stage" });
    this.status = element("div", { class: "iv-status", role: "status" });
    this.root = element("div", { class: "iv", "data-kind": this.manifest.kind, role: "region", "aria-label": this.words("viewer") }, this.controls.bar, this.stage, this.controls.foot, this.status);
    this.host.append(this.root);
    const { signal } = this.stopped;
    document.addEventListener("keydown", (event) => this.keyDown(event), { signal });
    this.watcher = new ResizeObserver(() => this.panes.forEach((pane) => pane.size.width && pane.resize()));
  }

  async open() {
    if (this.volume) {
      start();
      this.renderer = engine();
      this.series = new Series(this.manifest, this.options.memoryMb ?? MEMORY_MB);
      this.series.onLoaded = () => this.later();
    }
    this.pane = this.addPane(this.volume ? "axial" : "picture");
    await this.openPane(this.pane);
    this.paneWatch(this.pane);
    this.refresh();
    if (this.volume) void this.series.prefetch(() => this.wanted);
  }

  addPane(plane) {
    const canvasHost = element("div", { class: "iv-host" });
    const layer = svg("svg", { class: "iv-layer", "aria-hidden": "true" });
    const corner = element("div", { class: "iv-corner", "aria-hidden": "true" });
    const name = plane === "picture" ? this.words("pane") : this.words(plane);
    const frame = element("div", { class: `iv-pane iv-${plane}`, tabindex: "0", role: "application", "aria-label": name }, canvasHost, layer, corner);
    this.stage.append(frame);
    const pane = plane === "picture" ? new PicturePane(canvasHost, this.manifest, this.words) : new SlicePane(this.renderer, canvasHost, this.series, plane);
    Object.assign(pane, { frame, layer, corner });
    pane.onChange = () => this.later();
    return pane;
  }

  async openPane(pane) {
    if (pane.plane === "axial") await this.series.load(this.place.slice);
    await pane.open(this.place);
    this.panes.push(pane);
    this.applyWindow();
    listen(this, pane, pane.frame, this.stopped.signal);
  }

  paneWatch(pane) {
    if (pane.plane === "axial") pane.onShown = (index) => this.sliceShown(index);
    this.watcher.observe(pane.frame);
  }

  // Slices

  get loadedCount() {
    return this.series.loaded;
  }

  async goTo(slice) {
    if (!this.volume) return;
    this.wanted = Math.min(Math.max(Math.round(slice), 0), this.manifest.depth - 1);
    this.later();
    this.moving ??= this.follow().finally(() => (this.moving = undefined));
    await this.moving;
  }

  /** Shows the wanted slice until it is the shown one; slices that were passed meanwhile are left out. */
  async follow() {
    while ((this.wanted !== this.slice || this.pane.slabMm !== this.slabMm) && !this.destroyed) {
      const [target, slabBefore] = [this.wanted, this.pane.slabMm];
      this.pane.slabMm = this.slabMm;
      try {
        await this.pane.showSlice(target);
        this.sliceShown(target);
        this.later();
      } catch {
        [this.slabMm, this.pane.slabMm] = [slabBefore, slabBefore];
        if (this.destroyed) return;
        this.say("sliceFailed", { slice: target + 1 });
        if (this.wanted === target) this.wanted = this.slice;
      }
    }
  }

  sliceShown(index) {
    if (index === this.slice) return;
    this.slice = index;
    this.place = { ...this.place, slice: index };
    this.drawing.forget();
    if (this.drawing.active && this.keyboardTool) this.drawing.showCursor();
    void this.series.prefetch(() => this.wanted);
    this.later();
  }

  /** Shows the brightest values of the slices within a thickness, one of SLABS_MM; 0 shows slices alone. */
  async setSlab(mm) {
    if (!this.volume) return;
    if (!SLABS_MM.includes(mm)) throw new Error(`There is no slab of ${mm} mm: ${SLABS_MM.join(", ")}.`);
    this.slabMm = mm;
    await this.goTo(this.wanted);
  }

  nextSlab() {
    return this.setSlab(SLABS_MM[(SLABS_MM.indexOf(this.slabMm) + 1) % SLABS_MM.length]);
  }

  step(by) {
    return this.goTo(this.wanted + by);
  }

  /** Moves through the slices of one plane. */
  stepPlane(pane, by) {
    if (pane.plane === "axial") return this.step(by);
    const axis = AXIS[pane.plane];
    return this.setPlace({ ...this.place, [axis]: this.place[axis] + by });
  }

  /** Moves the point where the three planes meet. */
  setPlace(place) {
    const { depth, rows, columns } = this.manifest;
    const bounded = (value, count) => Math.min(Math.max(Math.round(value), 0), count - 1);
    this.place = { slice: bounded(place.slice, depth), row: bounded(place.row, rows), col: bounded(place.col, columns) };
    for (const pane of this.panes) if (pane !== this.pane) pane.showPlane(this.place);
    this.later();
    return this.goTo(this.place.slice);
  }

  /** One change after the other, so that a second press while panes open does not leave one behind. */
  showPlanes(yes) {
    const before = this.changing ?? Promise.resolve();
    this.changing = before.catch(() => {}).then(() => this.changePlanes(yes));
    return this.changing;
  }

  async changePlanes(yes) {
    if (!this.volume || this.planes === yes || this.destroyed) return;
    if (yes && !this.series.complete) {
      const { fits, loaded } = this.series;
      this.say(fits ? "planesWait" : "planesTooLarge", { loaded, depth: this.manifest.depth });
      return;
    }
    this.planes = yes;
    this.root.classList.toggle("iv-three", yes);
    this.panes.filter((pane) => pane !== this.pane).forEach((pane) => this.removePane(pane));
    if (yes) {
      for (const plane of SIDE_PLANES) {
        const pane = this.addPane(plane);
        await this.openPane(pane);
        if (this.destroyed) return pane.destroy();
        this.paneWatch(pane);
      }
    }
    this.pane.resize();
    this.refresh();
  }

  removePane(pane) {
    this.watcher.unobserve(pane.frame);
    pane.destroy();
    pane.frame.remove();
    this.panes = this.panes.filter((one) => one !== pane);
  }

  // Window, zoom, heat

  setWindow(centre, width) {
    [this.centre, this.width] = [centre, Math.max(width, 1)];
    this.applyWindow();
  }

  setInverted(yes) {
    this.inverted = yes;
    this.applyWindow();
  }

  applyWindow() {
    const [lower, upper] = [this.centre - this.width / 2, this.centre + this.width / 2];
    for (const pane of this.panes) pane.setVoi(lower, upper, this.inverted);
    this.later();
  }

  nextPreset() {
    const { presets } = this.manifest;
    if (!presets.length) return false;
    const now = presets.findIndex((one) => one.centre === this.centre && one.width === this.width);
    const { centre, width } = presets[(now + 1) % presets.length];
    return this.setWindow(centre, width);
  }

  zoomBy(factor) {
    for (const pane of this.panes) pane.zoomAt(factor, pane.size.width / 2, pane.size.height / 2);
  }

  reset() {
    this.firstWindow();
    this.inverted = false;
    for (const pane of this.panes) pane.fit();
    this.applyWindow();
  }

  async setHeat(opacity) {
    if (!this.manifest.heat) return;
    this.heat = Math.min(Math.max(opacity, 0), 1);
    this.later();
    try {
      await (this.volume ? this.sliceHeat() : this.pane.setHeat(this.heat));
    } catch {
      this.say("heatFailed");
    }
  }

  /** Loads the heat map of a volume once it is wanted, and says where it lies to a person who looks elsewhere. */
  async sliceHeat() {
    if (this.heat === 0) return;
    this.heatLayer ??= new HeatLayer(this.pane, this.manifest.heat, this.manifest);
    if (this.slice !== this.heatLayer.slice) this.say("heatSlice", { slice: this.heatLayer.slice + 1 });
    await this.heatLayer.load();
    this.later();
  }

  // Marks

  marksIn(pane) {
    if (!this.volume) return this.marks.map((mark) => ({ ...mark, near: true }));
    const axis = AXIS[pane.plane];
    const step = this.manifest.spacing_mm[ORDER.indexOf(axis)];
    return this.marks.flatMap((mark) => {
      const away = Math.abs(mark.place[axis] - this.place[axis]) * step;
      const near = away <= step / 2;
      return near || away <= (mark.source.diameter_mm ?? 0) / 2 ? [{ ...mark, near }] : [];
    });
  }

  showMarks(yes) {
    this.marksShown = yes;
    this.later();
  }

  /** What a person's button or key does: go there and tell the page. */
  chooseMark(number) {
    const mark = this.marks.find((one) => one.number === number);
    if (!mark) return false;
    void this.jumpTo(number);
    this.options.onMark?.(mark.source);
    return true;
  }

  async jumpTo(number) {
    const mark = this.marks.find((one) => one.number === number);
    if (!mark) throw new Error(`There is no finding ${number}.`);
    if (this.volume) await this.setPlace(mark.place);
    for (const pane of this.panes) pane.centreOn(mark.place);
    this.say("finding", { number });
  }

  // Tools and drawings

  setTool(name, byKeyboard = false) {
    if (!(name in this.controls.buttons)) throw new Error(`There is no tool "${name}".`);
    this.tool = name;
    this.keyboardTool = byKeyboard;
    this.drawing.forget();
    if (byKeyboard) this.pane.frame.focus({ preventScroll: true });
    if (byKeyboard && this.drawing.active) this.drawing.showCursor();
    this.later();
  }

  drawn() {
    return this.drawing.drawn();
  }

  load(drawn) {
    this.drawing.load(drawn);
  }

  toScreen(place) {
    return this.pane.toScreen(place);
  }

  state() {
    const { slice, slabMm, tool, centre, width, inverted, marksShown: marks, heat, planes } = this;
    return { slice, slabMm, loaded: this.volume ? this.loadedCount : null, tool, centre, width, inverted, marks, heat, planes, zoom: this.pane.zoom };
  }

  // Keyboard, sentences, painting

  keyDown(event) {
    const { target } = event;
    const here = this.root.contains(target);
    if (event.defaultPrevented || (!here && target !== document.body)) return;
    if (target.matches?.("input, textarea, select, [contenteditable]")) return;
    const onButton = target.matches?.("button, a, summary");
    if (onButton && (event.key === "Enter" || event.key === " ")) return;
    const side = this.panes.find((pane) => pane !== this.pane && pane.frame === target);
    const taken = side && event.key in SIDE_STEPS ? (this.stepPlane(side, SIDE_STEPS[event.key]), true) : press(this, event);
    if (taken) event.preventDefault();
  }

  say(sentence, values = {}) {
    this.status.textContent = this.words(sentence, values);
  }

  hover(pane, place) {
    this.hovered = place && { pane, place };
    this.later();
  }

  repaint() {
    this.later();
  }

  /** One refresh a frame, however many changes came before it. */
  later() {
    if (this.destroyed) return;
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = undefined;
      this.refresh();
    });
  }

  refresh() {
    if (this.destroyed || !this.panes.length) return;
    this.controls.update();
    this.root.dataset.tool = this.tool;
    this.root.dataset.slice = this.slice ?? "";
    this.heatLayer?.paint(this.slice, this.heat);
    for (const pane of this.panes) {
      paintOverlay(this, pane, pane.layer);
      pane.corner.textContent = this.cornerText(pane);
    }
  }

  cornerText(pane) {
    const lines = [];
    if (this.volume) lines.push(`${this.words(pane.plane)} ${Math.round(this.place[AXIS[pane.plane]]) + 1}`);
    if (pane.slabMm) {
      const [first, last] = slabAround(this.slice, pane.slabMm, this.manifest);
      lines.push(this.words("slabOf", { mm: pane.slabMm, first: first + 1, last: last + 1 }));
    }
    lines.push(`W ${Math.round(this.width)}  L ${Math.round(this.centre)}`, `${Math.round(pane.zoom * 100)} %`);
    if (this.hovered?.pane === pane) {
      const { place } = this.hovered;
      const value = pane.valueAt(place);
      lines.push(this.words("cursor", { row: Math.round(place.row), col: Math.round(place.col) }) + (value === null ? "" : `: ${value} HU`));
    }
    return lines.join("\n");
  }

  destroy() {
    if (this.destroyed) return;
    this.destroyed = true;
    this.stopped.abort();
    this.watcher.disconnect();
    if (this.frameRequest) cancelAnimationFrame(this.frameRequest);
    for (const pane of this.panes) pane.destroy();
    if (this.pane && !this.panes.includes(this.pane)) this.pane.destroy();
    this.renderer?.destroy();
    this.series?.destroy();
    this.root.remove();
  }
}

const SIDE_STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };

/** A mark with its place and, for each plane, its diameter in pixels along a column. */
function known(source, manifest) {
  const { number, slice = null, row, col } = source;
  const spacing = manifest.spacing_mm;
  const diameterPx = (plane) => (spacing ? (source.diameter_mm ?? 0) / spacing[plane === "sagittal" ? 1 : 2] : (source.diameter_px ?? 0));
  return { number, source, place: { slice, row, col }, diameterPx };
}
