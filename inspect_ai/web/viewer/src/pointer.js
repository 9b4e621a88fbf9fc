/** Mouse, pen and fingers on one pane. Left drags the chosen tool, right the window, middle the place; two fingers zoom. */
import { ringOf } from "./overlay.js";

const CLICK = 4; // CSS pixels within which a press is no drag
const DRAG_PER_SLICE = 6;
const WHEEL_PER_SLICE = 30; // a notch of most wheels is 100 or 120; one slice a notch, and smooth pads add up
const BUTTON_TOOLS = { 1: "move", 2: "window" };

export function listen(viewer, pane, host, signal) {
  const fingers = new Map();
  let drag = null;
  let rest = 0;
  const at = (event) => {
    const frame = host.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const on = (name, answer, options = {}) => host.addEventListener(name, answer, { signal, ...options });

  on("contextmenu", (event) => event.preventDefault());
  on("pointerdown", (event) => {
    host.setPointerCapture?.(event.pointerId);
    host.focus({ preventScroll: true });
    fingers.set(event.pointerId, at(event));
    if (fingers.size > 1) {
      viewer.drawing.forget();
      drag = null;
      return viewer.repaint();
    }
    const tool = BUTTON_TOOLS[event.button] ?? viewer.tool;
    drag = { tool, start: at(event), last: at(event), moved: false, draws: tool === viewer.tool && viewer.drawing.worksIn(pane) };
    if (drag.draws) viewer.drawing.begin(pane.toSource(...at(event)), pane);
    return event.preventDefault();
  });
  on("pointermove", (event) => {
    const now = at(event);
    viewer.hover(pane, pane.toSource(...now));
    if (fingers.size === 2 && fingers.has(event.pointerId)) return pinch(pane, fingers, event.pointerId, now);
    if (!drag || !fingers.has(event.pointerId)) return undefined;
    const [dx, dy] = [now[0] - drag.last[0], now[1] - drag.last[1]];
    drag.moved ||= Math.hypot(now[0] - drag.start[0], now[1] - drag.start[1]) > CLICK;
    drag.last = now;
    if (drag.draws) return viewer.drawing.drag(pane.toSource(...now), pane);
    if (drag.moved) rest = dragged(viewer, pane, drag.tool, dx, dy, rest);
    return undefined;
  });
  const end = (event) => {
    const known = fingers.delete(event.pointerId);
    if (!known || !drag) return;
    const finished = drag;
    drag = null;
    rest = 0;
    if (finished.draws) viewer.drawing.end();
    else if (!finished.moved && event.type === "pointerup" && event.button === 0) clicked(viewer, pane, at(event));
  };
  on("pointerup", end);
  on("pointercancel", end);
  on("pointerleave", () => viewer.hover(pane, null));
  on("wheel", (event) => {
    event.preventDefault();
    if (!viewer.volume || event.ctrlKey) return pane.zoomAt(Math.exp(-pixels(event) / 400), ...at(event));
    rest += pixels(event);
    const whole = Math.trunc(rest / WHEEL_PER_SLICE);
    if (whole === 0) return undefined;
    const notch = Math.abs(pixels(event)) >= WHEEL_PER_SLICE;
    rest = notch ? 0 : rest - whole * WHEEL_PER_SLICE;
    return viewer.stepPlane(pane, notch ? Math.sign(whole) : whole);
  }, { passive: false });
}

function pixels({ deltaY, deltaMode }) {
  return deltaY * [1, 40, 400][deltaMode];
}

function pinch(pane, fingers, moved, now) {
  const [other] = [...fingers].filter(([id]) => id !== moved).map(([, place]) => place);
  const before = fingers.get(moved);
  fingers.set(moved, now);
  const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
  pane.panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  const reach = (place) => Math.max(Math.hypot(place[0] - other[0], place[1] - other[1]), 1);
  pane.zoomAt(reach(now) / reach(before), ...middle);
}

/** One move of a drag; returns what is left over of a slice. */
function dragged(viewer, pane, tool, dx, dy, rest) {
  if (tool === "window") {
    const perPixel = Math.max(viewer.width, viewer.volume ? 100 : 20) / 300;
    viewer.setWindow(viewer.centre + dy * perPixel, viewer.width + dx * perPixel);
  } else if (tool === "scroll") {
    const sum = rest + dy;
    const whole = Math.trunc(sum / DRAG_PER_SLICE);
    if (whole) viewer.stepPlane(pane, whole);
    return sum - whole * DRAG_PER_SLICE;
  } else {
    pane.panBy(dx, dy);
  }
  return 0;
}

function clicked(viewer, pane, [x, y]) {
  const hit = viewer.marksShown && viewer.marksIn(pane).find((mark) => {
    const ring = ringOf(pane, mark);
    return Math.hypot(x - ring.x, y - ring.y) <= ring.radius + 6;
  });
  if (hit) viewer.options.onMark?.(hit.source);
  else if (viewer.planes) viewer.setPlace(pane.toSource(x, y));
}
