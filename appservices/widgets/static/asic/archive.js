/**
 * ZIP archives of which no two programs think differently, as `veche.documents.asic.archive` reads
 * them. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 *
 * @typedef {object} Entry
 * @property {string} name
 * @property {Bytes} data
 * @property {boolean} isPacked
 * @property {number} end where its bytes end in the archive
 *
 * @typedef {object} Line of the central directory
 * @property {DataView} view
 * @property {Bytes} name
 * @property {number} end
 */
import { isSame } from "../verify/bytes.js";

const ARCHIVE_BYTES_MAX = 100 * 1024 * 1024;
export const ENTRIES_MAX = 1000;
const NAME_CHARACTERS_MAX = 200;
export const LOCAL_BYTES = 30;
export const CENTRAL_BYTES = 46;
export const END_BYTES = 22;
export const LOCAL_MARK = 0x04034b50;
export const CENTRAL_MARK = 0x02014b50;
export const END_MARK = 0x06054b50;
const STORED = 0;
const DEFLATED = 8;
export const UTF8 = 0x0800;
export const VERSION = 20;
/** 1 January 2000 */
export const DATE = ((2000 - 1980) << 9) | (1 << 5) | 1;
const FILE_KIND = 0xf000;
const PLAIN_FILE = 0x8000;
const PART = /^[^\\:*?"<>|/]*[^\\:*?"<>|/. ]$/u;
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** Eight tables, so that eight bytes are taken at once: what a byte does that is followed by 0 to 7. */
const CRC = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
    CRC[byte] = rest;
}
for (let at = 256; at < CRC.length; at += 1) {
    const before = CRC[at - 256] ?? 0;
    CRC[at] = (before >>> 8) ^ (CRC[before & 0xff] ?? 0);
}

/** Not an archive of the form that we take; it may be an honest one of others. */
export class ArchiveError extends Error {}

/** An archive in which programs find different things; no honest program writes one. */
export class HiddenError extends ArchiveError {}

/** @param {Bytes} bytes @param {number} at @param {number} size */
function viewOf(bytes, at, size) {
    return new DataView(bytes.buffer, bytes.byteOffset + at, size);
}

/** @param {Bytes} data */
export function crcOf(data) {
    const view = viewOf(data, 0, data.length);
    const whole = data.length - (data.length % 8);
    let rest = -1;
    for (let at = 0; at < whole; at += 8) {
        const one = view.getInt32(at, true) ^ rest;
        const other = view.getInt32(at + 4, true);
        rest = eightfold(one, 7) ^ eightfold(other, 3);
    }
    for (const byte of data.subarray(whole)) rest = (rest >>> 8) ^ (CRC[(rest ^ byte) & 0xff] ?? 0);
    return ~rest >>> 0;
}

/** @param {number} four bytes, the first one lowest @param {number} behind how many follow the first */
function eightfold(four, behind) {
    const at = 256 * behind;
    return (
        (CRC[at + (four & 0xff)] ?? 0) ^
        (CRC[at - 256 + ((four >>> 8) & 0xff)] ?? 0) ^
        (CRC[at - 512 + ((four >>> 16) & 0xff)] ?? 0) ^
        (CRC[at - 768 + (four >>> 24)] ?? 0)
    );
}

/** @param {Bytes} data @returns {Promise<Entry[]>} in the order of their bytes @throws {ArchiveError} */
export async function readArchive(data) {
    if (data.length > ARCHIVE_BYTES_MAX) throw new ArchiveError("the file is too large");
    const { count, directory } = endOf(data);
    const last = data.length - END_BYTES;
    /** @type {Entry[]} */
    const found = [];
    let [at, start, left] = [directory, 0, ARCHIVE_BYTES_MAX];
    for (let number = 0; number < count; number += 1) {
        const line = lineAt(data, at, last);
        const entry = await entryOf(data, line, start, directory, left);
        found.push(entry);
        at = line.end;
        start = entry.end;
        left -= entry.data.length;
    }
    if (at !== last || start !== directory) throw new HiddenError("bytes that belong to no entry");
    checkNames(found.map(({ name }) => name));
    return found;
}

/** @param {string[]} names @throws {HiddenError} one of them can hide, or is there twice */
export function checkNames(names) {
    for (const name of names) {
        const { length } = [...name];
        const isPlain = length > 0 && length <= NAME_CHARACTERS_MAX && !UNSHOWN.test(name);
        if (!isPlain || !name.split("/").every((part) => PART.test(part)))
            throw new HiddenError("no name of a file in an archive");
    }
    if (new Set(names.map(twinOf)).size !== names.length)
        throw new HiddenError("two entries have the same name");
}

/** @param {string} name @returns {string} what is the same for names that some system takes for one */
export function twinOf(name) {
    return name.normalize("NFKC").toUpperCase().toLowerCase();
}

