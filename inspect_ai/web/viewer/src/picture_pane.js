/** Pane of a photograph: plain canvas at full resolution, window and inversion by a table over the pixels in view. */
import { element } from "./dom.js";

const PIXELS_SEEN_FROM = 8; // screen pixels per source pixel from which single pixels are shown as squares
const LARGEST_ZOOM = 64;

export class PicturePane {
  constructor(host, manifest, words) {
    Object.assign(this, { host, manifest, words });
    this.plane = "picture";
    this.canvas = element("canvas", { class: "iv-canvas" });
    this.heatCanvas = element("canvas", { class: "iv-canvas iv-heat" });
    this.heatCanvas.style.opacity = "0";
    host.append(this.canvas, this.heatCanvas);
    this.voi = { lower: 0, upper: 255, inverted: false };
    this.onChange = () => {};
  }

  async open() {
    this.image = await loaded(this.manifest.url).catch(() => {
      throw new Error(this.words("pictureFailed", { url: this.manifest.url }));
    });
    this.fit();
  }

  get size() {
    return { width: this.host.clientWidth, height: this.host.clientHeight };
  }

  get zoom() {
    return this.scale;
  }

  toScreen({ row, col }) {
    return [this.left + (col + 0.5) * this.scale, this.top + (row + 0.5) * this.scale];
  }

  toSource(x, y) {
    return { slice: null, row: (y - this.top) / this.scale - 0.5, col: (x - this.left) / this.scale - 0.5 };
  }

  valueAt() {
    return null;
  }

  fit() {
    const { width, height } = this.size;
    this.scale = this.fitScale = Math.min(width / this.manifest.width, height / this.manifest.height);
    this.left = (width - this.manifest.width * this.scale) / 2;
    this.top = (height - this.manifest.height * this.scale) / 2;
    this.render();
  }

  zoomAt(factor, x, y) {
    const scale = Math.min(Math.max(this.scale * factor, this.fitScale / 4), LARGEST_ZOOM);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.render();
  }

  panBy(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.render();
  }

  centreOn(place) {
    const [x, y] = this.toScreen(place);
    this.panBy(this.size.width / 2 - x, this.size.height / 2 - y);
  }

  setVoi(lower, upper, inverted) {
    this.voi = { lower, upper, inverted };
    this.render();
  }

  async setHeat(opacity) {
    this.heatCanvas.style.opacity = String(opacity);
    if (opacity > 0 && !this.heatImage) {
      this.heatImage = await loaded(this.manifest.heat);
      this.render();
    }
  }

  resize() {
    const before = this.lastSize ?? this.size;
    const fitted = Math.abs(this.scale - this.fitScale) < 1e-9;
    if (fitted) return this.fit();
    this.left += (this.size.width - before.width) / 2;
    this.top += (this.size.height - before.height) / 2;
    return this.render();
  }

  /** One drawing a frame, however many changes came before it. */
  render() {
    this.lastSize = this.size;
    this.request ??= requestAnimationFrame(() => {
      this.request = undefined;
      this.draw();
    });
    this.onChange();
  }

  draw() {
    const context = this.paint(this.canvas, this.image);
    const { lower, upper, inverted } = this.voi;
    if (lower !== 0 || upper !== 255 || inverted) applyTable(context, this.table(lower, upper, inverted));
    if (this.heatImage) this.paint(this.heatCanvas, this.heatImage);
  }

  paint(canvas, image) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(this.size.width * ratio);
    canvas.height = Math.round(this.size.height * ratio);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = this.scale * ratio < PIXELS_SEEN_FROM;
    context.imageSmoothingQuality = "high";
    context.setTransform(this.scale * ratio, 0, 0, this.scale * ratio, this.left * ratio, this.top * ratio);
    context.drawImage(image, 0, 0, this.manifest.width, this.manifest.height);
    return context;
  }

  table(lower, upper, inverted) {
    const table = new Uint8ClampedArray(256);
    for (let value = 0; value < 256; value++) {
      const grey = (255 * (value - lower)) / (upper - lower);
      table[value] = inverted ? 255 - grey : grey;
    }
    return table;
  }

  destroy() {
    if (this.request) cancelAnimationFrame(this.request);
    this.canvas.remove();
    this.heatCanvas.remove();
    this.image = this.heatImage = null;
  }
}

async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function applyTable(context, table) {
  const { width, height } = context.canvas;
  if (!width || !height) return;
  const pixels = context.getImageData(0, 0, width, height);
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 0) continue; // beside the picture
    data[at] = table[data[at]];
    data[at + 1] = table[data[at + 1]];
    data[at + 2] = table[data[at + 2]];
  }
  context.putImageData(pixels, 0, 0);
}
