/** The tests that files name, until the driver plays them; and what ends with the driver. */

/** @type {Map<string, () => Promise<void>>} of the file that is being imported */
export const tests = new Map();

/** @type {(() => unknown)[]} */
export const endings = [];

/** @param {() => unknown} end what files have started, once the last of them was played */
export const after = (end) => void endings.push(end);
