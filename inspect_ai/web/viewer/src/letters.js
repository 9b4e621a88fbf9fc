/** Letters of the patient's sides at the edges of a plane, as DICOM names them (R L A P H F). */
import { shownAxes, stepOnScreen } from "./axes.js";
import { svg } from "./dom.js";

const EDGE = 14; // CSS pixels from the edge of the pane
const ABOVE_SCALE = 44; // the scale bar stands at the lower edge

/** Nothing where the manifest names no orientation. The screen decides which edge: a display that is mirrored or turned keeps its letters right. */
export function paintLetters(orientation, pane, layer) {
  if (!orientation) return;
  const { width, height } = pane.size;
  for (const axis of shownAxes(pane.plane)) {
    const [first, last] = orientation[axis];
    const [x, y] = stepOnScreen(pane, axis);
    const sideways = Math.abs(x) > Math.abs(y);
    const [before, after] = (sideways ? x : y) > 0 ? [first, last] : [last, first];
    const edges = sideways
      ? [["left", EDGE, height / 2, before], ["right", width - EDGE, height / 2, after]]
      : [["top", width / 2, EDGE, before], ["bottom", width / 2, height - ABOVE_SCALE, after]];
    for (const [edge, atX, atY, letter] of edges) layer.append(svg("text", { x: atX, y: atY, class: "iv-side", "data-edge": edge }, letter));
  }
}
