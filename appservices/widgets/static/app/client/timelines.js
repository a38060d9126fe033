/** One timeline for each room that is looked at, shared by whatever draws parts of it. */
import { Timeline } from "./timeline.js";

/** @typedef {import("./open.js").MatrixClient} MatrixClient */

/** @type {WeakMap<MatrixClient, Map<string, Timeline>>} */
const all = new WeakMap();

/** @param {MatrixClient} client @param {string} roomId @returns {Timeline} */
export function timelineOf(client, roomId) {
    const ofClient = all.get(client) ?? new Map();
    all.set(client, ofClient);
    const found = ofClient.get(roomId) ?? new Timeline(client, roomId);
    ofClient.set(roomId, found);
    return found;
}
