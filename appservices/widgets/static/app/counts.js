/** What waits at each place: unread chats, what is to be answered, paid or signed; and who wants to verify. */
import { listeners } from "../kit/listeners.js";
import { whenOpened } from "./account/account.js";

/** @typedef {import("./route.js").Place} Place */

/** @type {Partial<Record<Place, number>>} */
let current = {};
const { watch, tell } = listeners();

export const counts = () => current;

let asking = "";
/** @returns {string} Matrix id of who wants to verify me now; my own: another device of mine; or empty */
export const asker = () => asking;

/** @param {Place} place @param {number} count */
export function setCount(place, count) {
    if (current[place] === count) return;
    current = { ...current, [place]: count };
    tell();
}

/** @param {() => void} changed */
export function watchCounts(changed) {
    watch(changed);
    watchNew(({ length }) => setCount("chats", length));
    whenOpened(() => {
        void import("./client/verification.js").then(({ watchRequests }) =>
            watchRequests((request) => {
                asking = request?.otherUserId ?? "";
                tell();
            }),
        );
    });
}

/**
 * @param {(chats: import("./client/rooms.js").Entry[]) => void} changed which have something new
 * @returns {() => void} stops it
 */
export function watchNew(changed) {
    let isOver = false;
    /** @type {(() => void) | undefined} */
    let stop;
    whenOpened(async ({ client }) => {
        const rooms = (await import("./client/rooms.js")).roomList(client);
        const look = () =>
            changed(rooms.entries().filter(({ state, unread }) => state === "join" && unread > 0));
        if (isOver) return;
        stop = rooms.watch(look);
        look();
    });
    return () => {
        isOver = true;
        stop?.();
    };
}
