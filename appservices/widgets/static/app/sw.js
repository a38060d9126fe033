/**
 * The service worker of the app. It keeps what the app is made of, so that it opens without a
 * network, and shows pushes. These hold ids alone: what is said is read by an open page, or else
 * here, where the worker takes the lock, opens the same database of keys, and is the client for a
 * moment. If neither can, it says that there is a new message.
 *
 * The server serves it at /sw.js, with the folder of today's files in place of "/static/app-base/":
 * workers have no import map.
 */
import {
    DecryptionSettings,
    DeviceId,
    DeviceLists,
    OlmMachine,
    RoomId,
    StoreHandle,
    TrustRequirement,
    UserId,
    initAsync,
} from "/static/app-base/vendor/matrix-js-sdk/crypto.js";
import { LOCK, STORE, loadSession } from "/static/app-base/app/account/session.js";
import { tidied } from "/static/app-base/kit/untrusted.js";
import { newMessage } from "/static/app-base/app/worker_texts.js";

/** @typedef {import("./account/session.js").Session & {signal: AbortSignal}} Session */
/** @typedef {{room_id: string, event_id: string}} Ids */
/** @typedef {{title?: string, body?: string, isVisible?: boolean}} Said */

const worker = /** @type {any} */ (self);
const BASE = "/static/app-base/";
const CACHE = `app ${BASE}`;
const WASM = `${BASE}vendor/matrix-js-sdk/pkg/matrix_sdk_crypto_wasm_bg.wasm`;
const PAGE_MS_MAX = 4000;
/** No page waits longer for the lock because a homeserver does not answer the worker. */
const READ_MS_MAX = 10_000;
const ROUNDS_MAX = 20;
/** No page waits longer for storage that is busy, as while another worker takes this one's place. */
const LOOK_MS_MAX = 1000;
const BODY_CHARACTERS_MAX = 300;

worker.addEventListener("install", (/** @type {any} */ event) => {
    worker.skipWaiting();
    event.waitUntil(keepShell());
});
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(begin()));
worker.addEventListener("push", (/** @type {any} */ event) =>
    event.waitUntil(pushed(event.data?.json() ?? {})),
);
worker.addEventListener("notificationclick", (/** @type {any} */ event) =>
    event.waitUntil(pressed(event.notification)),
);
worker.addEventListener("fetch", (/** @type {any} */ event) => {
    const { method, url, mode } = event.request;
    const { origin, pathname } = new URL(url);
    if (method !== "GET" || origin !== worker.location.origin) return;
    if (pathname.startsWith("/static/")) event.respondWith(kept(event));
    else if (mode === "navigate" && pathname === "/") event.respondWith(shell(event));
});

/** What is too large to fetch before somebody needs it. */
const LARGE = /\/vendor\/(?:matrix-js-sdk|pdfjs|pdf-lib|matrix-widget-api)\//;

/**
 * The document and what it loads at once came before this worker: they are taken from the browser's
 * cache. What its places load later is fetched with them, so that they open without a network.
 */
async function keepShell() {
    const cache = await caches.open(CACHE);
    const answer = await fetch("/");
    if (!answer.ok) return;
    const text = await answer.clone().text();
    await cache.put("/", answer);
    const named = text.matchAll(/"(\/static\/[^" ]+\.(?:js|css|svg))"/g);
    const files = new Set(Array.from(named, ([, address]) => address ?? ""));
    // Without one of them most places open all the same.
    await Promise.allSettled(
        [...files].filter((one) => !LARGE.test(one)).map((one) => cache.add(one)),
    );
}

/** Forgets the files of other versions. */
async function begin() {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await worker.clients.claim();
}

/** @type {Promise<unknown> | undefined} all files wait together, until storage answers one of them */
let late;
/** @param {any} event of a file, which never changes */
async function kept(event) {
    const found = inCache(event.request.url);
    late ??= new Promise((resolve) => setTimeout(resolve, LOOK_MS_MAX));
    void found.then(() => (late = undefined));
    return (await Promise.race([found, late])) ?? fetchedOr(event, event.request.url, found);
}

/** @param {any} event of the document: the newest, or without a network the last one */
const shell = (event) => fetchedOr(event, "/", inCache("/"));

/** @param {string} key @returns {Promise<Response | undefined>} nothing where storage is refused, too */
const inCache = (key) => caches.match(key, { cacheName: CACHE }).catch(() => undefined);

/** @param {any} event @param {string} key @param {Promise<Response | undefined>} found taken without a network */
const fetchedOr = (event, key, found) =>
    fetched(event, key).catch(async (error) => (await found) ?? Promise.reject(error));

/** Nobody waits until the answer is kept: storage may be slow, full or refused. @param {any} event @param {string} key */
async function fetched(event, key) {
    const answer = await fetch(event.request);
    const copy = answer.clone();
    const keep = async () => answer.ok && (await caches.open(CACHE)).put(key, copy);
    event.waitUntil(keep().catch(() => {}));
    return answer;
}

