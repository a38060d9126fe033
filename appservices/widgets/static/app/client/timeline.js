/**
 * The messages of a room as they stand now: edits applied, answers and reactions beside them.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").MatrixEvent} MatrixEvent
 * @typedef {import("matrix-js-sdk").Room} Room
 * @typedef {import("../../kit/matter.js").Asked} Asked
 * @typedef {object} Reaction
 * @property {string} key an emoji, or a word
 * @property {number} count
 * @property {string | undefined} mine id of my own, to take it back
 * @property {string[]} names of the first who reacted
 * @typedef {object} Message
 * @property {string} id of the event; of one that is being sent, the SDK's own
 * @property {string} sender
 * @property {string} name of the sender in this room
 * @property {number} at_ms
 * @property {boolean} isMine
 * @property {"message" | "unreadable" | "removed" | "note"} kind note: what happened to the room
 * @property {Record<string, any>} content the latest; empty if it cannot be read
 * @property {boolean} isEdited
 * @property {boolean} isClear it is not encrypted, though the room is
 * @property {"sending" | "failed" | undefined} status
 * @property {string | null} reason code of the SDK why it cannot be read
 * @property {string | undefined} replyTo id of the message that it answers
 * @property {Reaction[]} reactions
 * @property {{id: string, name: string}[]} readers others who have read up to here
 * @property {MatrixEvent} event
 */
