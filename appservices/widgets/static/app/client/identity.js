/**
 * The person's cross-signing identity, and the backup of their keys.
 *
 * @typedef {import("./open.js").Opened} Opened
 */
import { decodeRecoveryKey } from "matrix-js-sdk";

/** The recovery key cannot be used. */
export class RecoveryError extends Error {
    /** @param {"wrong" | "no_identity" | "not_stored"} why */
    constructor(why) {
        super(why);
        this.why = why;
    }
}

/**
 * Makes identity, secret storage and backup for a new account.
 * @param {Opened} opened
 * @returns {Promise<string>} the recovery key, in groups of four
 */
export async function protect({ client }) {
    const crypto = /** @type {any} */ (client.getCrypto());
    const key = await crypto.createRecoveryKeyFromPassphrase(); // without a phrase: random
    // The first upload of these keys needs no password (MSC3967); replacing them would.
    // Begun again, it has the identity already, and secret storage that nobody can open any more.
    const { privateKeysCachedLocally: here } = await crypto.getCrossSigningStatus();
    if (!here.masterKey || !here.selfSigningKey || !here.userSigningKey)
        await crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: (/** @type {any} */ make) => make(null),
        });
    await crypto.bootstrapSecretStorage({
        createSecretStorageKey: async () => key,
        setupNewSecretStorage: true, // begun anew if an earlier key was never confirmed
        setupNewKeyBackup: true,
    });
    return key.encodedPrivateKey;
}

/**
 * Makes this device one of the person's by the recovery key; it then reads what was before it.
 * @param {Opened} opened
 * @param {string} text as it was typed
 * @throws {RecoveryError}
 */
export async function recover({ client, recovery }, text) {
    try {
        recovery.key = decodeRecoveryKey(text.trim());
    } catch {
        throw new RecoveryError("wrong");
    }
    const crypto = /** @type {any} */ (client.getCrypto());
    // Without the public keys the import fails; without keys in secret storage, a new identity
    // would be made.
    if (!(await hasIdentity({ client }))) throw new RecoveryError("no_identity");
    if (!(await client.secretStorage.isStored("m.cross_signing.master")))
        throw new RecoveryError("not_stored");
    try {
        await crypto.bootstrapCrossSigning({}); // signs this device by the keys of secret storage
    } catch {
        recovery.key = undefined;
        throw new RecoveryError("wrong");
    }
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    await crypto.checkKeyBackupAndEnable();
    await crypto.restoreKeyBackup();
}

/** @param {Pick<Opened, "client">} opened @returns {Promise<boolean>} whether some device has made one */
export async function hasIdentity({ client }) {
    const crypto = /** @type {any} */ (client.getCrypto());
    return crypto.userHasCrossSigningKeys(client.getUserId(), true);
}

/** @param {Opened} opened @returns {Promise<boolean>} whether others see this device as the person's */
export async function isVerified({ client }) {
    const crypto = /** @type {any} */ (client.getCrypto());
    const status = await crypto.getDeviceVerificationStatus(
        client.getUserId(),
        client.getDeviceId(),
    );
    return Boolean(status?.crossSigningVerified);
}
