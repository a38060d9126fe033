/**
 * ZIP archives written as `veche.documents.asic.archive` writes what is not packed. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 *
 * @typedef {object} Written an entry
 * @property {string} name
 * @property {Bytes} data
 * @property {Bytes} record its own bytes of the archive
 */
import { isSame, joined, utf8 } from "../verify/bytes.js";
import {
    ArchiveError,
    CENTRAL_BYTES,
    CENTRAL_MARK,
    DATE,
    END_BYTES,
    END_MARK,
    ENTRIES_MAX,
    HiddenError,
    LOCAL_BYTES,
    LOCAL_MARK,
    UTF8,
    VERSION,
    checkNames,
    crcOf,
    decoded,
} from "./archive.js";

/** Where in the header of an entry its fields begin that the directory repeats. */
const SAID = [4, LOCAL_BYTES];

/** @param {string} name @param {Bytes} data @returns {Written} @throws {HiddenError} */
export function newEntry(name, data) {
    checkNames([name]);
    const encoded = utf8(name);
    const view = new DataView(new ArrayBuffer(LOCAL_BYTES));
    view.setUint32(0, LOCAL_MARK, true);
    view.setUint16(4, VERSION, true);
    view.setUint16(6, encoded.length === name.length ? 0 : UTF8, true);
    view.setUint16(12, DATE, true);
    view.setUint32(14, crcOf(data), true);
    view.setUint32(18, data.length, true);
    view.setUint32(22, data.length, true);
    view.setUint16(26, encoded.length, true);
    return { name, data, record: joined(new Uint8Array(view.buffer), encoded, data) };
}

/**
 * @param {Bytes} bytes entries one after another, without a directory
 * @returns {Written[]}
 * @throws {ArchiveError} they are not of their one form
 */
export function readRecords(bytes) {
    /** @type {Written[]} */
    const found = [];
    for (let at = 0; at < bytes.length;) {
        if (found.length === ENTRIES_MAX || at + LOCAL_BYTES > bytes.length)
            throw new ArchiveError("what is added are no entries");
        const view = new DataView(bytes.buffer, bytes.byteOffset + at, LOCAL_BYTES);
        const body = at + LOCAL_BYTES + view.getUint16(26, true);
        const name = decoded(bytes.subarray(at + LOCAL_BYTES, body), view.getUint16(6, true));
        const one = newEntry(name, bytes.slice(body, body + view.getUint32(22, true)));
        if (!isSame(one.record, bytes.subarray(at, at + one.record.length)))
            throw new HiddenError("what is added is not of its one form");
        found.push(one);
        at += one.record.length;
    }
    return found;
}

/** @param {Written[]} entries @returns {Bytes} the archive of them, in their order */
export function writeArchive(entries) {
    const lines = [];
    let at = 0;
    for (const { record } of entries) {
        lines.push(lineOf(record, at));
        at += record.length;
    }
    const end = new DataView(new ArrayBuffer(END_BYTES));
    end.setUint32(0, END_MARK, true);
    end.setUint16(8, entries.length, true);
    end.setUint16(10, entries.length, true);
    end.setUint32(
        12,
        lines.reduce((sum, one) => sum + one.length, 0),
        true,
    );
    end.setUint32(16, at, true);
    const records = entries.map(({ record }) => record);
    return joined(...records, ...lines, new Uint8Array(end.buffer));
}

/** @param {Bytes} record @param {number} place @returns {Bytes} its line of the directory */
function lineOf(record, place) {
    const length = new DataView(record.buffer, record.byteOffset).getUint16(26, true);
    const view = new DataView(new ArrayBuffer(CENTRAL_BYTES));
    view.setUint32(0, CENTRAL_MARK, true);
    view.setUint16(4, VERSION, true);
    const line = new Uint8Array(view.buffer);
    line.set(record.subarray(...SAID), 6);
    view.setUint32(42, place, true);
    return joined(line, record.subarray(LOCAL_BYTES, LOCAL_BYTES + length));
}
