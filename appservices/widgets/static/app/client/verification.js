/**
 * Verifying people and devices, by emoji or by QR code.
 *
 * @typedef {import("./open.js").MatrixClient} MatrixClient
 * @typedef {import("matrix-js-sdk").VerificationRequest} Request
 * @typedef {import("matrix-js-sdk").Verifier} Verifier
 */
import {
    CryptoEvent,
    VerificationPhase,
    VerificationRequestEvent,
    VerifierEvent,
} from "matrix-js-sdk";
import { listeners } from "../../kit/listeners.js";

const SAS = "m.sas.v1";
const SHOW = "m.qr_code.show.v1";
const SCAN = "m.qr_code.scan.v1";
const KEYS_MS_MAX = 15_000;
const KEYS_POLL_MS = 50;

/** The SDK refers to a request only weakly: one that nobody holds is collected, and nothing goes on. @type {Set<Request>} */
const held = new Set();
const { watch, tell } = listeners();

/** @param {Request} request */
function hold(request) {
    const look = () => {
        if (isOver(request)) held.delete(request);
        tell();
    };
    held.add(request);
    request.on(VerificationRequestEvent.Change, look);
    look();
}

/** @param {MatrixClient} client whose requests are kept, wherever in the app the person is */
export const holdRequests = (client) => client.on(CryptoEvent.VerificationRequestReceived, hold);

/** @param {Request} request */
const isOver = ({ phase }) =>
    phase === VerificationPhase.Done || phase === VerificationPhase.Cancelled;

/**
 * @param {(request: Request | undefined) => void} changed called with what somebody asks me now
 * @returns {() => void} stops it
 */
export function watchRequests(changed) {
    const look = () => changed([...held].find((one) => !one.initiatedByMe && !isOver(one)));
    look();
    return watch(look);
}

/** @param {string} userId @returns {Request | undefined} what goes on with that person now */
export function requestWith(userId) {
    return [...held].findLast((one) => one.otherUserId === userId && !isOver(one));
}

/**
 * Waits for the keys of a person met just now: the SDK asks nobody without.
 * @param {MatrixClient} client
 * @param {string} userId
 * @param {string} roomId
 */
async function keysOf(client, userId, roomId) {
    const crypto = client.getCrypto();
    const room = client.getRoom(roomId);
    if (room) crypto?.prepareToEncrypt(room); // fetches them
    for (let ms = 0; ms < KEYS_MS_MAX; ms += KEYS_POLL_MS) {
        if (await crypto?.userHasCrossSigningKeys(userId)) return;
        await new Promise((resolve) => setTimeout(resolve, KEYS_POLL_MS));
    }
}

/**
 * Asks a person to be verified; for my own id, my other devices.
 * @param {MatrixClient} client
 * @param {string} userId
 * @param {string} roomId an encrypted room of the two
 * @returns {Promise<Request>}
 */
export async function ask(client, userId, roomId) {
    const crypto = client.getCrypto();
    if (!crypto) throw new Error("no keys here");
    const isOwn = userId === client.getUserId();
    if (!isOwn) await keysOf(client, userId, roomId);
    const request = await (isOwn
        ? crypto.requestOwnUserVerification()
        : crypto.requestVerificationDM(userId, roomId));
    hold(request);
    return request;
}

/** One verification as a view shows it. */
export class Verification {
    /** @param {Request} request @param {() => void} changed */
    constructor(request, changed) {
        this.request = request;
        this._changed = changed;
        /** What to compare. @type {[string, string][] | undefined} */
        this.emoji = undefined;
        /** The code to show. @type {Uint8ClampedArray | undefined} */
        this.code = undefined;
        /** The other has scanned our code and sees a check mark. */
        this.isScanned = false;
        /** We have scanned theirs, and it is right. */
        this.hasScanned = false;
        this.isConfirmed = false;
        /** @type {Verifier | undefined} */
        this._verifier = undefined;
        this._hasAskedCode = false;
        this._isRefused = false;
        this._confirm = () => {};
        this._deny = () => {};
        this._look = () => void this._update();
        request.on(VerificationRequestEvent.Change, this._look);
        this._look();
    }

    stop() {
        this.request.off(VerificationRequestEvent.Change, this._look);
    }

    /** @returns {"asked" | "waiting" | "choose" | "started" | "done" | "cancelled"} */
    get step() {
        const { phase, initiatedByMe } = this.request;
        if (phase === VerificationPhase.Done) return "done";
        if (this._isRefused || phase === VerificationPhase.Cancelled) return "cancelled";
        // The SDK still thinks of our own code, if it was shown, when we have scanned theirs.
        if (phase === VerificationPhase.Ready) return this.hasScanned ? "started" : "choose";
        if (phase === VerificationPhase.Started) return "started";
        return initiatedByMe || this.request.accepting ? "waiting" : "asked";
    }

    get canScan() {
        return this.request.otherPartySupportsMethod(SHOW);
    }

    async _update() {
        const { request } = this;
        const isReady = request.phase === VerificationPhase.Ready;
        if (isReady && !this._hasAskedCode && request.otherPartySupportsMethod(SCAN)) {
            this._hasAskedCode = true; // a second one would cancel the first
            this.code = await request.generateQRCode().catch(() => undefined);
        }
        // Showing a code makes a verifier, too: it counts once the other has scanned the code.
        if (request.phase === VerificationPhase.Started && request.verifier)
            this._use(request.verifier);
        this._changed();
    }

    /** @param {Verifier} verifier */
    _use(verifier) {
        if (this._verifier === verifier) return;
        this._verifier = verifier;
        const sas = (/** @type {import("matrix-js-sdk").ShowSasCallbacks} */ shown) => {
            this.emoji = shown.sas.emoji;
            this._confirm = () => void shown.confirm();
            this._deny = () => shown.mismatch();
            this._changed();
        };
        const qr = (/** @type {import("matrix-js-sdk").ShowQrCodeCallbacks} */ shown) => {
            this.isScanned = true;
            this._confirm = () => shown.confirm();
            this._deny = () => shown.cancel();
            this._changed();
        };
        verifier.on(VerifierEvent.ShowSas, sas);
        verifier.on(VerifierEvent.ShowReciprocateQr, qr);
        const already = verifier.getShowSasCallbacks();
        if (already) sas(already);
        const scanned = verifier.getReciprocateQrCodeCallbacks();
        if (scanned) qr(scanned);
        // What this side refuses, such as a broken promise, does not show in the request's phase.
        verifier.verify().catch(() => {
            held.delete(this.request);
            this._isRefused = true;
            this._changed();
            void this.cancel(); // else it would take the next one with it
        });
    }

    accept() {
        return this.request.accept();
    }

    async byEmoji() {
        this._use(await this.request.startVerification(SAS));
    }

    /** @param {string} scanned one character a byte */
    async byCode(scanned) {
        const bytes = Uint8ClampedArray.from(scanned, (one) => one.charCodeAt(0));
        await this.request.scanQRCode(bytes);
        this.hasScanned = true;
        this._changed();
    }

    confirm() {
        this.isConfirmed = true;
        this._confirm();
        this._changed();
    }

    deny() {
        this._deny();
    }

    async cancel() {
        await this.request.cancel().catch(() => {});
    }
}
