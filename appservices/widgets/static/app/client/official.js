/** Whether a room is an organisation's, by the directory. */
import { UserId } from "matrix-js-sdk/crypto";
import { lookAt } from "../../verify/official.js";

/** @typedef {import("./rooms.js").Entry} Entry */

/** The key by which this device knows somebody. @param {any} crypto @param {string} user */
async function masterOf(crypto, user) {
    const identity = await crypto?.olmMachine?.getIdentity(new UserId(user));
    return identity && String(Object.values(JSON.parse(identity.masterKey).keys)[0]);
}

/** @param {import("./open.js").MatrixClient} client @param {Entry} entry */
export async function officialIn(client, { id, name, kind, address, inviter, badge, like }) {
    const room = /** @type {import("matrix-js-sdk").Room} */ (client.getRoom(id));
    const own = client.getUserId() ?? "";
    const isOfTwo = room.getInvitedAndJoinedMemberCount() === 2;
    const creator = room.currentState.getStateEvents("m.room.create", "")?.getSender() ?? "";
    const other = inviter || (isOfTwo ? room.guessDMUserId() : address);
    const account = creator === own || !creator ? other : inviter || creator;
    const state = room.currentState.getStateEvents("org.veche.official", "") ?? undefined;
    return lookAt(
        { badge, like },
        {
            own: isOfTwo ? own : "",
            account,
            creator,
            state: state && { sender: state.getSender() ?? "", content: state.getContent() },
            master: account.startsWith("@") ? await masterOf(client.getCrypto(), account) : "",
            isOfBot: kind === "office",
            names: account === own ? [] : [name, room.getMember(account)?.name ?? ""],
        },
    );
}
