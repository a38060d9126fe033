/**
 * Finds messages in what this device has decrypted: nothing of it leaves the device, and nothing
 * is kept for it.
 *
 * @typedef {object} Hit
 * @property {string} room id
 * @property {string} name of the room
 * @property {string} id of the message
 * @property {string} sender name
 * @property {string} text around what was found
 * @property {number} at_ms
 */
import { bare } from "../../kit/i18n.js";
import { eventsOf } from "./content.js";
import { decryptAll } from "./history.js";
import { nameIn } from "./timeline.js";

const HITS_MAX = 60;
const BESIDE_CHARACTERS = 50;
const MESSAGES_MAX = 100_000;

/**
 * @param {import("./open.js").MatrixClient} client
 * @param {string} words that must all be in the message
 * @returns {Promise<Hit[]>} the newest first
 */
export async function search(client, words) {
    await decryptAll(client);
    const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    /** @type {Hit[]} */
    const hits = [];
    let count = 0;
    for (const room of client.getRooms()) {
        if (room.getMyMembership() !== "join") continue;
        for (const event of eventsOf(room)) {
            if (++count > MESSAGES_MAX) break;
            if (event.getType() !== "m.room.message" || event.isRedacted()) continue;
            if (event.getRelation()?.rel_type === "m.replace") continue;
            const body = event.getContent().body ?? "";
            const lower = body.toLocaleLowerCase();
            if (!wanted.every((word) => lower.includes(word))) continue;
            hits.push({
                room: room.roomId,
                name: bare(room.name),
                id: event.getId() ?? "",
                sender: nameIn(room, event.getSender() ?? ""),
                text: around(body, lower.indexOf(wanted[0] ?? "")),
                at_ms: event.getTs(),
            });
        }
    }
    return hits.toSorted((a, b) => b.at_ms - a.at_ms).slice(0, HITS_MAX);
}

/** @param {string} body @param {number} at */
function around(body, at) {
    const from = Math.max(0, at - BESIDE_CHARACTERS);
    const part = body.slice(from, at + 2 * BESIDE_CHARACTERS).replace(/\s+/g, " ");
    return from ? `…${part}` : part;
}
