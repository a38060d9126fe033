/**
 * The badges of a client's rooms, by the directory.
 *
 * @typedef {import("../app/client/rooms.js").Entry} Entry
 * @typedef {{badge: string, like: string}} Shown
 */
import { CryptoEvent } from "matrix-js-sdk";
import { UserId } from "matrix-js-sdk/crypto";
import { lookAt, whenDirectoriesChange } from "./directories.js";

/** The key by which this device knows somebody. @param {any} crypto @param {string} user */
async function masterOf(crypto, user) {
    const identity = await crypto?.olmMachine?.getIdentity(new UserId(user));
    return identity && String(Object.values(JSON.parse(identity.masterKey).keys)[0]);
}

/**
 * With whom one talks in a room.
 * @param {import("matrix-js-sdk").MatrixClient} client
 * @param {Entry} entry
 */
function partyOf(client, { id, address, inviter }) {
    const room = /** @type {import("matrix-js-sdk").Room} */ (client.getRoom(id));
    const own = client.getUserId() ?? "";
    const isOfTwo = room.getInvitedAndJoinedMemberCount() === 2;
    const creator = room.currentState.getStateEvents("m.room.create", "")?.getSender() ?? "";
    const other = inviter || (isOfTwo ? room.guessDMUserId() : address);
    const account = creator === own || !creator ? other : inviter || creator;
    return { room, own: isOfTwo ? own : "", creator, account, isOwn: account === own };
}

/** What is shown of rooms; they are looked at when a list has made their entry anew. */
export class RoomBadges {
    /**
     * @param {import("matrix-js-sdk").MatrixClient} client
     * @param {(id: string) => void} changed something else is to be shown of a room
     * @param {() => void} all of all rooms, perhaps
     */
    constructor(client, changed, all) {
        this._client = client;
        this._changed = changed;
        /** @type {Map<string, Shown>} */
        this._shown = new Map();
        /** Whose key it was looked at for, by room. @type {Map<string, string>} */
        this._accounts = new Map();
        whenDirectoriesChange(all);
        client.on(CryptoEvent.UserTrustStatusChanged, (user) => {
            for (const [id, account] of this._accounts) if (account === user) changed(id);
        });
    }

    /** @template {{id: string}} T @param {T} entry @returns {T & Shown} what is known now */
    of(entry) {
        const whole = { ...entry, ...(this._shown.get(entry.id) ?? { badge: "", like: "" }) };
        void this._lookAt(/** @type {any} */ (whole));
        return whole;
    }

    /** @param {Entry} entry */
    async _lookAt(entry) {
        const found = await this._official(entry).catch(() => undefined);
        if (!found || (found.badge === entry.badge && found.like === entry.like)) return;
        this._shown.set(entry.id, found);
        this._changed(entry.id);
    }

    /** @param {Entry} entry @returns {Promise<Shown>} */
    async _official(entry) {
        const { badge, like, kind, name } = entry;
        const { room, own, account, creator, isOwn } = partyOf(this._client, entry);
        const state = room.currentState.getStateEvents("org.veche.official", "") ?? undefined;
        const seen = {
            own,
            account,
            creator,
            state: state && { sender: state.getSender() ?? "", content: state.getContent() },
            isOfBot: kind === "office",
            names: isOwn ? [] : [name, room.getMember(account)?.name ?? ""],
        };
        return lookAt({ badge, like }, seen, () => {
            this._accounts.set(entry.id, account);
            return masterOf(this._client.getCrypto(), account);
        });
    }
}
