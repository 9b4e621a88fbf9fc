/**
 * Slices of one volume as Cornerstone images: fetched once, nearest to the shown slice first, within a memory bound.
 *
 * Cornerstone's cache holds the pixels and drops those that were used longest ago; the three planes read the same
 * arrays, so that nothing is held twice.
 */
import { cache, imageLoader, metaData, volumeLoader } from "@cornerstonejs/core";
import { SLABS_MM, brightest, slabAround } from "./slab.js";

const SCHEME = "inspect";
const AT_ONCE = 4; // background requests; browsers open six to a host, and the shown slice must not wait
const AHEAD = 32; // slices that are fetched first in the direction of scrolling
const SLABS_KEPT = 8; // slabs in memory, made again when they are wanted again
const open = new Map(); // viewer's key -> Series
let opened = 0;

export class Series {
  constructor(manifest, memoryMb) {
    this.manifest = manifest;
    this.key = `${++opened}`;
    this.ids = Array.from({ length: manifest.depth }, (_, index) => `${SCHEME}:${this.key}:${index}`);
    this.stack = SLABS_MM.flatMap((mm) => this.ids.map((id) => (mm ? `${id}:${mm}` : id)));
    this.slabsMade = [];
    this.bytes = manifest.rows * manifest.columns * 2;
    this.most = Math.max(Math.floor((memoryMb * 2 ** 20) / this.bytes), 8); // slices
    this.stopped = new AbortController();
    this.onLoaded = () => {};
    this.centre = manifest.first;
    this.heading = 1;
    register();
    open.set(this.key, this);
    bound();
  }

  get fits() {
    return this.ids.length <= this.most;
  }

  get loaded() {
    return this.ids.reduce((count, _, index) => count + (this.has(index) ? 1 : 0), 0);
  }

  get complete() {
    return Boolean(this.finished);
  }

  /** Whether a slice is here; asking does not count as using it, so that old slices stay old. */
  has(index) {
    return cache.isLoaded(this.ids[index]);
  }

  load(index) {
    return imageLoader.loadAndCacheImage(this.ids[index]);
  }

  /** Place in the stack of a slice, or of the slab around it: the slices first, then the slabs of each thickness. */
  place(index, slabMm) {
    return SLABS_MM.indexOf(slabMm) * this.ids.length + index;
  }

  loadShown(index, slabMm) {
    return imageLoader.loadAndCacheImage(this.stack[this.place(index, slabMm)]);
  }

  valueAt({ slice, row, col }, slabMm = 0) {
    const image = cache.getImage(this.stack[this.place(Math.round(slice), slabMm)]);
    const at = [Math.round(row), Math.round(col)];
    if (!image || at[0] < 0 || at[1] < 0 || at[0] >= this.manifest.rows || at[1] >= this.manifest.columns) return null;
    return image.getPixelData()[at[0] * this.manifest.columns + at[1]];
  }

