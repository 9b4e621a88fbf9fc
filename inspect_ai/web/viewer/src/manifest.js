/** Checks of what the server sent: a wrong manifest is one sentence, not a blank picture. */

import { ORDER } from "./axes.js";

export function checked(manifest) {
  if (manifest?.kind === "picture") {
    requireCounts(manifest, ["width", "height"]);
    if (typeof manifest.url !== "string") throw new Error("The manifest of a picture needs its url.");
    return { heat: null, marks: [], presets: [], ...manifest };
  }
  if (manifest?.kind === "volume") {
    requireCounts(manifest, ["depth", "rows", "columns"]);
    const spacing = manifest.spacing_mm;
    if (!Array.isArray(spacing) || spacing.length !== 3 || !spacing.every((mm) => mm > 0)) {
      throw new Error("The manifest of a volume needs spacing_mm: three numbers above 0.");
    }
    if (!manifest.slices?.includes("{index}")) throw new Error("The manifest of a volume needs slices with {index} in it.");
    requireSides(manifest.orientation);
    if (manifest.heat && !(Number.isInteger(manifest.heat.slice) && typeof manifest.heat.url === "string")) throw new Error("The heat map of a volume needs its slice and url.");
    const first = Math.min(Math.max(Math.round(manifest.first ?? manifest.depth / 2), 0), manifest.depth - 1);
    return { heat: null, marks: [], presets: [], ...manifest, first };
  }
  throw new Error(`The viewer shows pictures and volumes; this manifest is of kind "${manifest?.kind}".`);
}

/** Letters at the first and the last index of each axis, or nothing at all: half of it would be a wrong letter. */
function requireSides(orientation) {
  if (orientation === null || orientation === undefined) return;
  const sound = ORDER.every((axis) => orientation[axis]?.length === 2 && orientation[axis].every((sides) => /^[RLAPHF]{1,3}$/.test(sides)));
  if (!sound) throw new Error("The orientation of a volume needs two letters for each of slice, row and col.");
}

function requireCounts(manifest, names) {
  for (const name of names) {
    if (!Number.isInteger(manifest[name]) || manifest[name] < 1) {
      throw new Error(`The manifest needs ${name}: a whole number above 0.`);
    }
  }
}
