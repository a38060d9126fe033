/** The service worker: registered at the start, and answered while this page runs the keys. */
import { registerAppWorker } from "../kit/workers.js";
import { whenOpened } from "./account/account.js";
import { hrefOf } from "./route.js";

/** Without one (a private window, an old browser) the app works, and not without a network. */
export async function startWorker() {
    if (!("serviceWorker" in navigator)) return;
    whenOpened(async (opened) => {
        const { answerWorker } = await import("./account/push.js");
        answerWorker(opened, (roomId) => (location.hash = hrefOf("chats", roomId)));
    });
    await registerAppWorker().catch(() => {});
}