  /** Loads around `near()` until every slice that may be held is here; one run at a time, again after each move. */
  async prefetch(near) {
    if (this.running || this.finished) return;
    this.running = true;
    const tried = new Set();
    const worker = async () => {
      for (let next = this.nearest(near(), tried); next !== null; next = this.nearest(near(), tried)) {
        tried.add(next);
        if (this.stopped.signal.aborted) return;
        await this.load(next).catch(() => {}); // told when a person moves there
        this.onLoaded();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.running = false;
    this.finished = this.fits && this.loaded === this.ids.length;
    this.onLoaded();
  }

  /** The next slice worth having: first where the person is heading, then the nearest on either side. */
  nearest(centre, tried) {
    if (centre !== this.centre) this.heading = Math.sign(centre - this.centre);
    this.centre = centre;
    const missing = (index) => index >= 0 && index < this.ids.length && !tried.has(index) && !this.has(index);
    const reach = this.fits ? this.ids.length : Math.floor(this.most / 3);
    for (let away = 0; away <= Math.min(AHEAD, reach); away++) {
      if (missing(centre + away * this.heading)) return centre + away * this.heading;
    }
    for (let away = 0; away <= reach; away++) {
      for (const index of [centre + away, centre - away]) if (missing(index)) return index;
    }
    return null;
  }

  async fetched(index) {
    const address = this.manifest.slices.replace("{index}", index);
    const answer = await fetch(address, { signal: this.stopped.signal, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
    const bytes = await answer.arrayBuffer();
    if (bytes.byteLength !== this.bytes) throw new Error(`${address} answered ${bytes.byteLength} bytes, not ${this.bytes}`);
    return image(this, index, new Int16Array(bytes));
  }

  /** A slab from its slices, which are fetched if need be; the oldest slab goes, so that slabs drive no slice out. */
  async slab(index, mm) {
    const [first, last] = slabAround(index, mm, this.manifest);
    const slices = await Promise.all(this.ids.slice(first, last + 1).map((id) => imageLoader.loadAndCacheImage(id)));
    const id = `${this.ids[index]}:${mm}`;
    this.slabsMade = [...this.slabsMade.filter((one) => one !== id), id];
    bound();
    while (this.slabsMade.length > SLABS_KEPT) forget(this.slabsMade.shift());
    return image(this, index, brightest(slices.map((one) => one.getPixelData())), id);
  }

  volumeId() {
    const id = `${SCHEME}-volume:${this.key}`;
    if (!cache.getVolume(id)) volumeLoader.createAndCacheVolumeFromImagesSync(id, this.ids);
    return id;
  }

  destroy() {
    this.stopped.abort();
    open.delete(this.key);
    const id = `${SCHEME}-volume:${this.key}`;
    if (cache.getVolume(id)) cache.removeVolumeLoadObject(id);
    this.ids.forEach(forget);
    this.slabsMade.forEach(forget);
    bound();
  }
}

function forget(id) {
  if (cache.getImageLoadObject(id)) cache.removeImageLoadObject(id, { force: true });
}

/** Gives Cornerstone's cache the memory of the open series: what each may hold, its slabs, and the slice that is on its way. */
function bound() {
  const bytes = [...open.values()].map((one) => one.bytes * (Math.min(one.most, one.ids.length) + 1 + (one.slabsMade.length ? SLABS_KEPT : 0)));
  cache.setMaxCacheSize(bytes.reduce((sum, more) => sum + more, 2 ** 20));
}

/** Cornerstone's image over the fetched array; it wraps the array and copies nothing. */
function image(series, index, pixels, id = series.ids[index]) {
  const { rows, columns, spacing_mm: spacing } = series.manifest;
  let [least, most] = [pixels[0], pixels[0]];
  for (const value of pixels) {
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  return {
    imageId: id,
    minPixelValue: least,
    maxPixelValue: most,
    slope: 1,
    intercept: 0,
    windowCenter: 40,
    windowWidth: 400,
    getPixelData: () => pixels,
    rows,
    columns,
    height: rows,
    width: columns,
    color: false,
    rgba: false,
    numberOfComponents: 1,
    photometricInterpretation: "MONOCHROME2",
    rowPixelSpacing: spacing[1],
    columnPixelSpacing: spacing[2],
    invert: false,
    sizeInBytes: pixels.byteLength,
    dataType: "Int16Array",
  };
}

let registered = false;

function register() {
  if (registered) return;
  registered = true;
  metaData.addProvider(describe, 10_000);
  imageLoader.registerImageLoader(SCHEME, (id) => {
    const [series, index, slabMm] = found(id);
    return { promise: slabMm ? series.slab(index, slabMm) : series.fetched(index) };
  });
}

function found(id) {
  const [scheme, key, index, slabMm = 0] = String(id).split(":");
  return scheme === SCHEME && open.has(key) ? [open.get(key), Number(index), Number(slabMm)] : [undefined, undefined, 0];
}

/** What Cornerstone asks of an image's header; axes are x along a row, y down the columns, z up the slices. */
function describe(kind, id) {
  const [series, index] = found(id);
  if (!series) return undefined;
  const { rows, columns, spacing_mm: spacing } = series.manifest;
  const kinds = {
    imagePixelModule: () => ({
      samplesPerPixel: 1,
      photometricInterpretation: "MONOCHROME2",
      bitsAllocated: 16,
      bitsStored: 16,
      highBit: 15,
      pixelRepresentation: 1,
    }),
    imagePlaneModule: () => ({
      frameOfReferenceUID: `${SCHEME}.${series.key}`,
      rows,
      columns,
      imageOrientationPatient: [1, 0, 0, 0, 1, 0],
      rowCosines: [1, 0, 0],
      columnCosines: [0, 1, 0],
      imagePositionPatient: [0, 0, index * spacing[0]],
      sliceThickness: spacing[0],
      sliceLocation: index * spacing[0],
      pixelSpacing: [spacing[1], spacing[2]],
      rowPixelSpacing: spacing[1],
      columnPixelSpacing: spacing[2],
    }),
    generalSeriesModule: () => ({ modality: "CT", seriesInstanceUID: `${SCHEME}.${series.key}` }),
    voiLutModule: () => ({ windowCenter: [40], windowWidth: [400] }),
    modalityLutModule: () => ({ rescaleIntercept: 0, rescaleSlope: 1 }),
  };
  return kinds[kind]?.();
}
