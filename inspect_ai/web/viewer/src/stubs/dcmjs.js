/** Stands in for dcmjs, of which only the logger is used here; dcmjs itself builds functions from text. */
export { default as log } from "loglevel";
export const constants = {};
export default {};
