/**
 * A container that grows in the hands of many, as `appservices.signing.papers.core.growing` makes it: one
 * file,
 * and what each signature has added; what closes it and renews it. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 * @typedef {import("./writing.js").Written} Written
 *
 * @typedef {object} DataFile
 * @property {string} name in the container
 * @property {string} kind media type
 * @property {Bytes} data
 * @property {DataFile[]} [beside] other files in the container
 *
 * @typedef {object} Prepared what waits for a signature
 * @property {Bytes} digest of the manifest: what is signed
 * @property {(cms: Bytes) => Bytes} filled what is added with it
 */
import { isSame, joined, sha256 } from "../verify/bytes.js";
import { withProofs } from "../signatures/cms.js";
import { SHA256, digestBy } from "../signatures/digests.js";
import { HiddenError, checkNames, twinOf } from "./archive.js";
import { FOLDER, MIME, MIME_NAME, digestOf, placeOf } from "./container.js";
import { NO_KIND } from "./kinds.js";
import { writeManifest } from "./manifest.js";
import { newEntry, readRecords, writeArchive } from "./writing.js";

/**
 * @param {DataFile} file
 * @param {Bytes[]} additions first to last
 * @returns {Bytes} the container; without, the one that waits for its first signature
 * @throws {import("./archive.js").ArchiveError} a name cannot be in one, or an addition is none
 */
export function begun(file, additions = []) {
    return writeArchive(entriesOf(file, additions));
}

/** @param {DataFile} file @returns {DataFile[]} all that are in its container */
export function filesOf(file) {
    return [file, ...(file.beside ?? [])];
}

/** @param {DataFile} file @param {Bytes[]} additions @returns {Written[]} */
function entriesOf(file, additions) {
    const files = filesOf(file);
    for (const { name } of files) checkFileName(name);
    checkNames(files.map(({ name }) => name));
    const entries = [
        newEntry(MIME_NAME, MIME),
        ...files.map((one) => newEntry(one.name, one.data)),
    ];
    const known = new Map(entries.map((one) => [one.name, one]));
    for (const one of additions.flatMap(readRecords)) {
        if (!one.name.startsWith(FOLDER)) throw new HiddenError("what is added is no signature");
        known.set(one.name, one);
    }
    return [...known.values()];
}

/** @param {string} name @throws {HiddenError} no file in a container may have it */
export function checkFileName(name) {
    checkNames([name]);
    if ([MIME_NAME, twinOf(FOLDER.slice(0, -1))].includes(twinOf(name.split("/")[0] ?? "")))
        throw new HiddenError("a name for other things");
}

/**
 * @param {DataFile} file
 * @param {Bytes[]} additions first to last
 * @returns {Bytes} the container; the file alone while nobody has signed it and it is alone
 */
export function grown(file, additions) {
    return additions.length > 0 || file.beside ? begun(file, additions) : file.data;
}

/**
 * @param {DataFile} file
 * @param {number} number of the signature, from 1
 * @returns {Promise<Prepared>}
 */
export async function prepareStep(file, number) {
    const place = placeOf(false, number);
    const rows = filesOf(file).map(async ({ name, kind, data }) => ({
        name,
        kind,
        digest: await digestOf(data),
    }));
    const manifest = writeManifest(place, await Promise.all(rows));
    const listed = newEntry(manifestName(false, number), manifest);
    return {
        digest: await sha256(manifest),
        filled: (cms) => joined(listed.record, newEntry(place[0], cms).record),
    };
}

/**
 * What closes a container that people have signed, or renews one that is closed: a stamp over all
 * that is in it. Proofs that were not known before go with the stamp; of one that is renewed with the
 * stamp before it, which the new one covers.
 * @param {DataFile} file
 * @param {Bytes[]} additions
 * @param {{certificates: Bytes[], lists: Bytes[]}} proofs
 * @param {import("../signatures/digests.js").Hash} [by] the hash of what is covered, and of the stamp
 * @returns {Promise<Prepared>}
 */
export async function prepareStamp(file, additions, proofs, by = SHA256) {
    const { certificates, lists } = proofs;
    const entries = entriesOf(file, additions);
    const stamps = entries.filter(({ name }) => STAMP.test(name)).length;
    const last = /** @type {Written} */ (entries.at(-1));
    const newer =
        stamps > 0 ? newEntry(last.name, withProofs(last.data, certificates, lists)) : last;
    const held = [...entries.slice(1, -1), newer];
    const kinds = new Map(filesOf(file).map(({ name, kind }) => [name, kind]));
    const rows = held.map(async ({ name, data }) => ({
        name,
        kind: kinds.get(name) ?? kindInside(name),
        digest: await digestOf(data, by),
        by,
    }));
    const place = placeOf(true, stamps + 1);
    const manifest = writeManifest(place, await Promise.all(rows));
    const listed = newEntry(manifestName(true, stamps + 1), manifest);
    const before = isSame(newer.record, last.record) ? [] : [newer.record];
    return {
        digest: await digestBy(by, manifest),
        filled: (token) => {
            const whole = stamps > 0 ? token : withProofs(token, certificates, lists);
            return joined(...before, listed.record, newEntry(place[0], whole).record);
        },
    };
}

/**
 * @param {DataFile} file
 * @param {Bytes[]} additions
 * @param {Bytes} increment that is said to be more of it
 * @param {boolean} isSignature whether it is of somebody who signs
 * @returns {Promise<boolean>} whether it adds just one signature, or one stamp, and changes nothing
 *     that others have signed
 */
export async function isStep(file, additions, increment, isSignature) {
    const records = readRecords(increment);
    const known = entriesOf(file, additions);
    const count = known.filter(({ name }) => (isSignature ? SIGNATURE : STAMP).test(name)).length;
    const [name] = placeOf(!isSignature, count + 1);
    const added = records.at(-1);
    if (!added || added.name !== name) return false;
    if (isSignature)
        return isSame((await prepareStep(file, count + 1)).filled(added.data), increment);
    const names = records.slice(0, -1).map((one) => one.name);
    // Of a stamp before it there may be more proofs; what it is over stays what it is over.
    const last = known.at(-1)?.name ?? "";
    const own = manifestName(true, count + 1);
    const allowed = STAMP.test(last) && names.length > 1 ? [last, own] : [own];
    return names.length === allowed.length && names.every((one, at) => one === allowed[at]);
}

const STAMP = /^META-INF\/timestamp\d{3}\.tst$/;
const SIGNATURE = /^META-INF\/signature\d{3}\.p7s$/;
const MANIFEST = /^META-INF\/ASiC(?:Archive)?Manifest\d{3}\.xml$/;

/** @param {boolean} isStamp @param {number} number @returns {string} */
function manifestName(isStamp, number) {
    const digits = String(number).padStart(3, "0");
    return `${FOLDER}ASiC${isStamp ? "Archive" : ""}Manifest${digits}.xml`;
}

/** @param {string} name of an entry beside the files @returns {string} its media type */
function kindInside(name) {
    if (MANIFEST.test(name)) return "text/xml";
    const isStamp = STAMP.test(name);
    return isStamp || SIGNATURE.test(name) ? placeOf(isStamp, 1)[1] : NO_KIND;
}
