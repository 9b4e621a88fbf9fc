/** The part of @cornerstonejs/metadata that core uses. The rest reads DICOM headers, which the server has done already. */
import CalibrationTypes from "../../node_modules/@cornerstonejs/metadata/dist/esm/enums/CalibrationTypes.js";
import MetadataModules from "../../node_modules/@cornerstonejs/metadata/dist/esm/enums/MetadataModules.js";
import * as metaData from "../../node_modules/@cornerstonejs/metadata/dist/esm/metaData.js";
import calibratedPixelSpacingMetadataProvider from "../../node_modules/@cornerstonejs/metadata/dist/esm/utilities/calibratedPixelSpacingMetadataProvider.js";
import * as spacing from "../../node_modules/@cornerstonejs/metadata/dist/esm/utilities/getPixelSpacingInformation.js";
import imageIdToURI from "../../node_modules/@cornerstonejs/metadata/dist/esm/utilities/imageIdToURI.js";
import isVideoTransferSyntax, { videoUIDs } from "../../node_modules/@cornerstonejs/metadata/dist/esm/utilities/isVideoTransferSyntax.js";
import splitImageIdsBy4DTags, * as frames from "../../node_modules/@cornerstonejs/metadata/dist/esm/utilities/splitImageIdsBy4DTags.js";

export const Enums = { CalibrationTypes, MetadataModules };
export const utilities = {
  ...spacing,
  ...frames,
  calibratedPixelSpacingMetadataProvider,
  imageIdToURI,
  isVideoTransferSyntax,
  splitImageIdsBy4DTags,
  videoUIDs,
};
export { metaData };
