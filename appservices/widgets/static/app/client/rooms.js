/**
 * Rooms: those of two, found or made.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 */
import { RoomStateEvent } from "matrix-js-sdk";

const ALGORITHM = "m.megolm.v1.aes-sha2";
const DIRECT = "m.direct";
const ENABLED_POLL_MS = 20;

/** @param {MatrixClient} client @returns {Record<string, string[]>} rooms of two by the other's id */
function directRooms(client) {
    const event = /** @type {any} */ (client.getAccountData(/** @type {any} */ (DIRECT)));
    return event?.getContent() ?? {};
}

/**
 * The id of an encrypted room of two; made if there is none.
 * @param {MatrixClient} client
 * @param {string} userId
 * @returns {Promise<string>}
 */
export async function direct(client, userId) {
    const known = (directRooms(client)[userId] ?? []).find((id) => {
        const room = client.getRoom(id);
        return room?.getMyMembership() === "join" && room.hasEncryptionStateEvent();
    });
    return known ?? makeDirect(client, userId);
}

/** @param {MatrixClient} client @param {string} userId */
async function makeDirect(client, userId) {
    const { room_id } = await client.createRoom(
        /** @type {any} */ ({
            is_direct: true,
            preset: "trusted_private_chat",
            invite: [userId],
            initial_state: [
                { type: "m.room.encryption", state_key: "", content: { algorithm: ALGORITHM } },
            ],
        }),
    );
    const rooms = directRooms(client);
    await client.setAccountData(
        /** @type {any} */ (DIRECT),
        /** @type {any} */ ({ ...rooms, [userId]: [...(rooms[userId] ?? []), room_id] }),
    );
    // That the state event is here is too early: the machine of the keys learns of it a moment later.
    const crypto = /** @type {any} */ (client.getCrypto());
    while (!(await crypto.isEncryptionEnabledInRoom(room_id)))
        await new Promise((resolve) => setTimeout(resolve, ENABLED_POLL_MS));
    return room_id;
}

export { RoomStateEvent };
