/** Drawing of marks, the reader's drawings, the crosshair and the scale bar over one pane, in SVG attributes alone. */
import { placeIn } from "./axes.js";
import { svg } from "./dom.js";
import { paintLetters } from "./letters.js";
import { lengthText } from "./length.js";

const SMALLEST_RING = 13; // CSS pixels: a ring that stands around a finding, not on it
const SPOT = 5;
const BAR_MM = [100, 50, 20, 10, 5, 2, 1];

export function paintOverlay(viewer, pane, layer) {
  layer.replaceChildren();
  if (pane.plane !== "axial" && viewer.volume) surroundings(viewer, pane, layer);
  if (viewer.planes) planeLines(viewer, pane, layer);
  for (const drawn of viewer.drawing.seenIn(pane)) shape(viewer, pane, layer, drawn, "iv-drawn");
  const { unfinished } = viewer.drawing;
  if (unfinished?.plane === pane.plane) shape(viewer, pane, layer, unfinished, "iv-drawn iv-unfinished");
  if (viewer.marksShown) for (const mark of viewer.marksIn(pane)) ring(pane, layer, mark);
  if (viewer.drawing.cursorShown && pane === viewer.pane) cursor(pane, layer, viewer.drawing.cursor);
  if (viewer.volume) scaleBar(pane, layer);
  if (viewer.volume) paintLetters(viewer.manifest.orientation, pane, layer);
}

/** Black around a cut through the volume: beside the slices there is no air that was measured. */
function surroundings(viewer, pane, layer) {
  const { width, height } = pane.size;
  const { depth, rows, columns } = viewer.manifest;
  const [left, top] = pane.toScreen({ slice: depth - 0.5, row: -0.5, col: -0.5 });
  const [right, bottom] = pane.toScreen({ slice: -0.5, row: rows - 0.5, col: columns - 0.5 });
  const outside = `M0 0H${width}V${height}H0ZM${left} ${top}H${right}V${bottom}H${left}Z`;
  layer.append(svg("path", { d: outside, "fill-rule": "evenodd", class: "iv-outside" }));
}

/** A line on black, so that it is seen on any ground. */
function outlined(layer, tag, attributes, name) {
  layer.append(svg(tag, { ...attributes, class: `iv-halo ${name}` }), svg(tag, { ...attributes, class: `iv-line ${name}` }));
}

/** Where the ring of a mark stands: its centre and radius in CSS pixels. */
export function ringOf(pane, mark) {
  const [x, y] = pane.toScreen(mark.place);
  const step = pane.toScreen({ ...mark.place, col: mark.place.col + 1, row: mark.place.row + 1, slice: (mark.place.slice ?? 0) + 1 });
  const alongColumn = pane.plane === "sagittal" ? Math.abs(step[1] - y) : Math.abs(step[0] - x);
  const perPixel = pane.plane === "sagittal" ? Math.abs(step[0] - x) : alongColumn;
  return { x, y, radius: Math.max((mark.diameterPx(pane.plane) * perPixel) / 2 + 3, SMALLEST_RING) };
}

function ring(pane, layer, mark) {
  const { x, y, radius } = ringOf(pane, mark);
  const text = String(mark.number);
  const [tagX, tagY] = [x + radius * 0.71 + 10, y - radius * 0.71 - 10];
  const width = 12 + 8 * text.length;
  outlined(layer, "circle", { cx: x, cy: y, r: radius, "data-mark": mark.number }, mark.near ? "iv-mark" : "iv-mark iv-far");
  layer.append(
    svg("rect", { x: tagX - width / 2, y: tagY - 10, width, height: 20, rx: 10, class: "iv-tag" }),
    svg("text", { x: tagX, y: tagY, class: "iv-number" }, text),
  );
}

function shape(viewer, pane, layer, { kind, plane, points, at: cut }, full) {
  const at = points.map((point) => pane.toScreen(placeIn(plane, cut, point)));
  const [[x, y]] = at;
  if (kind === "measure") {
    ruler(layer, at, lengthText(viewer, plane, points), full);
  } else if (kind === "point" || at.length === 1) {
    outlined(layer, "path", { d: `M${x - SPOT} ${y}H${x + SPOT}M${x} ${y - SPOT}V${y + SPOT}` }, full);
  } else if (kind === "box") {
    const [, [x1, y1]] = at;
    outlined(layer, "rect", { x: Math.min(x, x1), y: Math.min(y, y1), width: Math.abs(x1 - x), height: Math.abs(y1 - y) }, full);
  } else if (kind === "circle") {
    outlined(layer, "circle", { cx: x, cy: y, r: Math.hypot(at[1][0] - x, at[1][1] - y) }, full);
  } else {
    const end = full.includes("iv-unfinished") ? "" : "Z";
    outlined(layer, "path", { d: `M${at.map((one) => one.join(" ")).join("L")}${end}` }, full);
  }
}

/** A line with short bars at its ends, and its length beside the later one. */
function ruler(layer, at, text, name) {
  const [[x0, y0], [x1, y1] = [x0, y0]] = at;
  const long = Math.max(Math.hypot(x1 - x0, y1 - y0), 1);
  const [u, v] = [((y1 - y0) / long) * SPOT, ((x0 - x1) / long) * SPOT];
  outlined(layer, "path", { d: `M${x0} ${y0}L${x1} ${y1}M${x0 - u} ${y0 - v}l${2 * u} ${2 * v}M${x1 - u} ${y1 - v}l${2 * u} ${2 * v}` }, `${name} iv-ruler`);
  layer.append(svg("text", { x: x1 + 12, y: y1 + (y1 < y0 ? -10 : 14), class: "iv-length" }, text));
}

function cursor(pane, layer, place) {
  const [x, y] = pane.toScreen(place);
  outlined(layer, "path", { d: `M${x - 14} ${y}H${x - 3}M${x + 3} ${y}H${x + 14}M${x} ${y - 14}V${y - 3}M${x} ${y + 3}V${y + 14}` }, "iv-cursor");
}

function planeLines(viewer, pane, layer) {
  const [x, y] = pane.toScreen(viewer.place);
  const { width, height } = pane.size;
  layer.append(svg("path", { d: `M0 ${y}H${x - 20}M${x + 20} ${y}H${width}M${x} 0V${y - 20}M${x} ${y + 20}V${height}`, class: "iv-planes" }));
}

/** A bar of a round length that takes at most a third of the width. */
function scaleBar(pane, layer) {
  const { width, height } = pane.size;
  const axis = pane.plane === "sagittal" ? 1 : 2;
  const perMm = pane.zoom / pane.spacing[axis];
  const mm = BAR_MM.find((length) => length * perMm < width / 3);
  if (!mm) return;
  const [x, y] = [width / 2 - (mm * perMm) / 2, height - 14];
  outlined(layer, "path", { d: `M${x} ${y - 5}V${y}H${x + mm * perMm}V${y - 5}` }, "iv-bar-line");
  layer.append(svg("text", { x: width / 2, y: y - 10, class: "iv-scale" }, `${mm} mm`));
}
