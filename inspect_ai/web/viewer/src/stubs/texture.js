/** Stands in for the WebGL texture that Cornerstone makes for each volume. */

const texture = {
  delete() {},
  modified() {},
  releaseGraphicsResources() {},
  setUpdatedFrame() {},
  setVolumeId() {},
};

export default { newInstance: () => texture };
