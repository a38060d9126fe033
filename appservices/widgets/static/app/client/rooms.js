/**
 * Rooms: which there are, and how they are made, entered and left.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").Room} Room
 * @typedef {object} Entry a room as lists show it
 * @property {string} id
 * @property {string} name
 * @property {string} address whose colour its mark has: the other person's, or the room's
 * @property {string | null} picture `mxc:`
 * @property {"office" | "person" | "group"} kind
 * @property {"join" | "invite" | "request"} state request: an invitation by somebody whom I don't know
 * @property {string} inviter of an invitation
 * @property {import("matrix-js-sdk").MatrixEvent | undefined} last message
 * @property {number} at_ms of the last thing that happened
 * @property {number} unread
 * @property {boolean} isMentioned
 * @property {string} badge `official`; key: the account has another key than the directory says
 * @property {string} like whose protected name it bears without being theirs
 */
import { ClientEvent, MatrixEventEvent, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";
import { bare } from "../../kit/i18n.js";
import { isOurBot } from "../../kit/page.js";
import { isSignInTalk } from "../account/sign_in_talk.js";
import { listeners } from "../../kit/listeners.js";
import { RoomBadges } from "../../verify/official_rooms.js";
import { contentOf, eventsOf, listen } from "./content.js";
import { unreadIn } from "./unread.js";

const ALGORITHM = "m.megolm.v1.aes-sha2";
const DIRECT = "m.direct";
const ENABLED_POLL_MS = 20;
const LIST_MS = 150;
const PREVIEW_EVENTS_MAX = 30;
const ENCRYPTED = { type: "m.room.encryption", state_key: "", content: { algorithm: ALGORITHM } };

/** @param {MatrixClient} client @returns {Record<string, string[]>} rooms of two by the other's id */
function directRooms(client) {
    const event = /** @type {any} */ (client.getAccountData(/** @type {any} */ (DIRECT)));
    return event?.getContent() ?? {};
}

/** @param {MatrixClient} client @returns {Map<string, string>} the other's id by room */
function partners(client) {
    const pairs = Object.entries(directRooms(client)).flatMap(([user, rooms]) =>
        Array.isArray(rooms) ? rooms.map((id) => /** @type {[string, string]} */ ([id, user])) : [],
    );
    return new Map(pairs);
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
    return makeRoom(
        client,
        { is_direct: true, preset: "trusted_private_chat", invite: [userId] },
        (id) => markDirect(client, userId, id),
    );
}

/** @param {MatrixClient} client @param {string} userId @param {string} roomId */
async function markDirect(client, userId, roomId) {
    const rooms = directRooms(client);
    await client.setAccountData(
        /** @type {any} */ (DIRECT),
        /** @type {any} */ ({ ...rooms, [userId]: [...(rooms[userId] ?? []), roomId] }),
    );
}

/**
 * That the state event is here is too early: the machine of the keys learns of it a moment later.
 * @param {MatrixClient} client
 * @param {string} roomId
 */
async function encryptionReady(client, roomId) {
    const crypto = /** @type {any} */ (client.getCrypto());
    while (!(await crypto.isEncryptionEnabledInRoom(roomId)))
        await new Promise((resolve) => setTimeout(resolve, ENABLED_POLL_MS));
}

/**
 * @param {MatrixClient} client
 * @param {any} wanted as it is asked of a homeserver, without encryption
 * @param {(id: string) => Promise<void>} [made]
 * @returns {Promise<string>} the id of an encrypted room
 */
async function makeRoom(client, { initial_state = [], ...wanted }, made) {
    const asked = { ...wanted, initial_state: [ENCRYPTED, ...initial_state] };
    const { room_id } = await client.createRoom(asked);
    await made?.(room_id);
    await encryptionReady(client, room_id);
    return room_id;
}

/**
 * Makes an encrypted group.
 * @param {MatrixClient} client
 * @param {{name: string, people: string[], picture?: Blob}} wanted
 * @returns {Promise<string>} its id
 */
export async function makeGroup(client, { name, people, picture }) {
    const url = picture && (await client.uploadContent(picture)).content_uri;
    const state = url ? [{ type: "m.room.avatar", state_key: "", content: { url } }] : [];
    const preset = "private_chat";
    return makeRoom(client, { name, preset, invite: people, initial_state: state });
}

/**
 * Gives a group another name or picture.
 * @param {MatrixClient} client
 * @param {string} roomId
 * @param {{name?: string, picture?: Blob}} wanted
 */
export async function changeGroup(client, roomId, { name, picture }) {
    if (name !== undefined) await client.setRoomName(roomId, name);
    if (!picture) return;
    const { content_uri: url } = await client.uploadContent(picture);
    await client.sendStateEvent(roomId, /** @type {any} */ ("m.room.avatar"), { url }, "");
}

/** @param {MatrixClient} client @param {Entry} entry */
export async function accept(client, entry) {
    const room = client.getRoom(entry.id);
    const inviter = room?.getDMInviter();
    await client.joinRoom(entry.id);
    if (inviter) await markDirect(client, inviter, entry.id);
}

/** Leaves a room, or declines an invitation. @param {MatrixClient} client @param {string} roomId */
export async function leave(client, roomId) {
    await client.leave(roomId);
    await client.forget(roomId).catch(() => {});
}

/** @param {MatrixClient} client @param {Room} room @returns {string} who invited me */
function inviterOf(client, room) {
    const own = room.getMember(client.getUserId() ?? "");
    return own?.events.member?.getSender() ?? "";
}

/** @param {Room} room */
function lastMessage(room) {
    const events = eventsOf(room);
    const stop = Math.max(0, events.length - PREVIEW_EVENTS_MAX);
    for (let at = events.length - 1; at >= stop; at--) {
        const event = events[at];
        if (!event || event.getRelation()?.rel_type === "m.replace") continue;
        if (isSignInTalk(event.getSender() ?? "", event.getContent())) continue;
        if (["m.room.message", "m.room.encrypted", "m.sticker"].includes(event.getType()))
            return event;
    }
    return undefined;
}

/** @param {Room} room @param {string | undefined} partner @returns {Entry["kind"]} */
function kindOf(room, partner) {
    const isInvite = room.getMyMembership() === "invite";
    const isOfTwo = room.getInvitedAndJoinedMemberCount() === 2;
    const other = partner ?? (isOfTwo ? room.guessDMUserId() : "");
    // A bot that was here once, or that another server says has made the room, vouches for nobody.
    const hasLeft = ["leave", "ban"].includes(room.getMember(other)?.membership ?? "");
    const creator = room.currentState.getStateEvents("m.room.create", "")?.getSender() ?? "";
    if ((!hasLeft && isOurBot(other)) || (!isInvite && isOurBot(creator))) return "office";
    return partner ? "person" : "group";
}

/** All rooms of the person, as lists show them, sorted; looked at again only where they changed. */
export class RoomList {
    /** @param {MatrixClient} client */
    constructor(client) {
        this._client = client;
        /** @type {Map<string, Entry>} */
        this._entries = new Map();
        const { watch, tell } = listeners();
        this.watch = watch;
        this._told = tell;
        /** @type {Map<string, string> | undefined} */
        this._partners = undefined;
        /** @type {Entry[] | undefined} until something changes */
        this._sorted = undefined;
        this._timer = 0;
        const ofRoom = (/** @type {Room} */ room) => this._touch(room?.roomId);
        const ofEvent = (/** @type {any} */ _, /** @type {Room} */ room) =>
            this._touch(room?.roomId);
        /** @type {[string, (...told: any[]) => void][]} */
        const all = [
            [ClientEvent.Room, ofRoom],
            [ClientEvent.DeleteRoom, (id) => this._touch(id)],
            [ClientEvent.AccountData, () => this._all()],
            [RoomEvent.Name, ofRoom],
            [RoomEvent.MyMembership, ofRoom],
            [
                RoomEvent.Timeline,
                (_, room, isOlder) =>
                    (isOlder && this._entries.get(room?.roomId)?.last) || ofRoom(room),
            ],
            [RoomEvent.LocalEchoUpdated, ofEvent],
            [RoomEvent.Receipt, ofEvent],
            [RoomMemberEvent.Membership, (_, member) => this._touch(member?.roomId)],
            [MatrixEventEvent.Decrypted, (event) => this._touch(event.getRoomId())],
        ];
        listen(client, all);
        this._badges = new RoomBadges(
            client,
            (id) => this._touch(id),
            () => this._all(),
        );
    }

    /** @param {string | undefined} id of a room that changed */
    _touch(id) {
        if (!id) return;
        this._entries.delete(id);
        this._sorted = undefined;
        this._tell();
    }

    _all() {
        this._partners = undefined;
        this._sorted = undefined;
        this._entries.clear();
        this._tell();
    }

    _tell() {
        this._timer ||= window.setTimeout(() => {
            this._timer = 0;
            this._told();
        }, LIST_MS);
    }

    /** @returns {Entry[]} the newest first */
    entries() {
        if (this._sorted) return this._sorted;
        const all = this._client.getRooms().flatMap((room) => this._known(room));
        this._sortStrangers(all);
        this._sorted = all.toSorted((a, b) => b.at_ms - a.at_ms);
        return this._sorted;
    }

    /** @param {string} id @returns {Entry | undefined} */
    entry(id) {
        const [found] = this._known(this._client.getRoom(id));
        // Who is a stranger is known once all are looked at.
        return !found || found.state === "join"
            ? found
            : this.entries().find((one) => one.id === id);
    }

    /** @param {Room | null} room @returns {Entry[]} none: I am not in it, and not asked */
    _known(room) {
        if (!room || !["join", "invite"].includes(room.getMyMembership())) return [];
        this._partners ??= partners(this._client);
        const found = this._entries.get(room.roomId) ?? this._badges.of(this._entry(room));
        this._entries.set(room.roomId, found);
        return [found];
    }

    /** Who shares no room with me and is no bot of ours is a stranger. @param {Entry[]} all */
    _sortStrangers(all) {
        const invitations = all.filter(({ state }) => state !== "join");
        if (!invitations.length) return;
        const known = new Set();
        for (const { id, state } of all)
            if (state === "join")
                for (const { userId } of this._client.getRoom(id)?.getJoinedMembers() ?? [])
                    known.add(userId);
        for (const one of invitations)
            one.state = isOurBot(one.inviter) || known.has(one.inviter) ? "invite" : "request";
    }

    /** @param {Room} room @returns {Omit<Entry, "badge" | "like">} */
    _entry(room) {
        const isInvite = room.getMyMembership() === "invite";
        const inviter = isInvite ? inviterOf(this._client, room) : "";
        const partner =
            this._partners?.get(room.roomId) ?? (isInvite ? room.getDMInviter() : undefined);
        const last = isInvite ? undefined : lastMessage(room);
        if (last) contentOf(this._client, last); // decrypts it
        const fallback = room.getAvatarFallbackMember()?.getMxcAvatarUrl() ?? null;
        const own = room.getMember(this._client.getUserId() ?? "")?.events.member;
        return {
            id: room.roomId,
            name: bare(room.name),
            address: partner ?? room.roomId,
            picture: room.getMxcAvatarUrl() ?? (partner ? fallback : null),
            kind: kindOf(room, partner),
            state: isInvite ? "invite" : "join",
            inviter,
            last,
            at_ms: last?.getTs() ?? own?.getTs() ?? 0,
            ...unreadIn(this._client, room),
        };
    }
}

/** @type {WeakMap<MatrixClient, RoomList>} */
const lists = new WeakMap();

/** @param {MatrixClient} client @returns {RoomList} one for each client */
export function roomList(client) {
    const found = lists.get(client) ?? new RoomList(client);
    lists.set(client, found);
    return found;
}

/** @param {string} id @param {any} of what its server says of them */
const member = (id, of, isInvited = false) => ({
    id,
    name: bare(String(of.display_name || of.displayname || "")) || id,
    picture: /** @type {string | null} */ (of.avatar_url ?? null),
    isInvited,
});

/**
 * Who has joined, by name, and who is invited. Asked for anew and not kept: rooms of 50,000 would
 * fill the memory of the SDK.
 * @param {MatrixClient} client
 * @param {string} roomId
 */
export async function membersOf(client, roomId) {
    const [{ joined }, { chunk = [] }] = await Promise.all([
        client.getJoinedRoomMembers(roomId),
        client.members(roomId, "invite"),
    ]);
    const by = new Intl.Collator();
    return [
        ...Object.entries(joined).map(([id, of]) => member(id, of)),
        ...chunk.map(({ state_key = "", content }) => member(state_key, content, true)),
    ].toSorted((a, b) => Number(a.isInvited) - Number(b.isInvited) || by.compare(a.name, b.name));
}
