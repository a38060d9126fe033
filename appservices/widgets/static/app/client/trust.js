/**
 * Whose keys have changed. The SDK remembers the first identity of everybody; a new one may be a
 * new phone, or somebody who wants to read along.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {{id: string, wasVerified: boolean}} Replaced
 */
import { CryptoEvent } from "matrix-js-sdk";
import { listen } from "./content.js";

/** Somebody's keys have changed, and nobody has said that this is fine. */
export class ReplacedError extends Error {
    /** @param {Replaced[]} people */
    constructor(people) {
        super("an identity was replaced");
        this.people = people;
    }
}

/** Whether a room is encrypted, or was: a homeserver may say it no more. @param {MatrixClient} client @param {string} roomId */
export async function isSecret(client, roomId) {
    if (client.getRoom(roomId)?.hasEncryptionStateEvent()) return true;
    return Boolean(await client.getCrypto()?.isEncryptionEnabledInRoom(roomId));
}

/**
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {boolean} [isAll] of all to whom a message would go; else of those whom this device knows
 * @returns {Promise<Replaced[]>}
 */
export async function replacedIn(client, roomId, isAll) {
    const crypto = client.getCrypto();
    const room = client.getRoom(roomId);
    if (!crypto || !room || !(await isSecret(client, roomId))) return [];
    const members = isAll ? await room.getEncryptionTargetMembers() : room.getMembers();
    const found = await Promise.all(
        members.map(async ({ userId, membership }) => {
            const isHere = membership === "join" || membership === "invite";
            if (!isHere || userId === client.getUserId()) return [];
            const status = await crypto.getUserVerificationStatus(userId);
            const wasVerified =
                status.wasCrossSigningVerified() && !status.isCrossSigningVerified();
            return status.needsUserApproval || wasVerified ? [{ id: userId, wasVerified }] : [];
        }),
    );
    return found.flat();
}

/** @param {MatrixClient} client @param {string} roomId @throws {ReplacedError} */
export async function mustBeTrusted(client, roomId) {
    const people = await replacedIn(client, roomId, true);
    if (people.length) throw new ReplacedError(people);
}

/**
 * Whether all in a room have an identity, and this device is confirmed by its own: then no device
 * gets the keys that its owner did not confirm. A homeserver can add others.
 * @param {MatrixClient} client
 * @param {import("matrix-js-sdk").Room} room
 */
export async function areConfirmed(client, room) {
    const crypto = client.getCrypto();
    const [user, device] = [client.getUserId() ?? "", client.getDeviceId() ?? ""];
    const own = await crypto?.getDeviceVerificationStatus(user, device);
    if (!own?.crossSigningVerified) return false;
    const members = await room.getEncryptionTargetMembers();
    const found = members.map(({ userId }) => crypto?.getUserVerificationStatus(userId));
    return (await Promise.all(found)).every((one) => one?.known);
}

/** Accepts the new identity of somebody. @param {MatrixClient} client @param {string} userId */
export async function acceptIdentity(client, userId) {
    const crypto = client.getCrypto();
    const status = await crypto?.getUserVerificationStatus(userId);
    if (status?.wasCrossSigningVerified()) await crypto?.withdrawVerificationRequirement(userId);
    if (status?.needsUserApproval) await crypto?.pinCurrentUserIdentity(userId);
}

/** @param {MatrixClient} client @param {string} userId @returns {Promise<boolean>} */
export async function isPersonVerified(client, userId) {
    const status = await client.getCrypto()?.getUserVerificationStatus(userId);
    return Boolean(status?.isCrossSigningVerified());
}

/** @param {MatrixClient} client @param {() => void} changed @returns {() => void} stops it */
export const whenTrustChanges = (client, changed) =>
    listen(client, [[CryptoEvent.UserTrustStatusChanged, () => changed()]]);
