/** Drawing of marks, the reader's drawings, the crosshair and the scale bar over one pane, in SVG attributes alone. */
import { svg } from "./dom.js";

const SMALLEST_RING = 13; // CSS pixels: a ring that stands around a finding, not on it
const SPOT = 5;
const BAR_MM = [100, 50, 20, 10, 5, 2, 1];

export function paintOverlay(viewer, pane, layer) {
  layer.replaceChildren();
  if (pane.plane !== "axial" && viewer.volume) surroundings(viewer, pane, layer);
  if (viewer.planes) planeLines(viewer, pane, layer);
  for (const drawn of viewer.drawing.seenIn(pane)) shape(pane, layer, drawn, "iv-drawn");
  if (viewer.drawing.unfinished && pane === viewer.pane) shape(pane, layer, viewer.drawing.unfinished, "iv-drawn iv-unfinished");
  if (viewer.marksShown) for (const mark of viewer.marksIn(pane)) ring(pane, layer, mark);
  if (viewer.drawing.cursorShown && pane === viewer.pane) cursor(pane, layer, viewer.drawing.cursor);
  if (viewer.volume) scaleBar(pane, layer);
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

function shape(pane, layer, { kind, points, slice, selected }, name) {
  const at = points.map(([row, col]) => pane.toScreen({ slice, row, col }));
  const full = selected ? `${name} iv-selected` : name;
  const [[x, y]] = at;
  if (kind === "point" || at.length === 1) {
    outlined(layer, "path", { d: `M${x - SPOT} ${y}H${x + SPOT}M${x} ${y - SPOT}V${y + SPOT}` }, full);
  } else if (kind === "box") {
    const [, [x1, y1]] = at;
    outlined(layer, "rect", { x: Math.min(x, x1), y: Math.min(y, y1), width: Math.abs(x1 - x), height: Math.abs(y1 - y) }, full);
  } else if (kind === "circle") {
    outlined(layer, "circle", { cx: x, cy: y, r: Math.hypot(at[1][0] - x, at[1][1] - y) }, full);
  } else {
    const end = name.includes("iv-unfinished") ? "" : "Z";
    outlined(layer, "path", { d: `M${at.map((one) => one.join(" ")).join("L")}${end}` }, full);
  }
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
