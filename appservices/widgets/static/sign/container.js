/**
 * A file that is no PDF in a private document: its container before anybody has signed it. Beside it
 * lies chance, without which whoever guesses the file could tell by its digest that it is it.
 *
 * @typedef {import("../asic/growing.js").DataFile} DataFile
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { ArchiveError, twinOf } from "../asic/archive.js";
import { documentDigest, readContainer } from "../asic/container.js";
import { begun, filesOf } from "../asic/growing.js";
import { NO_KIND, kindOf, safeName } from "../asic/kinds.js";
import { base64 } from "../kit/approval.js";
import { isSame } from "../verify/bytes.js";

const SALT_NAME = "veche-salt.bin";
const SALT_BYTES = 32;

/**
 * @param {string} name as it was chosen
 * @param {Bytes} data
 * @returns {DataFile}
 */
export function newPrivateFile(name, data) {
    const safe = safeName(name);
    const made = twinOf(safe) === SALT_NAME ? `document-${safe}` : safe;
    return withSalt(made, data, crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
}

/** @param {string} name @param {Bytes} data @param {Bytes} salt @returns {DataFile} */
function withSalt(name, data, salt) {
    const beside = [{ name: SALT_NAME, kind: NO_KIND, data: salt }];
    return { name, kind: kindOf(name, data), data, beside };
}

/** @param {Bytes} base @returns {Promise<DataFile | undefined>} none: it is no such container */
export async function privateFileIn(base) {
    try {
        const { files, steps } = await readContainer(base);
        const [file, salt, ...more] = files;
        if (!file || steps.length > 0 || more.length > 0) return undefined;
        if (salt?.name !== SALT_NAME || salt.data.length !== SALT_BYTES) return undefined;
        const found = withSalt(file.name, file.data, salt.data);
        // Nobody has another container of the same files, or what is signed would not be one.
        return isSame(begun(found), base) ? found : undefined;
    } catch (error) {
        if (error instanceof ArchiveError) return undefined;
        throw error;
    }
}

/** @param {DataFile} file @returns {Promise<string>} the digest that stands for it, base64 */
export async function digestOfFile(file) {
    return base64(await documentDigest(filesOf(file)));
}
