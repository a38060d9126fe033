/**
 * Whose keys have changed. The SDK remembers the first identity of everybody; a new one may be a
 * new phone, or somebody who wants to read along.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {{id: string, wasVerified: boolean}} Replaced
 */
import { CryptoEvent } from "matrix-js-sdk";

const MEMBERS_MAX = 200;

/** Somebody's keys have changed, and nobody has said that this is fine. */
export class ReplacedError extends Error {
    /** @param {Replaced[]} people */
    constructor(people) {
        super("an identity was replaced");
        this.people = people;
    }
}

/**
 * @param {MatrixClient} client
 * @param {string} roomId
 * @returns {Promise<Replaced[]>} of those whom this device knows
 */
export async function replacedIn(client, roomId) {
    const crypto = client.getCrypto();
    const room = client.getRoom(roomId);
    if (!crypto || !room?.hasEncryptionStateEvent()) return [];
    const members = room
        .getMembers()
        .filter(({ membership }) => membership === "join" || membership === "invite")
        .filter(({ userId }) => userId !== client.getUserId())
        .slice(0, MEMBERS_MAX);
    const found = await Promise.all(
        members.map(async ({ userId }) => {
            const status = await crypto.getUserVerificationStatus(userId);
            const wasVerified =
                status.wasCrossSigningVerified() && !status.isCrossSigningVerified();
            return status.needsUserApproval || wasVerified ? [{ id: userId, wasVerified }] : [];
        }),
    );
    return found.flat();
}

/**
 * Accepts the new identity of somebody.
 * @param {MatrixClient} client
 * @param {string} userId
 */
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

/**
 * @param {MatrixClient} client
 * @param {() => void} changed
 * @returns {() => void} stops it
 */
export function whenTrustChanges(client, changed) {
    const listener = () => changed();
    client.on(CryptoEvent.UserTrustStatusChanged, listener);
    return () => client.off(CryptoEvent.UserTrustStatusChanged, listener);
}
