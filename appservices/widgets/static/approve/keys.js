/**
 * Which keys can approve here, and having one of them sign.
 *
 * @typedef {import("./asked.js").Asked} Asked
 * @typedef {import("../kit/approval.js").Proof} Proof
 *
 * @typedef {object} ListedKey as the service lists it: not revoked, of the person who is asked
 * @property {string} id
 * @property {"p256" | "webauthn"} kind
 * @property {string | null} credential_id
 * @property {string[]} transports
 * @property {string} label
 * @property {number | null} held_until_ms
 *
 * @typedef {object} Signer
 * @property {string} label
 * @property {number | null} held_until_ms until when it may only decline
 * @property {(data: Uint8Array<ArrayBuffer>) => Promise<{key: string, proof: Proof}>} sign
 */
import { PasskeyRefusedError, keysHere, signByPasskey, signHere } from "../kit/approval.js";
import { t } from "../kit/i18n.js";

/**
 * @param {string} person
 * @param {ListedKey[]} listed
 * @returns {Promise<Signer[]>} the best first; those that are too new only if there is no other
 */
export async function signersOf(person, listed) {
    const all = await signersAmong(person, listed);
    const ready = await signersAmong(
        person,
        listed.filter((one) => one.held_until_ms === null),
    );
    return ready.length ? ready : all;
}

/** @param {string} person @param {ListedKey[]} listed @returns {Promise<Signer[]>} */
async function signersAmong(person, listed) {
    const heldUntil = (/** @type {string} */ id) =>
        listed.find((one) => one.id === id)?.held_until_ms ?? null;
    // Where nothing is kept a passkey works all the same.
    const here = await keysHere(person).catch(() => []);
    const own = here.filter((key) => listed.some((one) => one.id === key.id));
    const passkeys = listed.flatMap(({ credential_id, transports, id, label }) =>
        credential_id === null ? [] : [{ credential_id, transports, id, label }],
    );
    const hasOwnPasskey = own.some((key) => key.kind === "webauthn");
    const browserKeys = own.flatMap(({ id, label, pair }) =>
        pair
            ? [
                  {
                      label,
                      held_until_ms: heldUntil(id),
                      sign: async (/** @type {Uint8Array<ArrayBuffer>} */ data) => ({
                          key: id,
                          proof: await signHere(pair, data),
                      }),
                  },
              ]
            : [],
    );
    /** @type {Signer[]} */
    const byPasskey =
        passkeys.length && "PublicKeyCredential" in window
            ? [
                  {
                      label: passkeys.length === 1 ? (passkeys[0]?.label ?? "") : t("A passkey"),
                      held_until_ms: heldUntil(passkeys[0]?.id ?? ""),
                      sign: async (data) => {
                          const { credential_id, proof } = await signByPasskey(passkeys, data);
                          const key = passkeys.find((one) => one.credential_id === credential_id);
                          if (!key) throw new PasskeyRefusedError("another passkey");
                          return { key: key.id, proof };
                      },
                  },
              ]
            : [];
    return hasOwnPasskey ? [...byPasskey, ...browserKeys] : [...browserKeys, ...byPasskey];
}
