/** Slabs of maximum intensity: each pixel is the brightest of the slices around, so that a vessel is a line and a nodule a spot. */

export const SLABS_MM = [0, 5, 10, 20]; // most between the middles of the outermost slices; 0 is the slice itself

/** First and last slice of the slab around a slice. */
export function slabAround(index, mm, { depth, spacing_mm: [step] }) {
  const reach = Math.floor(mm / 2 / step + 1e-6);
  return [Math.max(index - reach, 0), Math.min(index + reach, depth - 1)];
}

/** The brightest value of each pixel over slices of int16. */
export function brightest([first, ...others]) {
  const found = Int16Array.from(first);
  for (const pixels of others) {
    for (let at = 0; at < found.length; at++) if (pixels[at] > found[at]) found[at] = pixels[at];
  }
  return found;
}
