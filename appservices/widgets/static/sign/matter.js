/**
 * What the service is not told of a blind session: title, clauses, names. It keeps them encrypted, and
 * their salted digests in clear; a page that opens them sees to it that both say the same.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Matter} Matter
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { base64, fromBase64 } from "../kit/approval.js";
import { canonicalBytes } from "../kit/canonical.js";
import { isLine } from "../kit/showable.js";
import { sha256, utf8 } from "../verify/bytes.js";
import { decrypt, encrypt } from "./cipher.js";
import { PaperError } from "./paper_error.js";

/** What the matter is for. */
const MATTER = "veche.signing.matter";
const SALT_BYTES = 32;
const TEXT_MAX = 1000;

/** @param {Bytes} salt @param {string} words @returns {Promise<string>} their digest, base64 */
export async function veiled(salt, words) {
    return base64(await sha256(salt, utf8(words)));
}

/** @returns {Bytes} chance, without which a title could be guessed by its digest */
export function newSalt() {
    return crypto.getRandomValues(new Uint8Array(SALT_BYTES));
}

/** @param {CryptoKey} secret @param {Matter} matter @returns {Promise<string>} base64 */
export async function sealMatter(secret, matter) {
    return base64(await encrypt(secret, canonicalBytes(matter), MATTER));
}

/**
 * @param {View} view of a blind session
 * @param {CryptoKey} secret
 * @returns {Promise<View>} with its title, the clauses' and names
 * @throws {PaperError} the link is of another session, the service tells of something else, or who asks
 *   has written what is not seen as it is
 */
export async function withMatter(view, secret) {
    const plain = await decrypt(secret, fromBase64(view.matter ?? ""), MATTER);
    if (!plain) throw new PaperError("key");
    const matter = readMatter(plain);
    const salt = matter && fromBase64(matter.salt);
    if (!matter || salt?.length !== SALT_BYTES) throw new PaperError("matter");
    const titles = new Map(matter.clauses.map(({ id, title }) => [id, title]));
    const clauses = view.clauses.map((one) => ({ ...one, title: titles.get(one.id) ?? "" }));
    const told = [
        { words: matter.title, digest: view.title_sha256 },
        ...clauses.map((one) => ({ words: one.title, digest: one.title_sha256 })),
    ];
    for (const { words, digest } of told)
        if (words === "" || (await veiled(salt, words)) !== digest) throw new PaperError("matter");
    if (matter.clauses.length !== clauses.length) throw new PaperError("matter");
    const shown = [
        matter.filename,
        ...told.map(({ words }) => words),
        ...Object.values(matter.names),
    ];
    if (!shown.every(isLine)) throw new PaperError("unseen");
    return {
        ...view,
        title: matter.title,
        clauses,
        called: matter.names,
        filename: matter.filename,
    };
}

/** @param {Bytes} plain @returns {Matter | undefined} none: it is of another form */
function readMatter(plain) {
    try {
        const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
        const names = Object.entries(found.names ?? {});
        const isMatter =
            found.v === 1 &&
            [found.salt, found.title, found.filename, ...names.flat()].every(isText) &&
            Array.isArray(found.clauses) &&
            found.clauses.every((/** @type {any} */ one) => isText(one.id) && isText(one.title));
        return isMatter ? { ...found, names: Object.fromEntries(names) } : undefined;
    } catch {
        return undefined;
    }
}

/** @param {unknown} one */
function isText(one) {
    return typeof one === "string" && one.length <= TEXT_MAX;
}
