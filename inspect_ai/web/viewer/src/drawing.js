/** The reader's drawings: made by mouse, finger or keyboard, kept in source pixels. A measured line is one too, but no answer. */
import { ACROSS, placeIn, shownAxes } from "./axes.js";
import { lengthText } from "./length.js";

const KINDS = ["point", "box", "circle", "freehand"];
const IN_ANY_PLANE = ["measure", "erase"];
const REACH = 14; // CSS pixels within which Delete takes a drawing
const FREEHAND_STEP = 3; // CSS pixels between two corners of an outline

export class Drawing {
  constructor(viewer) {
    this.viewer = viewer;
    this.all = [];
    this.unfinished = null;
    this.cursorShown = false;
    this.cursor = null;
  }

  get tool() {
    return this.viewer.tool;
  }

  /** Whether the chosen tool draws, measures or deletes. */
  get active() {
    return IN_ANY_PLANE.includes(this.tool) || KINDS.includes(this.tool);
  }

  /** Whether the chosen tool works in a pane: answers are drawn on the first one alone. */
  worksIn(pane) {
    return this.active && (pane === this.viewer.pane || IN_ANY_PLANE.includes(this.tool));
  }

  seenIn(pane) {
    return this.all.filter((one) => this.isIn(pane, one));
  }

  isIn(pane, { plane, at }) {
    return plane === pane.plane && at === this.cut(pane);
  }

  /** Slice, row or column at which a pane cuts the volume; null on a picture. */
  cut(pane) {
    const axis = ACROSS[pane.plane];
    if (!axis) return null;
    return axis === "slice" ? this.viewer.slice : this.viewer.place[axis];
  }

  drawn() {
    const answers = this.all.filter(({ kind }) => kind !== "measure");
    return answers.map(({ kind, at, points }) => ({ kind, slice: at, points: points.map((point) => [...point]) }));
  }

  load(drawn) {
    for (const { kind, points } of drawn) {
      if (!KINDS.includes(kind) || !points?.length) throw new Error(`A drawing of kind "${kind}" with ${points?.length} points cannot be shown.`);
    }
    const { plane } = this.viewer.pane;
    const measured = this.all.filter(({ kind }) => kind === "measure");
    this.all = [...measured, ...drawn.map(({ kind, slice, points }) => ({ kind, plane, at: slice ?? null, points: points.map((point) => [...point]) }))];
    this.unfinished = null;
    this.viewer.repaint();
  }

  // Mouse and finger: `begin` at the first touch, `drag` while held, `end` when let go.

  begin(place, pane = this.viewer.pane) {
    if (this.tool === "erase") return this.eraseNear(place, pane);
    const started = { kind: this.tool, plane: pane.plane, at: this.cut(pane), points: [this.inside(place, pane)] };
    if (this.tool === "point") return this.finish(started);
    this.unfinished = started;
    return this.viewer.repaint();
  }

  drag(place, pane = this.viewer.pane) {
    const { unfinished } = this;
    if (!unfinished) return;
    const to = this.inside(place, pane);
    if (unfinished.kind !== "freehand") unfinished.points = [unfinished.points[0], to];
    else if (gap(...[unfinished.points.at(-1), to].map((point) => screen(pane, unfinished, point))) >= FREEHAND_STEP) unfinished.points.push(to);
    this.viewer.repaint();
  }

  end() {
    const { unfinished } = this;
    this.unfinished = null;
    if (unfinished && large(unfinished)) this.finish(unfinished);
    else this.viewer.repaint();
  }

  // Keyboard: arrows move a crosshair, Enter or Space sets places.

  showCursor() {
    const { width, height } = this.viewer.pane.size;
    const [row, col] = this.inside(this.viewer.pane.toSource(width / 2, height / 2)).map(Math.round);
    this.cursor = { slice: this.viewer.slice, row, col };
    this.cursorShown = true;
    this.viewer.repaint();
  }

  moveCursor(columns, rows) {
    if (!this.cursorShown) this.showCursor();
    const [row, col] = this.inside({ row: this.cursor.row + rows, col: this.cursor.col + columns });
    this.cursor = { slice: this.viewer.slice, row, col };
    if (this.unfinished && this.unfinished.kind !== "freehand") this.unfinished.points = [this.unfinished.points[0], [row, col]];
    this.viewer.say("cursor", { row, col });
    this.viewer.repaint();
  }

