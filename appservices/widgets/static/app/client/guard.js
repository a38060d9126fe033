/** Stands between the SDK and others. */
import {
    AllDevicesIsolationMode,
    CryptoEvent,
    MatrixEvent,
    OnlySignedDevicesIsolationMode,
} from "matrix-js-sdk";
import { isOurBot } from "../../kit/page.js";
import { tidied, tidiedEvent } from "../../kit/untrusted.js";
import { eventsOf } from "./content.js";
import { areConfirmed, mustBeTrusted } from "./trust.js";

const ALL = new AllDevicesIsolationMode(false);
const CONFIRMED = new OnlySignedDevicesIsolationMode();

const { makeReplaced } = MatrixEvent.prototype;
/** An edit in clear, which a homeserver could write, changes nothing that was said encrypted. */
MatrixEvent.prototype.makeReplaced = function (edit) {
    const isSure = !edit || edit.status || edit.isEncrypted() || !this.isEncrypted(); // mine has a status
    if (isSure) makeReplaced.call(this, edit);
};

/**
 * From now on what comes is tidied, of our bots only confirmed devices are
 * heard, and nothing is encrypted for an identity that was replaced, whatever sends it.
 * @param {import("./open.js").MatrixClient} client before it starts
 */
export function guard(client) {
    const mapperOf = client.getEventMapper.bind(client);
    client.getEventMapper = (options) => {
        const mapper = mapperOf(options);
        return (event) => mapper(tidiedEvent(event, Date.now()));
    };
    const crypto = /** @type {any} */ (client.getCrypto());
    /** The SDK reads the mode before it waits for anything. @param {boolean} isConfirmed @param {() => Promise<any>} work */
    const among = (isConfirmed, work) => {
        crypto.setDeviceIsolationMode(isConfirmed ? CONFIRMED : ALL);
        const begun = work();
        crypto.setDeviceIsolationMode(ALL);
        return begun;
    };
    const decrypt = crypto.decryptEvent.bind(crypto);
    crypto.decryptEvent = async (/** @type {MatrixEvent} */ event) => {
        const isBot = isOurBot(event.getSender() ?? "");
        const { clearEvent, ...rest } = await among(isBot, () => decrypt(event));
        return { ...rest, clearEvent: { ...clearEvent, content: tidied(clearEvent.content) } };
    };
    const encrypt = crypto.encryptEvent.bind(crypto);
    crypto.encryptEvent = async (/** @type {MatrixEvent} */ event, /** @type {any} */ room) => {
        try {
            await among(await areConfirmed(client, room), () => encrypt(event, room));
        } finally {
            await mustBeTrusted(client, room.roomId); // whose keys were asked for just now
        }
    };
    client.on(CryptoEvent.DevicesUpdated, (users) => {
        const bots = new Set(users.filter(isOurBot));
        if (!bots.size) return;
        for (const room of client.getRooms())
            for (const event of eventsOf(room))
                if (event.isDecryptionFailure() && bots.has(event.getSender() ?? ""))
                    void event.attemptDecryption(crypto, { isRetry: true });
    });
}
