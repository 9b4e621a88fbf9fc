/** Stands in for the WebGL window that Cornerstone makes for each engine; here every pane draws on a plain canvas. */

const camera = { setParallelProjection() {} };
const renderer = {
  getActiveCamera: () => camera,
  setDraw() {},
  setViewport() {},
};

/** Answers what the engine asks while panes come, change size and go, and draws nothing. */
const renderWindow = {
  addRenderer() {},
  delete() {},
  destroy() {},
  getRenderer: () => renderer,
  getRenderers: () => [],
  removeRenderer() {},
  resize() {},
  setContainer() {},
};

export const vtkOffscreenMultiRenderWindow = { newInstance: () => renderWindow };
export const vtkSharedImageResliceMapper = {};
export const vtkSharedVolumeMapper = {};
export const vtkStreamingOpenGLImageResliceMapper = {};
export { default as vtkStreamingOpenGLTexture } from "./texture.js";
export const vtkSlabCamera = {};
