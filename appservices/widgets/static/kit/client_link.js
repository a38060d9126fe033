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
const FILE = "m.file";
/** The capability of MSC4039. */
const DOWNLOAD = "org.matrix.msc4039.download_file";
const READ_MAX = 100;
/** Longest file that is taken of a client: a document with many signatures. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
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
 * @param {boolean} [hasFiles] whether files of the room matter, and may be asked of the client
 * @returns {Link}
 * @throws {LinkError} the address does not say who shows us
 */
export function clientLink(now, hasFiles = false) {
    const { api, origin } = newApi();
    onlyFromParent(origin);
    api.requestCapabilityToReceiveMessage(TEXT);
    api.requestCapabilityToSendMessage(TEXT);
    if (hasFiles) {
        api.requestCapabilityToReceiveMessage(FILE);
        api.requestCapability(DOWNLOAD);
    }
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
        // Without files all goes on: a person may not let us see them.
        const files = hasFiles
            ? await api.readRoomEvents(MESSAGE, READ_MAX, FILE).catch(() => [])
            : [];
        for (const event of [...events, ...files]) timeline.take(event);
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
        download: (uri) => download(api, uri),
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

/**
 * @param {WidgetApi} api
 * @param {string} uri mxc://…
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {LinkError} the client gives no files, or not this one
 */
async function download(api, uri) {
    try {
        const { file } = await api.downloadFile(uri);
        if (file instanceof Blob && file.size <= FILE_BYTES_MAX)
            return new Uint8Array(await file.arrayBuffer());
    } catch (error) {
        throw asLinkError(error);
    }
    throw new LinkError("no file");
}

/** @param {unknown} error */
function asLinkError(error) {
    if (error instanceof LinkError) return error;
    return new LinkError(error instanceof Error ? error.message : "refused", { cause: error });
}
