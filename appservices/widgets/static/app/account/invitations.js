/** What our own bots invite to begins by itself: a case, a bank or a desk needs it at once. */
import { isOurBot } from "../../kit/page.js";
import { whenOpened } from "./account.js";

/** Takes such invitations from now on. */
export function takeBotInvitations() {
    whenOpened(({ client }) => {
        const me = client.getUserId() ?? "";
        /** @param {import("matrix-js-sdk").RoomMember | null | undefined} own */
        const take = (own) => {
            if (own?.membership === "invite" && isOurBot(own.events.member?.getSender() ?? ""))
                client.joinRoom(own.roomId).catch(() => {});
        };
        // Of a room that comes in while the app runs, this is said once it is known who invites.
        /** @type {any} */ (client).on(
            "RoomMember.membership",
            (/** @type {unknown} */ _, /** @type {import("matrix-js-sdk").RoomMember} */ member) =>
                member.userId === me && take(member),
        );
        for (const room of client.getRooms()) take(room.getMember(me));
    });
}