import { isSignInTalk } from "../account/sign_in_talk.js";
import { contentOf, eventsOf, listen } from "./content.js";
import { EventStatus, MatrixEventEvent, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";
import { bare } from "../../kit/i18n.js";
import { matterOf } from "../../kit/matter.js";

const SHOWN = new Set(["m.room.message", "m.room.encrypted", "m.sticker"]);
const NOTES = new Set(["m.room.member", "m.room.name", "m.room.avatar", "m.room.create"]);
const PAGE_EVENTS = 60;
const REACTIONS_MAX = 20;
const REACTION_CHARACTERS_MAX = 40;
const NAMES_MAX = 10;
const READERS_MAX = 20;
const MATTER_EVENTS_MAX = 300;

/** The timeline of one room. */
export class Timeline {
    /** @param {MatrixClient} client @param {string} roomId */
    constructor(client, roomId) {
        this._client = client;
        this._roomId = roomId;
        /** @type {MatrixEvent[] | undefined} */
        this._events = undefined;
        /** @type {{at: MatrixEvent[], prompts: Asked[]} | undefined} */
        this._matter = undefined;
        /** @type {unknown} the SDK's timeline whose first message is here; it begins anew at a gap */
        this._whole = null;
        /** @type {WeakMap<MatrixEvent, {at: MatrixEvent[], message: Message}>} */
        this._made = new WeakMap();
        /** @type {WeakMap<MatrixEvent, {as: string, is: boolean}>} whether it is shown, as it was then */
        this._shown = new WeakMap();
    }

    /** @returns {Room | null} */
    get room() {
        return this._client.getRoom(this._roomId);
    }

    /** Whether there is nothing older. */
    get isAtStart() {
        return this._whole === this.room?.getLiveTimeline();
    }

    /** @returns {MatrixEvent[]} what is shown, oldest first */
    events() {
        if (this._events) return this._events;
        const seen = new Set();
        const isOfTwo = (this.room?.getInvitedAndJoinedMemberCount() ?? 0) <= 2;
        this._events = eventsOf(this.room).filter((event) => {
            const id = event.getId() ?? "";
            if (seen.has(id) || !this._isShown(event, isOfTwo)) return false;
            return Boolean(seen.add(id));
        });
        return this._events;
    }

    /** Looks once at each event, and again when it has been decrypted. @param {MatrixEvent} event @param {boolean} isOfTwo */
    _isShown(event, isOfTwo) {
        const as = event.getType() + isOfTwo;
        const known = this._shown.get(event);
        if (known?.as === as) return known.is;
        const is = isShown(event, isOfTwo);
        this._shown.set(event, { as, is });
        return is;
    }

    /** @param {number} from @param {number} to @returns {Message[]} of `events()` */
    messages(from, to) {
        return this.events()
            .slice(from, to)
            .map((event) => this.message(event));
    }

    /** @param {string} id @returns {MatrixEvent | undefined} if this device has it */
    find(id) {
        return this.room?.findEventById(id);
    }

    /** Fetches older messages. @returns {Promise<void>} */
    async older() {
        const timeline = this.room?.getLiveTimeline();
        if (!timeline || this.isAtStart) return;
        const options = { backwards: true, limit: PAGE_EVENTS };
        const hasMore = await this._client.paginateEventTimeline(timeline, options);
        if (!hasMore) this._whole = timeline;
        this._events = undefined;
    }

    /** @param {() => void} changed called at most once a frame @returns {() => void} stops it */
    watch(changed) {
        this._events = undefined;
        let frame = 0;
        const soon = (/** @type {any[]} */ ...told) => {
            const room = told.find((one) => one && typeof one === "object" && "roomId" in one);
            if (room?.roomId && room.roomId !== this._roomId) return;
            this._events = undefined;
            frame ||= requestAnimationFrame(() => {
                frame = 0;
                changed();
            });
        };
        /** @param {MatrixEvent} event */
        const ofEvent = (event) => void (event.getRoomId() === this._roomId && soon());
        const ofRoom = [
            ...[RoomEvent.Timeline, RoomEvent.TimelineReset, RoomEvent.LocalEchoUpdated],
            ...[RoomEvent.Redaction, RoomEvent.Receipt, RoomEvent.MyMembership, RoomEvent.Name],
            RoomMemberEvent.Typing,
        ];
        const ofEvents = [MatrixEventEvent.Decrypted, MatrixEventEvent.Replaced];
        const stop = listen(this._client, [
            ...ofRoom.map((name) => /** @type {[string, any]} */ ([name, soon])),
            ...ofEvents.map((name) => /** @type {[string, any]} */ ([name, ofEvent])),
        ]);
        return () => {
            cancelAnimationFrame(frame);
            stop();
        };
    }

    /** @param {MatrixEvent} event @returns {Message} the same again as long as nothing has changed */
    message(event) {
        const at = this.events(); // others as soon as anything changes
        const known = this._made.get(event);
        if (known?.at === at) return known.message;
        const made = this._message(event);
        const message = known && isSame(known.message, made) ? known.message : made;
        this._made.set(event, { at, message });
        return message;
    }

    /** @param {MatrixEvent} event @returns {Message} */
    _message(event) {
        const content = contentOf(this._client, event);
        const isUnreadable = event.isDecryptionFailure() || event.getType() === "m.room.encrypted";
        const sender = event.getSender() ?? "";
        const isSecret = this.room?.hasEncryptionStateEvent() ?? false;
        return {
            id: event.getId() ?? "",
            sender,
            name: nameIn(this.room, sender),
            at_ms: event.getTs(),
            isMine: sender === this._client.getUserId(),
            kind: kindOf(event, isUnreadable),
            content: isUnreadable ? {} : content,
            isEdited: Boolean(event.replacingEvent()),
            isClear: !event.status && !event.isEncrypted() && isSecret,
            status: statusOf(event),
            reason: event.isBeingDecrypted() ? "" : event.decryptionFailureReason,
            replyTo: event.replyEventId,
            reactions: this._reactions(event.getId() ?? ""),
            readers: this._readers(event),
            event,
        };
    }

    /** @param {string} id @returns {Reaction[]} */
    _reactions(id) {
        const found = this.room?.relations.getChildEventsForEvent(id, "m.annotation", "m.reaction");
        return (found?.getSortedAnnotationsByKey() ?? [])
            .map(([key, events]) => {
                const all = [...events].filter((one) => !one.isRedacted());
                const mine = all.find((one) => one.getSender() === this._client.getUserId());
                const names = all.slice(0, NAMES_MAX);
                return {
                    key: String(key).slice(0, REACTION_CHARACTERS_MAX),
                    count: all.length,
                    mine: mine?.getId(),
                    names: names.map((one) => nameIn(this.room, one.getSender() ?? "")),
                };
            })
            .filter(({ count }) => count)
            .slice(0, REACTIONS_MAX);
    }

    /** @param {MatrixEvent} event */
    _readers(event) {
        const receipts = event.status === null ? this.room?.getReceiptsForEvent(event) : undefined;
        return (receipts ?? [])
            .filter(
                ({ userId }) => userId !== this._client.getUserId() && userId !== event.getSender(),
            )
            .slice(0, READERS_MAX)
            .map(({ userId }) => ({ id: userId, name: nameIn(this.room, userId) }));
    }

    /** @returns {string[]} names of the others who are writing now */
    typing() {
        const own = this._client.getUserId();
        const members = this.room?.currentState.getMembers() ?? [];
        return members
            .filter((one) => one.typing && one.userId !== own)
            .map((one) => nameIn(this.room, one.userId));
    }

    /**
     * @param {string} id of a message of one of our bots
     * @param {number} now_ms
     * @returns {Asked | undefined} what it asks, as it stands now
     */
    asked(id, now_ms) {
        const at = this.events();
        if (this._matter?.at !== at) {
            const recent = at
                .filter((event) => event.isEncrypted() && event.getType() === "m.room.message")
                .filter(({ status }) => status === null)
                .slice(-MATTER_EVENTS_MAX)
                .map((event) => ({
                    type: "m.room.message",
                    event_id: event.getId() ?? "",
                    sender: event.getSender() ?? "",
                    origin_server_ts: event.getTs(),
                    content: event.getContent(),
                }));
            this._matter = { at, prompts: matterOf(recent, now_ms).prompts };
        }
        return this._matter.prompts.find(({ event_id }) => event_id === id);
    }
}

/** @param {MatrixEvent} event @param {boolean} isOfTwo who made such a room and came in needs no note */
function isShown(event, isOfTwo) {
    const type = event.getType();
    if (NOTES.has(type))
        return event.isState() && !isSameMember(event) && !(isOfTwo && isEntry(event));
    if (isSignInTalk(event.getSender() ?? "", event.getContent())) return false;
    return SHOWN.has(type) && event.getRelation()?.rel_type !== "m.replace";
}

/** Whether two views of an event show the same. @param {Message} a @param {Message} b */
function isSame(a, b) {
    const keys = /** @type {const} */ (["id", "name", "kind", "status", "reason", "isEdited"]);
    if (keys.some((key) => a[key] !== b[key])) return false;
    const isContent = a.content === b.content || a.kind !== "message";
    return isContent && beside(a) === beside(b);
}

/** @param {Message} message */
const beside = ({ reactions, readers }) =>
    reactions.length || readers.length ? JSON.stringify([reactions, readers]) : "";

/** @param {MatrixEvent} event */
function isEntry(event) {
    const { membership } = event.getContent();
    return event.getType() !== "m.room.member" || membership === "join" || membership === "invite";
}

/** Whether a member event only repeats what was. @param {MatrixEvent} event */
function isSameMember(event) {
    if (event.getType() !== "m.room.member") return false;
    const before = event.getPrevContent();
    const now = event.getContent();
    return before.membership === now.membership && before.displayname === now.displayname;
}

/** @param {MatrixEvent} event @param {boolean} isUnreadable @returns {Message["kind"]} */
function kindOf(event, isUnreadable) {
    if (event.isRedacted()) return "removed";
    if (isUnreadable) return "unreadable";
    return event.isState() ? "note" : "message";
}

/** @param {MatrixEvent} event */
function statusOf(event) {
    if (event.status === EventStatus.NOT_SENT) return "failed";
    return event.status === null || event.status === EventStatus.SENT ? undefined : "sending";
}

/**
 * @param {Room | null} room
 * @param {string} userId
 * @returns {string} what they call themselves there; their address if that is nothing
 */
export function nameIn(room, userId) {
    return bare(room?.getMember(userId)?.rawDisplayName ?? "").trim() || userId;
}

/** One for each room that is looked at. @type {WeakMap<MatrixClient, Map<string, Timeline>>} */
const timelines = new WeakMap();

/** @param {MatrixClient} client @param {string} roomId @returns {Timeline} */
export function timelineOf(client, roomId) {
    const ofClient = timelines.get(client) ?? new Map();
    timelines.set(client, ofClient);
    const found = ofClient.get(roomId) ?? new Timeline(client, roomId);
    ofClient.set(roomId, found);
    return found;
}
