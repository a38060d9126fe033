/**
 * Being told of messages while the app is closed: Web Push through the site's gateway, which sends
 * ids and no words. The service worker reads the message itself, or says that there is a new one.
 *
 * Source: RFC 8030, 8291 and 8292; Matrix specification 1.18, "Push Notifications".
 *
 * @typedef {import("../client/open.js").Opened} Opened
 * @typedef {"on" | "off" | "refused" | "impossible"} PushState refused: by the person, in the
 *   browser; impossible: this browser, or this site, has none
 */
import { call } from "../../kit/api.js";
import { currentLanguage } from "../../kit/i18n.js";
import { registerAppWorker } from "../../kit/workers.js";
import { site } from "../site.js";

const API = "/_veche/app/v1/push";
const APP_ID = "org.veche.app";
/** Where the pushkey of this browser is kept, to be forgotten by it. */
const PLACE = "veche.pushkey";

/** @returns {Promise<PushState>} */
export async function pushState() {
    if (!("PushManager" in window) || !(await site()).has_push) return "impossible";
    if (Notification.permission === "denied") return "refused";
    const registration = await navigator.serviceWorker.getRegistration("/");
    return (await registration?.pushManager.getSubscription()) ? "on" : "off";
}

/**
 * Asks the person, then subscribes; call it in a press.
 * @param {Opened} opened
 * @returns {Promise<PushState>}
 */
export async function turnPushOn({ client }) {
    if ((await pushState()) === "impossible") return "impossible";
    if ((await Notification.requestPermission()) !== "granted") return "refused";
    const { key } = await call("GET", `${API}/key`);
    await registerAppWorker();
    const registration = await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: key,
    });
    await keepSubscription(client, subscription.toJSON());
    return "on";
}

/**
 * Has the homeserver tell a subscription of every message.
 * @param {Opened["client"]} client
 * @param {PushSubscriptionJSON} subscription as the browser writes it
 */
export async function keepSubscription(client, { endpoint, keys }) {
    const body = { endpoint, p256dh: keys?.p256dh, auth: keys?.auth };
    const { pushkey, url } = await call("POST", API, { body });
    await client.setPusher(
        /** @type {any} */ ({
            kind: "http",
            app_id: APP_ID,
            pushkey,
            app_display_name: "Veche",
            device_display_name: client.getDeviceId() ?? "Veche",
            lang: currentLanguage(),
            data: { url, format: "event_id_only" },
            append: false,
        }),
    );
    localStorage.setItem(PLACE, pushkey);
}

/** @param {Opened} opened @returns {Promise<PushState>} */
export async function turnPushOff({ client }) {
    const registration = await navigator.serviceWorker.getRegistration("/");
    for (const one of (await registration?.getNotifications()) ?? []) one.close();
    await (await registration?.pushManager.getSubscription())?.unsubscribe();
    const pushkey = localStorage.getItem(PLACE);
    if (!pushkey) return "off";
    await client.removePusher(pushkey, APP_ID);
    await call("DELETE", `${API}/${encodeURIComponent(pushkey)}`);
    localStorage.removeItem(PLACE);
    return "off";
}

/**
 * Answers the worker while this page runs the keys: what an event says, and whether the person
 * looks at it already.
 * @param {Opened} opened
 * @param {(roomId: string) => void} go the person has pressed a notification
 */
export function answerWorker({ client }, go) {
    const worker = navigator.serviceWorker;
    worker.addEventListener("message", ({ data, ports: [port] }) => {
        if (data.go) return go(data.go);
        void read(client, data).then((said) => port?.postMessage(said));
    });
    worker.startMessages();
}

const READ_MS_MAX = 3000;
const READ_EACH_MS = 50;

/** @param {Opened["client"]} client @param {{room_id: string, event_id: string}} told */
async function read(client, { room_id, event_id }) {
    const isVisible = document.visibilityState === "visible" && document.hasFocus();
    const over_ms = performance.now() + READ_MS_MAX;
    while (performance.now() < over_ms) {
        const room = client.getRoom(room_id);
        const event = room?.findEventById(event_id);
        if (event && !event.isBeingDecrypted() && !event.shouldAttemptDecryption()) {
            const body = event.isDecryptionFailure() ? "" : event.getContent().body;
            return { isVisible, body, title: room?.name, sender: event.sender?.name };
        }
        await new Promise((resolve) => setTimeout(resolve, READ_EACH_MS));
    }
    return { isVisible };
}