  enter(close) {
    if (!this.active) return false;
    if (!this.cursorShown) return this.showCursor();
    const place = [this.cursor.row, this.cursor.col];
    if (!this.unfinished || this.tool === "erase") return this.begin(this.cursor);
    if (this.unfinished.kind !== "freehand") {
      this.unfinished.points = [this.unfinished.points[0], place];
      return this.end();
    }
    const still = String(this.unfinished.points.at(-1)) === String(place);
    if (!still) this.unfinished.points.push(place);
    return close || still ? this.end() : this.viewer.repaint();
  }

  escape() {
    if (this.unfinished) this.unfinished = null;
    else if (this.active) this.viewer.setTool(this.viewer.firstTool);
    else return false;
    return this.viewer.repaint();
  }

  forget() {
    this.unfinished = null;
    this.cursorShown = false;
  }

  finish(made) {
    this.all.push(made.kind === "box" ? { ...made, points: corners(made.points) } : made);
    this.changed("drew", made);
  }

  eraseLast() {
    const index = this.all.findLastIndex((one) => this.viewer.panes.some((pane) => this.isIn(pane, one)));
    return this.eraseAt(index);
  }

  eraseNear(place, pane) {
    let [nearest, least] = [-1, REACH];
    this.all.forEach((one, index) => {
      const away = this.isIn(pane, one) ? this.distance(one, place, pane) : Infinity;
      if (away <= least) [nearest, least] = [index, away];
    });
    return this.eraseAt(nearest);
  }

  eraseAt(index) {
    if (index < 0) return this.viewer.say("nothingToErase");
    const [gone] = this.all.splice(index, 1);
    return this.changed("erased", gone);
  }

  changed(sentence, { kind, plane, points }) {
    const { viewer } = this;
    viewer.repaint();
    if (kind !== "measure") {
      viewer.say(sentence, { kind: viewer.words(kind) });
      viewer.options.onDrawn?.(this.drawn());
    } else if (sentence === "drew") {
      viewer.say(viewer.volume ? "measured" : "measuredPixels", { length: lengthText(viewer, plane, points) });
    } else viewer.say(sentence, { kind: viewer.words("line") });
  }

  /** A place as the two numbers of a pane ([row, col] on the first one), kept inside the picture. */
  inside(place, pane = this.viewer.pane) {
    const { depth, rows, columns } = this.viewer.extent;
    const counts = { slice: depth, row: rows, col: columns };
    return shownAxes(pane.plane).map((axis) => clamp(place[axis], counts[axis]));
  }

  /** CSS pixels from a place to the line of a drawing. */
  distance(drawing, place, pane) {
    const { kind, points } = drawing;
    const here = pane.toScreen(place);
    const at = points.map((point) => screen(pane, drawing, point));
    if (kind === "point") return gap(here, at[0]);
    if (kind === "measure") return toSegment(here, at[0], at[1]);
    if (kind === "circle") return Math.abs(gap(here, at[0]) - gap(at[1], at[0]));
    const ends = kind === "box" ? [at[0], [at[1][0], at[0][1]], at[1], [at[0][0], at[1][1]]] : at;
    return Math.min(...ends.map((end, index) => toSegment(here, end, ends[(index + 1) % ends.length])));
  }
}

function screen(pane, { plane, at }, point) {
  return pane.toScreen(placeIn(plane, at, point));
}

function clamp(value, count) {
  return Math.min(Math.max(value, -0.5), count - 0.5);
}

function large({ kind, points }) {
  return points.length > (kind === "freehand" ? 2 : 1) && points.some((point) => String(point) !== String(points[0]));
}

function corners([[r0, c0], [r1, c1]]) {
  return [[Math.min(r0, r1), Math.min(c0, c1)], [Math.max(r0, r1), Math.max(c0, c1)]];
}

function gap(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function toSegment(point, a, b) {
  const length = gap(a, b) ** 2;
  if (length === 0) return gap(point, a);
  const along = ((point[0] - a[0]) * (b[0] - a[0]) + (point[1] - a[1]) * (b[1] - a[1])) / length;
  const t = Math.min(Math.max(along, 0), 1);
  return gap(point, [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
}
