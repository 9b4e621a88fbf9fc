/** Stands in for what this viewer never calls: any name may be imported from it, and none of them is there. */
module.exports = {};
