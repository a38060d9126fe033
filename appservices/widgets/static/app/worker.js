/** The service worker: registered at the start, and answered while this page runs the keys. */
import { registerAppWorker } from "../kit/workers.js";
import { account, whenAccountChanges } from "./account/account.js";
import { hrefOf } from "./route.js";

/** Without one (a private window, an old browser) the app works, and not without a network. */
export async function startWorker() {
    if (!("serviceWorker" in navigator)) return;
    let isAnswered = false;
    const look = async () => {
        const { opened } = account();
        if (!opened || isAnswered) return;
        isAnswered = true;
        const { answerWorker } = await import("./account/push.js");
        answerWorker(opened, (roomId) => (location.hash = hrefOf("chats", roomId)));
    };
    whenAccountChanges(() => void look());
    void look();
    await registerAppWorker().catch(() => {});
}
