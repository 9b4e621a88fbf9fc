/** Pane of one plane of a volume: Cornerstone's planar viewport on its CPU path, so that no WebGL is needed. */
import { Enums, RenderingEngine, init } from "@cornerstonejs/core";

const LARGEST_ZOOM = 40;
const SMALLEST_ZOOM = 0.25;
let made = 0;

export function start() {
  init({
    rendering: { useCPURendering: true, useGenericViewport: true, webGlContextCount: 1, planar: { renderBackend: "cpu" } },
  });
}

/** Cornerstone's engine for the panes of one viewer. */
export function engine() {
  return new RenderingEngine(`inspect-engine-${++made}`);
}

export class SlicePane {
  constructor(renderer, host, series, plane) {
    Object.assign(this, { renderer, host, series, plane });
    this.spacing = series.manifest.spacing_mm;
    this.id = `inspect-pane-${++made}`;
    this.slabMm = 0;
    this.onChange = () => {};
    this.onShown = () => {};
    const type = plane === "axial" ? Enums.ViewportType.STACK : Enums.ViewportType.ORTHOGRAPHIC;
    renderer.enableElement({ viewportId: this.id, type, element: host, defaultOptions: { orientation: plane } });
    this.viewport = renderer.getViewport(this.id);
    host.addEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
  }

  newImage = (event) => {
    this.shown = event.detail.imageIdIndex;
    this.onShown(this.shown % this.series.ids.length);
  };

  async open(place) {
    if (this.plane === "axial") {
      await this.viewport.setStack(this.series.stack, place.slice);
      this.shown = place.slice;
    } else {
      await this.viewport.setVolumes([{ volumeId: this.series.volumeId() }]);
      this.showPlane(place);
    }
    this.resize();
  }

  get size() {
    return { width: this.host.clientWidth, height: this.host.clientHeight };
  }

  /** Screen pixels per millimetre of a column, as a factor of the spacing: 1 shows a column on one CSS pixel. */
  get zoom() {
    const [a, b] = [0, 1].map((step) => this.toScreen(this.plane === "sagittal" ? { slice: 0, row: step, col: 0 } : { slice: 0, row: 0, col: step }));
    return Math.hypot(b[0] - a[0], b[1] - a[1]);
  }

  world({ slice, row, col }) {
    return [col * this.spacing[2], row * this.spacing[1], slice * this.spacing[0]];
  }

  toScreen(place) {
    return this.viewport.worldToCanvas(this.world(place));
  }

  toSource(x, y) {
    const [wx, wy, wz] = this.viewport.canvasToWorld([x, y]);
    return { slice: wz / this.spacing[0], row: wy / this.spacing[1], col: wx / this.spacing[2] };
  }

  valueAt(place) {
    return this.series.valueAt(place, this.slabMm);
  }

  /** Shows a slice of the stack, or the slab around it, once its pixels are here; resolves when it stands on the canvas. */
  async showSlice(slice) {
    const { slabMm } = this;
    await this.series.loadShown(slice, slabMm);
    const index = this.series.place(slice, slabMm);
    if (this.shown === index || this.destroyed) return;
    await new Promise((resolve) => {
      this.host.addEventListener(Enums.Events.STACK_NEW_IMAGE, resolve, { once: true });
      this.viewport.setImageIdIndex(index);
    });
  }

  showPlane(place) {
    this.viewport.setViewState({ slice: { kind: "volumePoint", sliceWorldPoint: this.world(place) } });
    this.render();
  }

  fit() {
    this.viewport.setViewState({ anchorWorld: undefined, anchorCanvas: [0.5, 0.5], scale: [1, 1], scaleMode: "fit" });
    this.render();
  }

  zoomAt(factor, x, y) {
    const { width, height } = this.size;
    const now = this.viewport.getScale()[1];
    const scale = Math.min(Math.max(now * factor, SMALLEST_ZOOM), LARGEST_ZOOM);
    this.viewport.setViewState({
      anchorWorld: this.viewport.canvasToWorld([x, y]),
      anchorCanvas: [x / width, y / height],
      displayArea: undefined,
      scale: [scale, scale],
      scaleMode: "fit",
    });
    this.render();
  }

  panBy(dx, dy) {
    const { width, height } = this.size;
    this.anchor(this.viewport.canvasToWorld([width / 2 - dx, height / 2 - dy]));
  }

  centreOn(place) {
    this.anchor(this.world(place));
  }

  anchor(world) {
    this.viewport.setViewState({ anchorWorld: world, anchorCanvas: [0.5, 0.5], displayArea: undefined });
    this.render();
  }

  setVoi(lower, upper, inverted) {
    this.viewport.setProperties({ voiRange: { lower, upper }, invert: inverted });
    this.render();
  }

  resize() {
    this.viewport.resize();
    this.render();
  }

  render() {
    this.viewport.render();
    this.onChange();
  }

  destroy() {
    this.destroyed = true;
    this.host.removeEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
    this.renderer.disableElement(this.id);
  }
}
