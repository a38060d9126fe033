/** Stands between the SDK and others. */
import {
    AllDevicesIsolationMode,
    CryptoEvent,
    MatrixEvent,
    OnlySignedDevicesIsolationMode,
} from "matrix-js-sdk";
import { isOurBot } from "../../kit/page.js";
import { tidied, tidiedEvent } from "../../kit/untrusted.js";
import { mustBeTrusted } from "./trust.js";

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
    const decrypt = crypto.decryptEvent.bind(crypto);
    crypto.decryptEvent = async (/** @type {MatrixEvent} */ event) => {
        const isBot = isOurBot(event.getSender() ?? "");
        // It is read before anything is waited for.
        if (isBot) crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
        const work = decrypt(event);
        crypto.setDeviceIsolationMode(new AllDevicesIsolationMode(false));
        const { clearEvent, ...rest } = await work;
        return { ...rest, clearEvent: { ...clearEvent, content: tidied(clearEvent.content) } };
    };
    const encrypt = crypto.encryptEvent.bind(crypto);
    crypto.encryptEvent = async (/** @type {MatrixEvent} */ event, /** @type {any} */ room) => {
        await encrypt(event, room);
        await mustBeTrusted(client, room.roomId); // whose keys were asked for just now
    };
    client.on(CryptoEvent.DevicesUpdated, (users) => {
        const bots = new Set(users.filter(isOurBot));
        if (!bots.size) return;
        for (const room of client.getRooms())
            for (const event of room.getLiveTimeline().getEvents())
                if (event.isDecryptionFailure() && bots.has(event.getSender() ?? ""))
                    void event.attemptDecryption(crypto, { isRetry: true });
    });
}
