/**
 * The Matrix client of the app: opened once a page, loaded when it is first needed.
 *
 * @typedef {import("matrix-js-sdk").MatrixClient} MatrixClient
 * @typedef {import("../account/session.js").Session} Session
 * @typedef {{client: MatrixClient, recovery: Recovery}} Opened
 * @typedef {{key: Uint8Array<ArrayBuffer> | undefined}} Recovery the key of secret storage while it
 *   is needed
 */
import {
    SlidingSync,
    SlidingSyncEvent,
    SlidingSyncState,
    createClient,
    logger,
} from "matrix-js-sdk";
import { initAsync } from "matrix-js-sdk/crypto";
import { LOCK, STORE, keepSession, loadSession } from "../account/session.js";
import { guard } from "./guard.js";
import { keepFor } from "./kept.js";
import { keepSending } from "./sending.js";
import { growList, mendGaps, yieldBetweenRooms } from "./sync.js";
import { holdRequests } from "./verification.js";

const ROOMS_FIRST = 50;
const TIMELINE_EVENTS = 30;
const POLL_MS = 20_000;
const STATE = [
    ...["m.room.create", "m.room.encryption", "m.room.name", "m.room.avatar", "m.room.topic"],
    ...["m.room.history_visibility", "m.room.power_levels", "m.room.join_rules"],
    ...["m.room.tombstone", "m.room.canonical_alias", "org.veche.official"],
];

/** @type {any} */ (logger).setLevel("warn");

/**
 * Resolves once `test` holds, looked at now and after each event of that name.
 * @param {() => unknown} test
 * @param {any} emitter
 * @param {string} name
 * @returns {Promise<void>}
 */
export function until(test, emitter, name) {
    return new Promise((resolve) => {
        const look = () => {
            if (!test()) return;
            emitter.off(name, look);
            resolve();
        };
        emitter.on(name, look);
        look();
    });
}

/**
 * Takes the right to run the keys, and keeps it until this page ends.
 * @param {() => void} waits called if another page, or the worker, has it now
 */
async function takeLock(waits) {
    if ((await navigator.locks.query()).held?.some(({ name }) => name === LOCK)) waits();
    await new Promise((resolve) => {
        const hold = () => (resolve(undefined), new Promise(() => {}));
        // Another tab takes it from one that was frozen, whose keys are old by then.
        navigator.locks.request(LOCK, hold).catch(({ name }) => {
            if (name === "AbortError") location.reload();
        });
    });
}

/** The code of the keys, with its digest: a Request carries it, the SDK's own fetch checks none. */
async function startCrypto() {
    const { content, dataset } = /** @type {HTMLMetaElement} */ (
        document.querySelector('meta[name="veche-wasm"]')
    );
    await initAsync(/** @type {any} */ (new Request(content, { integrity: dataset.integrity })));
}

/**
 * Opens the client and waits for its first answer.
 * @param {Session} session
 * @param {() => void} waits called if another page runs the keys: this one goes on when that ends
 * @param {(error?: import("matrix-js-sdk").MatrixError) => void} lost called once the homeserver
 *   refuses the device, or if another page has signed it out
 * @returns {Promise<Opened | void>}
 */
export async function open(session, waits, lost) {
    await takeLock(waits);
    if (!(await loadSession())) return lost();
    await startCrypto();
    const { storeKey, fingerprint, ...rest } = session;
    /** @type {Recovery} */
    const recovery = { key: undefined };
    const client = createClient({
        ...rest,
        cryptoCallbacks: {
            getSecretStorageKey: async ({ keys }) => {
                const id = Object.keys(keys)[0];
                return recovery.key && id ? [id, recovery.key] : null;
            },
            cacheSecretStorageKey: (_id, _info, key) => void (recovery.key = key),
        },
        verificationMethods: [
            "m.sas.v1",
            "m.qr_code.show.v1",
            "m.qr_code.scan.v1",
            "m.reciprocate.v1",
        ],
        disableVoip: true,
    });
    /** @type {any} */ (client).once("Session.logged_out", lost);
    await client.initRustCrypto({ storageKey: storeKey, cryptoDatabasePrefix: STORE });
    holdRequests(client);
    const own = await /** @type {any} */ (client.getCrypto()).getOwnDeviceKeys();
    if (own.ed25519 !== fingerprint) await keepSession({ ...session, fingerprint: own.ed25519 });
    guard(client);
    await startSync(client);
    await keepFor(session.userId);
    keepSending(client);
    return { client, recovery };
}

/** @param {MatrixClient} client */
async function startSync(client) {
    /** @type {[string, string][]} */
    const required_state = [
        ...STATE.map((type) => /** @type {[string, string]} */ ([type, ""])),
        ["m.room.member", "$LAZY"],
        ["m.room.member", "$ME"],
    ];
    const subscription = { timeline_limit: TIMELINE_EVENTS, required_state };
    const rooms = { ranges: [[0, ROOMS_FIRST - 1]], ...subscription };
    const sync = new SlidingSync(
        client.baseUrl,
        new Map([["rooms", rooms]]),
        subscription,
        client,
        POLL_MS,
    );
    mendGaps(client, sync);
    growList(sync, "rooms", ROOMS_FIRST);
    yieldBetweenRooms(sync);
    const isFirst = new Promise((resolve) => {
        sync.on(SlidingSyncEvent.Lifecycle, (at) => {
            if (at === SlidingSyncState.Complete) resolve(undefined);
        });
    });
    // Without lazyLoadMembers only members who were seen get the keys: who was invited reads nothing.
    await client.startClient({ slidingSync: sync, lazyLoadMembers: true });
    await isFirst;
}
