/** What waits at each place: unread chats, what is to be answered, paid or signed; and who wants to verify. */
import { whenOpened } from "./account/account.js";

/** @typedef {import("./route.js").Place} Place */

const COUNT_MS = 200;

/** @type {Partial<Record<Place, number>>} */
let current = {};
/** @type {Set<() => void>} */
const listeners = new Set();

export const counts = () => current;

let asking = "";
/** @returns {string} Matrix id of who wants to verify me now; my own: another device of mine; or empty */
export const asker = () => asking;

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
        let timer = 0;
        // At the start thousands of rooms come, each with its messages.
        const look = () =>
            (timer ||= window.setTimeout(() => {
                timer = 0;
                setCount("chats", unread(client));
            }, COUNT_MS));
        const rooms = /** @type {any} */ (client);
        for (const name of ["Room.timeline", "Room.receipt", "Room.myMembership"])
            rooms.on(name, look);
        look();
        void import("./client/verification.js").then(({ watchRequests }) =>
            watchRequests((request) => {
                asking = request?.otherUserId ?? "";
                for (const tell of listeners) tell();
            }),
        );
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
