/** Axes of the panes: which two of slice, row and column a pane shows, and across which it is cut. */

const SHOWN = { axial: ["row", "col"], picture: ["row", "col"], coronal: ["slice", "col"], sagittal: ["slice", "row"] };
export const ACROSS = { axial: "slice", coronal: "row", sagittal: "col" };
export const ORDER = ["slice", "row", "col"]; // of spacing_mm

export function shownAxes(plane) {
  return SHOWN[plane];
}

/** Two numbers of a pane and the place of its cut as a place of the picture. */
export function placeIn(plane, at, [first, second]) {
  const [one, two] = SHOWN[plane];
  const place = { [one]: first, [two]: second };
  if (ACROSS[plane]) place[ACROSS[plane]] = at;
  return place;
}

/** Where a step along an axis leads on the screen: [x, y] in CSS pixels. */
export function stepOnScreen(pane, axis) {
  const from = { slice: 0, row: 0, col: 0 };
  const [a, b] = [pane.toScreen(from), pane.toScreen({ ...from, [axis]: 1 })];
  return [b[0] - a[0], b[1] - a[1]];
}
