/** Types of what vendor.py joins of the Matrix SDK into one file. */
export * from "../../../node_modules/matrix-js-sdk/lib/matrix.js";
export * from "../../../node_modules/matrix-js-sdk/lib/crypto-api/index.js";
export * from "../../../node_modules/matrix-js-sdk/lib/sliding-sync.js";
export * from "../../../node_modules/matrix-js-sdk/lib/logger.js";
