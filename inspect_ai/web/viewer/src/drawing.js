/** The reader's drawings: made by mouse, finger or keyboard, kept in source pixels. */

const KINDS = ["point", "box", "circle", "freehand"];
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

  /** Whether the chosen tool draws or deletes. */
  get active() {
    return this.tool === "erase" || KINDS.includes(this.tool);
  }

  seenIn(pane) {
    if (pane !== this.viewer.pane) return [];
    return this.all.filter((one) => one.slice === this.viewer.slice);
  }

  drawn() {
    return this.all.map(({ kind, slice, points }) => ({ kind, slice, points: points.map((point) => [...point]) }));
  }

  load(drawn) {
    for (const { kind, points } of drawn) {
      if (!KINDS.includes(kind) || !points?.length) throw new Error(`A drawing of kind "${kind}" with ${points?.length} points cannot be shown.`);
    }
    this.all = drawn.map(({ kind, slice, points }) => ({ kind, slice: slice ?? null, points: points.map((point) => [...point]) }));
    this.unfinished = null;
    this.viewer.repaint();
  }

  // Mouse and finger: `begin` at the first touch, `drag` while held, `end` when let go.

  begin(place) {
    if (this.tool === "erase") return this.eraseNear(place);
    if (this.tool === "point") return this.finish({ kind: "point", points: [this.inside(place)] });
    this.unfinished = { kind: this.tool, slice: this.viewer.slice, points: [this.inside(place)] };
    return this.viewer.repaint();
  }

  drag(place) {
    const { unfinished } = this;
    if (!unfinished) return;
    if (unfinished.kind !== "freehand") unfinished.points = [unfinished.points[0], this.inside(place)];
    else if (this.away(unfinished.points.at(-1), place) >= FREEHAND_STEP) unfinished.points.push(this.inside(place));
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

  finish({ kind, points }) {
    const kept = kind === "box" ? corners(points) : points;
    this.all.push({ kind, slice: this.viewer.slice, points: kept });
    this.changed("drew", kind);
  }

  eraseLast() {
    const at = this.all.findLastIndex((one) => one.slice === this.viewer.slice);
    return this.eraseAt(at);
  }

  eraseNear(place) {
    let [nearest, least] = [-1, REACH];
    this.all.forEach((one, at) => {
      const away = one.slice === this.viewer.slice ? this.distance(one, place) : Infinity;
      if (away <= least) [nearest, least] = [at, away];
    });
    return this.eraseAt(nearest);
  }

  eraseAt(at) {
    if (at < 0) return this.viewer.say("nothingToErase");
    const [{ kind }] = this.all.splice(at, 1);
    return this.changed("erased", kind);
  }

  changed(sentence, kind) {
    this.viewer.say(sentence, { kind: this.viewer.words(kind) });
    this.viewer.repaint();
    this.viewer.options.onDrawn?.(this.drawn());
  }

  /** A place as [row, col], kept inside the picture. */
  inside({ row, col }) {
    const { rows, columns } = this.viewer.extent;
    return [clamp(row, rows), clamp(col, columns)];
  }

  screen([row, col]) {
    return this.viewer.pane.toScreen({ slice: this.viewer.slice, row, col });
  }

  away(point, { row, col }) {
    const [a, b] = [this.screen(point), this.screen([row, col])];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  }

  /** CSS pixels from a place to the line of a drawing. */
  distance({ kind, points }, { row, col }) {
    const here = this.screen([row, col]);
    const at = points.map((point) => this.screen(point));
    if (kind === "point") return gap(here, at[0]);
    if (kind === "circle") return Math.abs(gap(here, at[0]) - gap(at[1], at[0]));
    const ends = kind === "box" ? [at[0], [at[1][0], at[0][1]], at[1], [at[0][0], at[1][1]]] : at;
    return Math.min(...ends.map((end, index) => toSegment(here, end, ends[(index + 1) % ends.length])));
  }
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
