/** The keyboard. The desk keeps j k p n r s u b h l and ? for itself, so none of them stands here. */

export const KEYS = [
  { keys: "ArrowUp ArrowDown", does: "previous, next slice (volume); move the picture (picture)" },
  { keys: "PageUp PageDown", does: "ten slices back, on" },
  { keys: "Home End", does: "first, last slice" },
  { keys: "ArrowLeft ArrowRight", does: "move the picture sideways; with Shift all arrows move it" },
  { keys: "+ -", does: "zoom in, out" },
  { keys: "0", does: "reset zoom, place, window and inversion" },
  { keys: "i", does: "invert" },
  { keys: "[ ]", does: "narrower, wider window" },
  { keys: ", .", does: "lower, higher level" },
  { keys: "w", does: "next window preset" },
  { keys: "1 to 9", does: "go to that finding" },
  { keys: "m", does: "show or hide findings" },
  { keys: "t", does: "heat map on or off" },
  { keys: "z", does: "axial slab of maximum intensity: 5, 10, 20 mm, off" },
  { keys: "q", does: "three planes on or off" },
  { keys: "v", does: "tool: move" },
  { keys: "g", does: "tool: measure a line, in mm on a volume, in pixels on a picture; no part of an answer" },
  { keys: "d x c f e", does: "tools: point, box, circle, outline, delete" },
  { keys: "arrows, with a drawing tool", does: "move the crosshair by 1 pixel, with Shift by 10" },
  { keys: "Enter or Space, with a drawing tool", does: "set the point, an end, a corner or centre, then the other; delete the nearest" },
  { keys: "Shift+Enter", does: "close an outline" },
  { keys: "Escape", does: "give up a drawing, then back to the first tool" },
  { keys: "Delete", does: "delete the last drawing on this slice" },
];

const TOOL_KEYS = { v: "move", g: "measure", d: "point", x: "box", c: "circle", f: "freehand", e: "erase" };
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const PAN_STEP = 60; // CSS pixels
const ZOOM_STEP = 1.25;

/** Answers one key; true when the viewer took it. */
export function press(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { key } = event;
  if (ARROWS[key]) return arrow(viewer, ARROWS[key], event.shiftKey);
  if (/^[1-9]$/.test(key)) return viewer.chooseMark(Number(key));
  if (TOOL_KEYS[key]) return viewer.setTool(viewer.tool === TOOL_KEYS[key] ? viewer.firstTool : TOOL_KEYS[key], true);
  return COMMANDS[key] ? COMMANDS[key](viewer, event) !== false : false;
}

function arrow(viewer, [x, y], shift) {
  if (viewer.drawing.active) viewer.drawing.moveCursor(x * (shift ? 10 : 1), y * (shift ? 10 : 1));
  else if (viewer.volume && y !== 0 && !shift) viewer.step(y);
  else viewer.pane.panBy(-x * PAN_STEP, -y * PAN_STEP);
  return true;
}

const COMMANDS = {
  PageUp: (viewer) => viewer.volume && viewer.step(-10),
  PageDown: (viewer) => viewer.volume && viewer.step(10),
  Home: (viewer) => viewer.volume && viewer.step(-Infinity),
  End: (viewer) => viewer.volume && viewer.step(Infinity),
  "+": (viewer) => viewer.zoomBy(ZOOM_STEP),
  "=": (viewer) => viewer.zoomBy(ZOOM_STEP),
  "-": (viewer) => viewer.zoomBy(1 / ZOOM_STEP),
  0: (viewer) => viewer.reset(),
  i: (viewer) => viewer.setInverted(!viewer.inverted),
  "[": (viewer) => viewer.setWindow(viewer.centre, viewer.width * 0.9),
  "]": (viewer) => viewer.setWindow(viewer.centre, viewer.width / 0.9),
  ",": (viewer) => viewer.setWindow(viewer.centre - viewer.width / 20, viewer.width),
  ".": (viewer) => viewer.setWindow(viewer.centre + viewer.width / 20, viewer.width),
  w: (viewer) => viewer.nextPreset(),
  m: (viewer) => viewer.showMarks(!viewer.marksShown),
  t: (viewer) => (viewer.manifest.heat ? viewer.setHeat(viewer.heat > 0 ? 0 : 0.5) : false),
  z: (viewer) => (viewer.volume ? viewer.nextSlab() : false),
  q: (viewer) => (viewer.volume ? viewer.showPlanes(!viewer.planes) : false),
  Enter: (viewer, event) => viewer.drawing.enter(event.shiftKey),
  " ": (viewer) => viewer.drawing.enter(false),
  Escape: (viewer) => viewer.drawing.escape(),
  Delete: (viewer) => viewer.drawing.eraseLast(),
  Backspace: (viewer) => viewer.drawing.eraseLast(),
};