/** @param {Partial<Ids> & {unread?: number}} told */
async function pushed({ event_id, room_id, unread }) {
    if (unread !== undefined) await worker.navigator.setAppBadge?.(unread).catch(() => {});
    // Ids that are too long for a push are left out.
    const said = event_id && room_id ? await readBySomebody({ event_id, room_id }) : {};
    if (said.isVisible) return; // the person reads it already
    const { name: title, body } = tidied({ name: said.title, body: said.body });
    await worker.registration.showNotification(title || "Veche", {
        body: (body || newMessage(worker.navigator.language)).slice(0, BODY_CHARACTERS_MAX),
        tag: room_id ?? "",
        renotify: Boolean(room_id),
        icon: `${BASE}kit/icon.svg`,
        data: { room_id },
    });
}

/** @param {Ids} ids @returns {Promise<Said>} nothing if nobody can read it */
async function readBySomebody(ids) {
    const { held } = await navigator.locks.query();
    const said = held?.some(({ name }) => name === LOCK) ? await byPage(ids) : {};
    return Object.keys(said).length ? said : byOurselves(ids).catch(() => ({}));
}

/** @param {any} notification */
async function pressed(notification) {
    notification.close();
    const { room_id = "" } = notification.data;
    const [page] = await worker.clients.matchAll({ type: "window" });
    if (!page) return worker.clients.openWindow(`/#/chats/${encodeURIComponent(room_id)}`);
    await page.focus();
    if (!room_id) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a client, no window
    page.postMessage({ go: room_id });
}

/** @param {Ids} ids @returns {Promise<Said>} nothing if no page runs the keys, or it is frozen */
async function byPage(ids) {
    const pages = await worker.clients.matchAll({ type: "window" });
    return new Promise((resolve) => {
        for (const page of pages) {
            const { port1, port2 } = new MessageChannel();
            port1.addEventListener("message", ({ data }) => resolve(data));
            port1.start();
            page.postMessage(ids, [port2]);
        }
        setTimeout(() => resolve({}), pages.length && PAGE_MS_MAX);
    });
}

/** @param {Ids} ids @returns {Promise<Said>} after what another push has begun */
function byOurselves(ids) {
    return navigator.locks.request(LOCK, { signal: AbortSignal.timeout(PAGE_MS_MAX) }, async () => {
        const session = await loadSession();
        if (!session) return {};
        await initAsync(/** @type {any} */ (WASM));
        const store = await StoreHandle.openWithKey(STORE, session.storeKey);
        const who = /** @type {const} */ ([
            new UserId(session.userId),
            new DeviceId(session.deviceId),
        ]);
        const machine = await OlmMachine.initFromStore(...who, store);
        store.free();
        try {
            // A store that is not there is made anew, with other keys. Whoever took what is sent to
            // this device with those would lose it for ever.
            const isOurs = machine.identityKeys.ed25519.toBase64() === session.fingerprint;
            const signal = AbortSignal.timeout(READ_MS_MAX);
            return isOurs ? await read(machine, { ...session, signal }, ids) : {};
        } finally {
            machine.close();
        }
    });
}

/** @param {any} machine @param {Session} session @param {Ids} ids @returns {Promise<Said>} */
async function read(machine, session, { event_id, room_id }) {
    const room = `/v3/rooms/${encodeURIComponent(room_id)}`;
    const event = await call(session, `${room}/event/${encodeURIComponent(event_id)}`);
    const name = call(session, `${room}/state/m.room.name`).catch(() => ({}));
    if (event.type !== "m.room.encrypted")
        return { title: (await name).name, body: event.content?.body };
    const decrypt = async () => {
        const settings = new DecryptionSettings(TrustRequirement.Untrusted);
        const id = new RoomId(room_id);
        const made = await machine.decryptRoomEvent(JSON.stringify(event), id, settings);
        return JSON.parse(made.event).content.body;
    };
    const body = await decrypt().catch(async () => {
        await takeKeys(machine, session);
        return decrypt();
    });
    return { title: (await name).name, body };
}

/**
 * Takes what was sent to this device. Only what is kept already is acknowledged, by the next call.
 * @param {any} machine @param {Session} session
 */
async function takeKeys(machine, session) {
    let since;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
        const extensions = { to_device: { enabled: true, since, limit: 100 } };
        const path = "/unstable/org.matrix.simplified_msc3575/sync?timeout=0";
        const answer = await call(session, path, { conn_id: "push", extensions });
        const { events = [], next_batch } = answer.extensions?.to_device ?? {};
        if (since && !events.length) return;
        // Not receiveSyncChanges: there a missing count means that the server has no keys left.
        const none = new DeviceLists([], []);
        await machine.receiveSyncChangesMsc4186(JSON.stringify(events), none, new Map());
        since = next_batch;
    }
}

/** @param {Session} session @param {string} path @param {object} [content] @returns {Promise<any>} */
async function call({ baseUrl, accessToken, signal }, path, content) {
    const answer = await fetch(`${baseUrl}/_matrix/client${path}`, {
        signal,
        headers: { authorization: `Bearer ${accessToken}` },
        ...(content && { method: "POST", body: JSON.stringify(content) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
}
