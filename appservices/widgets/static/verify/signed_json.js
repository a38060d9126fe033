/**
 * JSON that a log or a ledger signed: read from a file, and in whose name it is signed. Pure.
 *
 * @typedef {new (fault: "unknown_signer" | "wrong_signature") => Error} Refused how a caller refuses
 */
import { canonicalBytes } from "../kit/canonical.js";
import { fromUnpadded } from "./bytes.js";
import { isSigned } from "./ed25519.js";
import { isObject } from "./form.js";

const SIGNATURES_MAX = 16;
/** Texts, and numbers with all that may belong to one. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[-+.0-9][-+.0-9eE]*/gs;
const WHOLE = /^(?:".*|-?(?:0|[1-9][0-9]*))$/s;

/** @param {unknown} value @returns {Record<string, any> | undefined} an object that is not empty */
export function filled(value) {
    return isObject(value) && Object.keys(value).length ? value : undefined;
}

/**
 * @param {Uint8Array} data
 * @returns {{value: unknown, isPlain: boolean} | undefined} isPlain: all numbers in it are written as
 *     who signs writes them; none if it is no JSON
 */
export function parsed(data) {
    try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
        const value = JSON.parse(text);
        // JSON.parse takes 1.0 for 1, and who signed would not have written it.
        const tokens = text.match(TOKEN);
        return { value, isPlain: tokens?.every((token) => WHOLE.test(token)) ?? true };
    } catch {
        return undefined;
    }
}

/** @param {Record<string, any>} value @returns {string[]} in whose names it says that it is signed */
export function signersOf(value) {
    return Object.keys(filled(value.signatures) ?? {});
}

/** @param {Record<string, any>} value @returns {Uint8Array<ArrayBuffer>} what is signed of it */
export function signedBytes(value) {
    const signed = Object.entries(value).filter(
        ([name]) => !["signatures", "unsigned"].includes(name),
    );
    return canonicalBytes(Object.fromEntries(signed));
}

/**
 * @param {Record<string, any>} value that has a canonical form
 * @param {import("./notes.js").Key[]} keys
 * @param {Refused} Refused
 * @returns {Promise<string>} in whose name it is signed, by a key that is known
 */
export async function signer(value, keys, Refused) {
    const signatures = filled(value.signatures) ?? {};
    /** @param {import("./notes.js").Key} key @returns {Record<string, unknown>} */
    const by = ({ name }) => (Object.hasOwn(signatures, name) && filled(signatures[name])) || {};
    const known = keys.filter((key) => Object.hasOwn(by(key), `ed25519:${key.id}`));
    const [first] = known;
    if (!first) throw new Refused("unknown_signer");
    const isOne = known.every((key) => key.name === first.name);
    if (!isOne || Object.keys(by(first)).length > SIGNATURES_MAX)
        throw new Refused("wrong_signature");
    const message = signedBytes(value);
    for (const key of known) {
        const encoded = by(key)[`ed25519:${key.id}`];
        const signature = typeof encoded === "string" ? fromUnpadded(encoded) : undefined;
        if (!signature || !(await isSigned(key.key, signature, message)))
            throw new Refused("wrong_signature");
    }
    return first.name;
}
