/** Heat map over the one slice of a volume that it belongs to, laid where the slice is seen. */
import { element } from "./dom.js";

export class HeatLayer {
  constructor(pane, { slice, url }, { rows, columns }) {
    Object.assign(this, { pane, slice, url, rows, columns });
    this.canvas = element("canvas", { class: "iv-canvas iv-heat", "aria-hidden": "true" });
    pane.layer.before(this.canvas);
  }

  async load() {
    if (this.image) return;
    const image = new Image();
    image.src = this.url;
    await image.decode();
    this.image = image;
  }

  paint(slice, opacity) {
    const seen = this.image && opacity > 0 && slice === this.slice;
    this.canvas.style.opacity = seen ? String(opacity) : "0";
    if (!seen) return;
    const { width, height } = this.pane.size;
    const ratio = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = this.canvas.getContext("2d");
    context.setTransform(...this.transform(ratio));
    context.drawImage(this.image, 0, 0);
  }

  /** From pixels of the heat map to pixels of the canvas; right for a mirrored or turned display, too. */
  transform(ratio) {
    const corner = (row, col) => this.pane.toScreen({ slice: this.slice, row: row - 0.5, col: col - 0.5 }).map((value) => value * ratio);
    const [origin, right, down] = [corner(0, 0), corner(0, this.columns), corner(this.rows, 0)];
    const { width, height } = this.image;
    return [(right[0] - origin[0]) / width, (right[1] - origin[1]) / width, (down[0] - origin[0]) / height, (down[1] - origin[1]) / height, ...origin];
  }
}
