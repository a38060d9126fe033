/**
 * The Link inside a Matrix client. The client reads, decrypts, encrypts and sends for us; between
 * this page and our server nothing passes but its files.
 *
 * Import it statically: a client asks for our capabilities when the frame has loaded, and only a
 * static import is surely there by then.
 */
import { WidgetApi } from "matrix-widget-api";
import { useLanguage } from "./i18n.js";
import { LinkError, answerContent } from "./link.js";
import { Timeline } from "./matter.js";
import { showTheme } from "./theme.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./matter.js").Matter} Matter */

const MESSAGE = "m.room.message";
const TEXT = "m.text";
const READ_MAX = 100;
/** How long a client may say nothing before the person is told. */
export const READY_MS_MAX = 10_000;

/**
 * @param {string} url the client's address, as it names itself in ?parentUrl=
 * @returns {string} its origin; not URL.origin alone, which is "null" for Element Desktop's vector:
 */
export function originOf(url) {
    const { origin, protocol, host } = new URL(url);
    return origin === "null" ? `${protocol}//${host}` : origin;
}

/**
 * Lets only the embedding client speak to us. matrix-widget-api 1.19 checks neither source nor
 * origin of a message, so another frame of the same client could push events into ours. Must be
 * called before WidgetApi.start(): listeners run in order.
 * @param {string} origin
 */
function onlyFromParent(origin) {
    window.addEventListener("message", (event) => {
        // The approve page's message has no `api`, and is checked by who waits for it.
        if (event.data?.api && (event.source !== window.parent || event.origin !== origin))
            event.stopImmediatePropagation();
    });
}

/**
 * Begins to speak with the client that shows us.
 * @param {() => number} now ms UTC, by which questions are open or over
 * @returns {Link}
 * @throws {LinkError} the address does not say who shows us
 */
export function clientLink(now) {
    const { api, origin } = newApi();
    onlyFromParent(origin);
    api.requestCapabilityToReceiveMessage(TEXT);
    api.requestCapabilityToSendMessage(TEXT);
    const timeline = new Timeline();
    /** @type {Set<() => void>} */
    const watchers = new Set();
    const tell = () => {
        for (const changed of [...watchers]) changed();
    };
    onAction(api, "send_event", (event) => {
        if (timeline.take(event)) tell();
    });
    onAction(api, "theme_change", (data) => {
        if (typeof data?.name === "string") showTheme(data.name);
    });
    onAction(api, "language_change", (data) => {
        if (typeof data?.lang === "string") void useLanguage(data.lang);
    });
    const ready = begun(api).then(async () => {
        const events = await api.readRoomEvents(MESSAGE, READ_MAX, TEXT);
        for (const event of events) timeline.take(event);
    });
    return {
        watch(changed, failed) {
            const show = () => changed(timeline.matter(now()));
            ready.then(
                () => {
                    watchers.add(show);
                    show();
                },
                (error) => failed(asLinkError(error)),
            );
            return () => watchers.delete(show);
        },
        answer: (asked, given) => send(api, answerContent(asked, given)),
        say: (text) => send(api, { msgtype: TEXT, body: text }),
    };
}

function newApi() {
    const query = new URLSearchParams(location.search);
    const parent = query.get("parentUrl") ?? document.referrer;
    const id = query.get("widgetId");
    if (!parent || !URL.canParse(parent) || !id) throw new LinkError("no client");
    const origin = originOf(parent);
    return { api: new WidgetApi(id, origin), origin };
}

/**
 * @param {WidgetApi} api
 * @param {string} name
 * @param {(data: any) => void} heard
 */
function onAction(api, name, heard) {
    api.on(`action:${name}`, (/** @type {CustomEvent} */ action) => {
        action.preventDefault();
        api.transport.reply(action.detail, {});
        heard(action.detail.data);
    });
}

/** @param {WidgetApi} api @returns {Promise<void>} */
function begun(api) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new LinkError("no answer")), READY_MS_MAX);
        api.once("ready", () => {
            clearTimeout(timer);
            resolve();
        });
        api.start();
        // Clients that wait for the frame to load refuse it: fine.
        api.sendContentLoaded().catch(() => {});
    });
}

/**
 * @param {WidgetApi} api
 * @param {Record<string, unknown>} content
 */
async function send(api, content) {
    try {
        await api.sendRoomEvent(MESSAGE, content);
    } catch (error) {
        throw asLinkError(error);
    }
}

/** @param {unknown} error */
function asLinkError(error) {
    if (error instanceof LinkError) return error;
    return new LinkError(error instanceof Error ? error.message : "refused", { cause: error });
}