/** @param {Bytes} data @returns {{count: number, directory: number}} */
function endOf(data) {
    const at = data.length - END_BYTES;
    const end = at >= 0 ? viewOf(data, at, END_BYTES) : undefined;
    if (!end || end.getUint32(0, true) !== END_MARK) {
        if (isMark(data, 0, LOCAL_MARK) && hasMark(data, END_MARK))
            throw new HiddenError("something follows the end of the archive");
        throw new ArchiveError("not an archive");
    }
    const [disk, first, here, count, comment] = [4, 6, 8, 10, 20].map((one) =>
        end.getUint16(one, true),
    );
    const [size, directory] = [end.getUint32(12, true), end.getUint32(16, true)];
    if (disk || first || here !== count || count === undefined || count > ENTRIES_MAX)
        throw new ArchiveError("the archive is split, or has too many entries");
    if (comment || directory + size !== at)
        throw new HiddenError("the end of the archive is not where it says");
    return { count, directory };
}

/** @param {Bytes} data @param {number} at @param {number} mark */
function isMark(data, at, mark) {
    return data.length >= at + 4 && viewOf(data, at, 4).getUint32(0, true) === mark;
}

/** @param {Bytes} data @param {number} mark */
function hasMark(data, mark) {
    for (let at = data.indexOf(0x50); at >= 0; at = data.indexOf(0x50, at + 1))
        if (isMark(data, at, mark)) return true;
    return false;
}

/** @param {Bytes} data @param {number} at @param {number} end @returns {Line} */
function lineAt(data, at, end) {
    if (at + CENTRAL_BYTES > end || !isMark(data, at, CENTRAL_MARK))
        throw new HiddenError("the central directory is not what the end says");
    const view = viewOf(data, at, CENTRAL_BYTES);
    const [length = 0, more = 0, comment = 0, disk = 0] = [28, 30, 32, 34].map((one) =>
        view.getUint16(one, true),
    );
    const after = at + CENTRAL_BYTES + length + more + comment;
    if (after > end) throw new HiddenError("a line of the central directory does not end");
    if (more || comment || disk) throw new ArchiveError("an entry has more fields, or a comment");
    const kind = (view.getUint32(38, true) >>> 16) & FILE_KIND;
    if (kind !== 0 && kind !== PLAIN_FILE) throw new HiddenError("an entry is no plain file");
    return { view, name: data.subarray(at + CENTRAL_BYTES, after), end: after };
}

/**
 * @param {Bytes} data
 * @param {Line} line
 * @param {number} start where it has to begin
 * @param {number} directory
 * @param {number} left
 * @returns {Promise<Entry>}
 */
async function entryOf(data, { view: said, name }, start, directory, left) {
    if (start + LOCAL_BYTES > directory || said.getUint32(42, true) !== start)
        throw new HiddenError("an entry is not where the directory says");
    const here = viewOf(data, start, LOCAL_BYTES);
    const isSaid = Array.from({ length: 24 }, (_, at) => at).every(
        (at) => here.getUint8(4 + at) === said.getUint8(6 + at),
    );
    if (here.getUint32(0, true) !== LOCAL_MARK || !isSaid)
        throw new HiddenError("an entry says something else of itself than the directory");
    const [needed, flags = 0, method, time, date] = [4, 6, 8, 10, 12].map((at) =>
        here.getUint16(at, true),
    );
    const isOurs =
        said.getUint16(4, true) === VERSION &&
        needed === VERSION &&
        time === 0 &&
        date === DATE &&
        said.getUint16(36, true) === 0 &&
        said.getUint32(38, true) === 0;
    if (!isOurs) throw new ArchiveError("an entry says more of itself than is signed");
    if (here.getUint16(28, true) || flags & ~UTF8 || (method !== STORED && method !== DEFLATED))
        throw new ArchiveError("an entry is encrypted, or of another form");
    const [crc, packed, size] = [14, 18, 22].map((at) => here.getUint32(at, true));
    const head = start + LOCAL_BYTES;
    const body = head + here.getUint16(26, true);
    const end = body + (packed ?? 0);
    if (end > directory || !isSame(data.subarray(head, body), name))
        throw new HiddenError("an entry has two names, or does not end");
    const isPacked = method === DEFLATED;
    const bytes = data.subarray(body, end);
    const most = Math.min(size ?? 0, left + 1);
    const content = isPacked ? await unpacked(bytes, most) : bytes;
    if (content.length > left) throw new ArchiveError("there is too much in the archive");
    if (content.length !== size || crcOf(content) !== crc)
        throw new HiddenError("an entry is not what it says");
    return { name: decoded(name, flags), data: content, isPacked, end };
}

/** @param {Bytes} bytes deflated @param {number} most @returns {Promise<Bytes>} at most one above it */
async function unpacked(bytes, most) {
    const reader = new Blob([bytes])
        .stream()
        .pipeThrough(new DecompressionStream("deflate-raw"))
        .getReader();
    const content = new Uint8Array(most + 1);
    let size = 0;
    try {
        while (size <= most) {
            const { done, value } = await reader.read();
            if (done) break;
            content.set(value.subarray(0, content.length - size), size);
            size += value.length;
        }
    } catch {
        throw new HiddenError("an entry is broken");
    } finally {
        await reader.cancel().catch(() => undefined);
    }
    return content.subarray(0, size);
}

/** @param {Bytes} encoded @param {number} flags */
export function decoded(encoded, flags) {
    try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(encoded);
        if (flags & UTF8 || encoded.every((byte) => byte < 0x80)) return text;
    } catch {
        // As below.
    }
    throw new ArchiveError("a name is in another encoding");
}
