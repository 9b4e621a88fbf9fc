/** Length of a measured line: millimetres where the spacing is known, else pixels. */
import { ORDER, shownAxes } from "./axes.js";

/** The length as it stands beside the line. */
export function lengthText(viewer, plane, points) {
  const { spacing_mm: spacing } = viewer.manifest;
  const perPixel = spacing ? shownAxes(plane).map((axis) => spacing[ORDER.indexOf(axis)]) : [1, 1];
  const [from, to = from] = points;
  const length = Math.hypot((to[0] - from[0]) * perPixel[0], (to[1] - from[1]) * perPixel[1]);
  return spacing ? `${length.toFixed(1)} mm` : `${Math.round(length)} px`;
}
