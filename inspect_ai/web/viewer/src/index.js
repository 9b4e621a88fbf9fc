/**
 * Picture viewer of the reader's desk: one bundle, no network of its own, at work under a strict content security policy.
 *
 *     const viewer = await InspectViewer.mount(element, manifest, options)
 *
 * `manifest` is JSON that the server gives. Rows, columns and slices count from 0; pixel centres lie at integers.
 *
 *   picture: {"kind": "picture", "width", "height", "url", "heat": url or null,
 *             "marks": [{"number", "row", "col", "diameter_px": number or null, "label"}]}
 *   volume:  {"kind": "volume", "depth", "rows", "columns", "spacing_mm": [z, row, column],
 *             "orientation": {"slice": ["F", "H"], "row": ["A", "P"], "col": ["R", "L"]} or null,
 *             "slices": "/cases/12/slices/{index}", "heat": {"slice": index, "url"} or null, "presets": [{"name", "centre", "width"}],
 *             "marks": [{"number", "slice", "row", "col", "diameter_mm", "label"}], "first": index}
 *            Each slice answers rows * columns little-endian int16 Hounsfield units. Slice 0 is drawn lowest in the
 *            coronal and sagittal planes; the orientation names the patient's sides at both ends of each axis.
 *
 * `options` (each may be left out):
 *   labels    words for buttons, tooltips and sentences, by the names in labels.js
 *   onMark    called with a mark of the manifest when a person chooses it (button, key or on the picture)
 *   onDrawn   called with drawn() after each change by the reader
 *   memoryMb  most memory that slices may take, 768 unless told; a larger series is shown without the three planes
 *
 * mount() resolves when the first slice or the picture is shown; the other slices follow in the background. It throws
 * an Error with a sentence when the manifest or the picture cannot be used; an element that is already mounted must be
 * destroyed first.
 *
 * `viewer`:
 *   jumpTo(number)   goes to the slice of that finding and centres it; resolves when it is shown
 *   goTo(slice)      shows a slice; resolves when it is shown
 *   drawn()          [{"kind": "point" | "box" | "circle" | "freehand", "slice": index or null, "points": [[row, col], ...]}]
 *                    in source pixels: a box has two opposite corners, a circle its centre and a place on its edge,
 *                    a freehand outline its corners in order (closed, the first is not repeated)
 *   load(drawn)      shows stored drawings in place of those that are there
 *   setTool(name)    "move", "scroll", "window", "measure", "point", "box", "circle", "freehand" or "erase"
 *   setWindow(centre, width), setInverted(yes), setHeat(opacity), showMarks(yes), showPlanes(yes), setSlab(mm), reset()
 *   toScreen({slice, row, col})  place in CSS pixels from the upper left corner of the picture, for tests and overlays
 *   state()          {slice, slabMm, loaded, tool, centre, width, inverted, marks, heat, planes, zoom} as shown now
 *   keys             [{"keys", "does"}]: the keyboard, for a help page
 *   destroy()        removes everything that mount() made, and frees its memory
 */
import { KEYS } from "./keys.js";
import { checked } from "./manifest.js";
import { Viewer } from "./viewer.js";

/** Shows a manifest inside an element; resolves with the viewer once the picture is seen. */
export async function mount(element, manifest, options = {}) {
  const viewer = new Viewer(element, checked(manifest), options);
  try {
    await viewer.open();
  } catch (error) {
    viewer.destroy();
    throw error;
  }
  return viewer;
}

/** The keyboard as a table, with the words of the default language. */
export const keys = KEYS;
