/** Chats that our own bots open with the person begin by themselves: a case needs one at once. */
import { isOurBot } from "../../kit/page.js";
import { whenOpened } from "./account.js";

/** Takes such invitations from now on. */
export function takeBotInvitations() {
    whenOpened(({ client }) => {
        /** @type {Set<string>} */
        const taken = new Set();
        const look = () => {
            for (const room of client.getRooms()) {
                if (room.getMyMembership() !== "invite" || taken.has(room.roomId)) continue;
                if (!isOurBot(room.getDMInviter() ?? "")) continue;
                taken.add(room.roomId);
                client.joinRoom(room.roomId).catch(() => taken.delete(room.roomId));
            }
        };
        /** @type {any} */ (client).on("Room.myMembership", look);
        look();
    });
}
