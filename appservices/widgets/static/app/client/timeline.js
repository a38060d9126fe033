/**
 * The messages of a room as they stand now: edits applied, answers and reactions beside them.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").MatrixEvent} MatrixEvent
 * @typedef {object} Message
 * @property {string} id of the event; of one that is being sent, the SDK's own
 * @property {string} sender
 * @property {string} name of the sender in this room
 * @property {number} at_ms
 * @property {boolean} isMine
 * @property {"message" | "unreadable" | "removed"} kind
 * @property {Record<string, any>} content the latest; empty if it cannot be read
 * @property {boolean} isEdited
 * @property {"sending" | "failed" | undefined} status
 */
import { EventStatus, MatrixEventEvent, RoomEvent } from "matrix-js-sdk";

const SHOWN = new Set(["m.room.message", "m.room.encrypted", "m.sticker"]);

/** The timeline of one room. */
export class Timeline {
    /** @param {MatrixClient} client @param {string} roomId */
    constructor(client, roomId) {
        this._client = client;
        this._roomId = roomId;
    }

    /** @returns {Message[]} oldest first */
    messages() {
        const room = this._client.getRoom(this._roomId);
        if (!room) return [];
        const events = room.getLiveTimeline().getEvents(); // what is being sent, too
        const seen = new Set();
        return events
            .filter((event) => {
                const id = event.getId() ?? "";
                if (seen.has(id) || !SHOWN.has(event.getType()) || isEdit(event)) return false;
                return Boolean(seen.add(id));
            })
            .map((event) => this._message(event));
    }

    /**
     * @param {() => void} changed
     * @returns {() => void} stops it
     */
    watch(changed) {
        const names = [
            ...[RoomEvent.Timeline, RoomEvent.LocalEchoUpdated, RoomEvent.Redaction],
            ...[MatrixEventEvent.Decrypted, MatrixEventEvent.Replaced],
        ];
        for (const name of names) this._client.on(/** @type {any} */ (name), changed);
        return () => {
            for (const name of names) this._client.off(/** @type {any} */ (name), changed);
        };
    }

    /** @param {MatrixEvent} event @returns {Message} */
    _message(event) {
        // Of what comes at once, the SDK decrypts only the newest by itself.
        if (event.shouldAttemptDecryption()) void this._client.decryptEventIfNeeded(event);
        const isUnreadable = event.isDecryptionFailure() || event.getType() === "m.room.encrypted";
        const sender = event.getSender() ?? "";
        return {
            id: event.getId() ?? "",
            sender,
            name: event.sender?.rawDisplayName ?? sender,
            at_ms: event.getTs(),
            isMine: sender === this._client.getUserId(),
            kind: event.isRedacted() ? "removed" : isUnreadable ? "unreadable" : "message",
            content: isUnreadable ? {} : event.getContent(),
            isEdited: Boolean(event.replacingEvent()),
            status: statusOf(event),
        };
    }
}

/** @param {MatrixEvent} event */
function isEdit(event) {
    return event.getRelation()?.rel_type === "m.replace";
}

/** @param {MatrixEvent} event */
function statusOf(event) {
    if (event.status === EventStatus.NOT_SENT) return "failed";
    return event.status === null || event.status === EventStatus.SENT ? undefined : "sending";
}
