/**
 * What was said before what a device has loaded: read a page at a time, for the search, the
 * documents and the export.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").Room} Room
 */
import { eventsOf } from "./content.js";
import { roomList } from "./rooms.js";
import { timelineOf } from "./timeline.js";

const MESSAGES_MAX = 50_000; // they stay in the memory of the page
const DECRYPTED_MAX = 2_000;

/** @param {MatrixClient} client @returns {Room[]} */
const joined = (client) => client.getRooms().filter((room) => room.getMyMembership() === "join");

/**
 * Reads the chats back to their beginnings, those with the newest messages first.
 * @param {MatrixClient} client
 * @param {{signal: AbortSignal, read?: (chat: number, of: number) => void, isOffices?: boolean}} how
 *   isOffices: no others; `read` is told after each page which chat is being read
 */
export async function readBack(client, { signal, read, isOffices = false }) {
    const rooms = roomList(client)
        .entries()
        .filter(({ state, kind }) => state === "join" && (!isOffices || kind === "office"));
    let count = 0;
    for (const [at, { id }] of rooms.entries()) {
        const timeline = timelineOf(client, id);
        const size = () => eventsOf(timeline.room).length;
        // Whoever leaves a chat meanwhile has nothing to read there.
        while (timeline.room && !timeline.isAtStart && count < MESSAGES_MAX && !signal.aborted) {
            count -= size();
            await timeline.older();
            await decryptAll(client, [timeline.room]);
            count += size();
            read?.(at + 1, rooms.length);
        }
    }
}

/** Of what comes at once, the SDK decrypts the newest alone. @param {MatrixClient} client */
export async function decryptAll(client, rooms = joined(client)) {
    const locked = rooms
        .flatMap(eventsOf)
        .filter((event) => event.shouldAttemptDecryption())
        .slice(-DECRYPTED_MAX);
    await Promise.all(locked.map((event) => client.decryptEventIfNeeded(event)));
}

/** @param {MatrixClient} client what was said in all chats, also in chats that began since they were read back */
export async function written(client) {
    await readBack(client, { signal: new AbortController().signal });
    return joined(client).map((room) => ({
        id: room.roomId,
        name: room.name,
        is_whole: timelineOf(client, room.roomId).isAtStart,
        messages: eventsOf(room)
            .filter((one) => !one.isState() && one.getRelation()?.rel_type !== "m.replace")
            .map((one) => ({
                id: one.getId(),
                at_ms: one.getTs(),
                sender: one.getSender(),
                type: one.getType(),
                content: one.isDecryptionFailure() ? "unreadable on this device" : one.getContent(),
            })),
    }));
}
