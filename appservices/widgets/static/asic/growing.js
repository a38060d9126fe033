/**
 * A container that grows in the hands of many, as `veche.protocol.asic.growing` makes it: one file,
 * and what each signature has added. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 * @typedef {import("./writing.js").Written} Written
 *
 * @typedef {object} DataFile
 * @property {string} name in the container
 * @property {string} kind media type
 * @property {Bytes} data
 *
 * @typedef {object} Prepared what waits for a signature
 * @property {Bytes} digest of the manifest: what is signed
 * @property {(cms: Bytes) => Bytes} filled what is added with it
 */
import { joined, sha256 } from "../verify/bytes.js";
import { HiddenError, checkNames, twinOf } from "./archive.js";
import { FOLDER, MIME, MIME_NAME, digestOf, placeOf } from "./container.js";
import { writeManifest } from "./manifest.js";
import { newEntry, readRecords, writeArchive } from "./writing.js";

/**
 * @param {DataFile} file
 * @param {Bytes[]} additions first to last
 * @returns {Bytes} the container; without, the one that waits for its first signature
 * @throws {import("./archive.js").ArchiveError} a name cannot be in one, or an addition is none
 */
export function begun({ name, data }, additions = []) {
    checkFileName(name);
    const entries = [newEntry(MIME_NAME, MIME), newEntry(name, data)];
    const known = new Map(entries.map((one) => [one.name, one]));
    for (const one of additions.flatMap(readRecords)) {
        if (!one.name.startsWith(FOLDER)) throw new HiddenError("what is added is no signature");
        known.set(one.name, one);
    }
    return writeArchive([...known.values()]);
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
 * @returns {Bytes} the container; the file alone while nobody has signed it
 */
export function grown(file, additions) {
    return additions.length > 0 ? begun(file, additions) : file.data;
}

/**
 * @param {DataFile} file
 * @param {number} number of the signature, from 1
 * @returns {Promise<Prepared>}
 */
export async function prepareStep({ name, kind, data }, number) {
    const place = placeOf(false, number);
    const manifest = writeManifest(place, [{ name, kind, digest: await digestOf(data) }]);
    const digits = String(number).padStart(3, "0");
    const listed = newEntry(`${FOLDER}ASiCManifest${digits}.xml`, manifest);
    return {
        digest: await sha256(manifest),
        filled: (cms) => joined(listed.record, newEntry(place[0], cms).record),
    };
}
