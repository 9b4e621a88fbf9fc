/** Checks of what the server sent: a wrong manifest is one sentence, not a blank picture. */

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
    const first = Math.min(Math.max(Math.round(manifest.first ?? manifest.depth / 2), 0), manifest.depth - 1);
    return { heat: null, marks: [], presets: [], ...manifest, first };
  }
  throw new Error(`The viewer shows pictures and volumes; this manifest is of kind "${manifest?.kind}".`);
}

function requireCounts(manifest, names) {
  for (const name of names) {
    if (!Number.isInteger(manifest[name]) || manifest[name] < 1) {
      throw new Error(`The manifest needs ${name}: a whole number above 0.`);
    }
  }
}
