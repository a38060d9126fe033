/** What waits at each place: unread chats, and what is to be answered, paid or signed. */
import { whenOpened } from "./account/account.js";

/** @typedef {import("./route.js").Place} Place */

/** @type {Partial<Record<Place, number>>} */
let current = {};
/** @type {Set<() => void>} */
const listeners = new Set();

export const counts = () => current;

/** @param {Place} place @param {number} count */
export function setCount(place, count) {
    if (current[place] === count) return;
    current = { ...current, [place]: count };
    for (const changed of listeners) changed();
}

/** @param {() => void} changed */
export function watchCounts(changed) {
    listeners.add(changed);
    whenOpened(({ client }) => {
        const look = () => setCount("chats", unread(client));
        const rooms = /** @type {any} */ (client);
        for (const name of ["Room.timeline", "Room.receipt", "Room.myMembership"])
            rooms.on(name, look);
        look();
    });
}

/** @param {import("./client/open.js").MatrixClient} client @returns {number} rooms with something new */
function unread(client) {
    return client
        .getRooms()
        .filter(
            (room) => room.getMyMembership() === "join" && room.getUnreadNotificationCount() > 0,
        ).length;
}
