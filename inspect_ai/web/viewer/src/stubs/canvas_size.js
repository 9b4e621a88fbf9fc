/**
 * In place of Cornerstone's size of a CPU canvas, which takes CSS pixels where its coordinates take screen pixels: on a
 * dense screen, or in a zoomed browser, the picture would stand beside its marks, and be blurred.
 */
import fitToWindow from "../../node_modules/@cornerstonejs/core/dist/esm/RenderingEngine/helpers/cpuFallback/rendering/fitToWindow.js";

export default function resize(enabledElement) {
  const { canvas, image } = enabledElement;
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * ratio));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  if (image !== undefined) fitToWindow(enabledElement);
}
