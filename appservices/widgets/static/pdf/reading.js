/**
 * A PDF file as other programs write it, read by its tables alone: what no table lists is not there,
 * and what a table names must stand where it says. A file that is cut off or damaged is refused, for
 * of what is left a part would be signed as the whole.
 *
 * @typedef {import("@cantoo/pdf-lib").PDFContext} Context
 * @typedef {import("@cantoo/pdf-lib").PDFObject} PdfObject
 * @typedef {import("@cantoo/pdf-lib").PDFDict} Dict
 * @typedef {import("@cantoo/pdf-lib").PDFRawStream} Stream
 * @typedef {typeof import("@cantoo/pdf-lib")} Library
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Place where an object is
 * @property {number} at in the file; in a stream of objects: which one of them
 * @property {number} generation
 * @property {number} [holder] number of the stream of objects
 *
 * @typedef {object} Tables
 * @property {Map<number, Place | undefined>} places undefined: freed
 * @property {Dict} trailer the newest
 *
 * @typedef {object} Source a file
 * @property {Library} library
 * @property {Context} context
 * @property {Dict} trailer
 * @property {Set<number>} broken numbers of objects that are not where they should be
 */
import { joined } from "../verify/bytes.js";
import { PdfError, asText } from "./values.js";

const OBJECTS_MAX = 500_000;
const TABLES_MAX = 500;
const END_BYTES = 1100;
const END = /startxref\s+(\d{1,10})\s+%%EOF[\s\0]*$/;
const TABLE = /\s*xref\s+/y;
const PART = /(\d{1,10})\s+(\d{1,10})\s+/y;
const ENTRY = /(\d{10})\s(\d{5})\s([nf])\s*/y;
const TRAILER = /trailer\s*(?=<<)/y;
const HEAD = /\s*(\d{1,10})\s+(\d{1,5})\s+obj/y;
const STREAM = /stream(?:\r\n|\n|\r)/y;
const STREAM_END = /\s*endstream/y;
/** Of a stream, unpacked. */
const UNPACKED_MAX = 200 * 1024 * 1024;
const UNPACKED_AT_ONCE = 65_536;

/** The file is locked by a password. */
export class EncryptedError extends PdfError {}

/** What is packed is beyond bounds once it is unpacked. */
export class SwollenError extends PdfError {}

/**
 * @param {Bytes} bytes from `%PDF-` on
 * @param {Library} library
 * @returns {Source}
 * @throws {PdfError} its tables are damaged
 */
export function readSource(bytes, library) {
    return new Reader(bytes, library).read();
}

class Reader {
    /** @param {Bytes} bytes @param {Library} library */
    constructor(bytes, library) {
        this.bytes = bytes;
        this.text = asText(bytes);
        this.library = library;
        this.context = library.PDFContext.create();
        /** @type {Set<number>} */
        this.broken = new Set();
        /** @type {Map<number, PdfObject[]>} what streams of objects have, by their numbers */
        this.packed = new Map();
    }

    /** @returns {Source} */
    read() {
        const { places, trailer } = this.#tables();
        if (trailer.has(this.#name("Encrypt"))) throw new EncryptedError("it is locked");
        this.places = places;
        for (const number of places.keys()) this.#load(number);
        const root = trailer.get(this.#name("Root"));
        const info = trailer.get(this.#name("Info"));
        Object.assign(this.context.trailerInfo, { Root: root, Info: info });
        const { library, context, broken } = this;
        return { library, context, trailer, broken };
    }

    /** @param {string} name */
    #name(name) {
        return this.library.PDFName.of(name);
    }

    /** @returns {Tables} */
    #tables() {
        const end = END.exec(this.text.slice(-END_BYTES));
        if (!end) throw new PdfError("the file has no end");
        /** @type {Map<number, Place | undefined>} */
        const places = new Map();
        /** @type {Dict | undefined} */
        let newest;
        const seen = new Set();
        const waiting = [Number(end[1])];
        for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
            if (seen.has(at) || seen.size === TABLES_MAX) throw new PdfError("tables in a circle");
            seen.add(at);
            const { found, dict } = this.#tableAt(at);
            newest ??= dict;
            const beside = this.#number(dict, "XRefStm");
            const hidden = beside === undefined ? new Map() : this.#streamAt(beside).found;
            for (const [number, place] of [...found, ...hidden]) {
                const isNewer = !places.has(number) || (!places.get(number) && hidden.has(number));
                if (isNewer) places.set(number, place ?? hidden.get(number));
            }
            if (places.size > OBJECTS_MAX) throw new PdfError("too many objects");
            const before = this.#number(dict, "Prev");
            if (before !== undefined) waiting.push(before);
        }
        return { places, trailer: /** @type {Dict} */ (newest) };
    }

    /** @param {Dict} dict @param {string} key @returns {number | undefined} */
    #number(dict, key) {
        const held = dict.get(this.#name(key));
        return held instanceof this.library.PDFNumber ? held.asNumber() : undefined;
    }

    /** @param {number} at @returns {{found: Map<number, Place | undefined>, dict: Dict}} */
    #tableAt(at) {
        let next = this.#match(TABLE, at)?.end;
        if (next === undefined) return this.#streamAt(at);
        /** @type {Map<number, Place | undefined>} */
        const found = new Map();
        for (let part = this.#match(PART, next); part; part = this.#match(PART, next)) {
            next = part.end;
            const [first, count] = [Number(part.found[1]), Number(part.found[2])];
            if (count > OBJECTS_MAX) throw new PdfError("too many objects");
            for (let number = first; number < first + count; number += 1) {
                const entry = this.#match(ENTRY, next);
                if (!entry) throw new PdfError("a table has no entry where one should be");
                next = entry.end;
                const place = { at: Number(entry.found[1]), generation: Number(entry.found[2]) };
                found.set(number, entry.found[3] === "n" && number > 0 ? place : undefined);
            }
        }
        const head = this.#match(TRAILER, next);
        const dict = head && this.#objectAt(head.end);
        if (!(dict instanceof this.library.PDFDict)) throw new PdfError("a table has no trailer");
        return { found, dict };
    }

    /** @param {number} at @returns {{found: Map<number, Place | undefined>, dict: Dict}} */
    #streamAt(at) {
        const head = this.#match(HEAD, at);
        const stream = head && this.#objectAt(head.end);
        const { PDFRawStream, PDFArray, PDFNumber } = this.library;
        if (!(stream instanceof PDFRawStream)) throw new PdfError("there is no table");
        const { dict } = stream;
        const numbers = (/** @type {string} */ key) => {
            const held = dict.get(this.#name(key));
            if (!(held instanceof PDFArray)) return undefined;
            return held.asArray().map((one) => (one instanceof PDFNumber ? one.asNumber() : NaN));
        };
        const widths = numbers("W") ?? [];
        const size = this.#number(dict, "Size") ?? 0;
        const index = numbers("Index") ?? [0, size];
        if (widths.length !== 3 || !widths.every((one) => one >= 0 && one <= 8))
            throw new PdfError("a table is none");
        return { found: entriesOf(unpacked(stream, this.library), widths, index), dict };
    }

    /** @param {number} number @returns {PdfObject | undefined} */
    #load(number) {
        const place = this.places?.get(number);
        if (!place) return undefined;
        const ref = this.library.PDFRef.of(
            number,
            place.holder === undefined ? place.generation : 0,
        );
        const known = this.context.lookup(ref);
        if (known) return known;
        try {
            const found =
                place.holder === undefined ? this.#plain(number, place) : this.#inStream(place);
            if (found) this.context.assign(ref, found);
            return found;
        } catch (error) {
            if (error instanceof RangeError) throw error; // a stack that overflows
            this.broken.add(number);
            return undefined;
        }
    }

    /** @param {number} number @param {Place} place @returns {PdfObject} */
    #plain(number, { at, generation }) {
        const head = this.#match(HEAD, at);
        const isIt = Number(head?.found[1]) === number && Number(head?.found[2]) === generation;
        if (!head || !isIt) throw new PdfError(`object ${number} is not where the table says`);
        return this.#objectAt(head.end);
    }

    /** @param {Place} place @returns {PdfObject | undefined} */
    #inStream({ at, holder = 0 }) {
        let objects = this.packed.get(holder);
        if (!objects) {
            const stream = this.places?.get(holder)?.holder === undefined && this.#load(holder);
            if (!(stream instanceof this.library.PDFRawStream)) throw new PdfError("no stream");
            objects = this.#objectsOf(stream);
            this.packed.set(holder, objects);
        }
        return objects[at];
    }

    /** @param {Stream} stream @returns {PdfObject[]} */
    #objectsOf(stream) {
        const content = unpacked(stream, this.library);
        const count = this.#number(stream.dict, "N") ?? 0;
        const first = this.#number(stream.dict, "First") ?? 0;
        if (count > OBJECTS_MAX) throw new PdfError("too many objects");
        const numbers = asText(content.subarray(0, first)).trim().split(/\s+/).map(Number);
        return Array.from({ length: count }, (_, at) => {
            const start = first + (numbers[2 * at + 1] ?? NaN);
            return this.#parser(content.subarray(start)).parseObject();
        });
    }

    /** @param {number} at @returns {PdfObject} a stream has exactly its bytes */
    #objectAt(at) {
        const parser = this.#parser(this.bytes.subarray(at));
        parser.skipWhitespaceAndComments();
        if (!this.text.startsWith("<<", at + parser.bytes.offset())) return parser.parseObject();
        const dict = parser.parseDict();
        parser.skipWhitespaceAndComments();
        const start = this.#match(STREAM, at + parser.bytes.offset())?.end;
        if (start === undefined) return dict;
        const end = start + (this.#lengthOf(dict) ?? NaN);
        if (!(end <= this.bytes.length) || !this.#match(STREAM_END, end))
            throw new PdfError("a stream has another length");
        return this.library.PDFRawStream.of(dict, this.bytes.subarray(start, end));
    }

    /** @param {Dict} dict @returns {number | undefined} */
    #lengthOf(dict) {
        const held = dict.get(this.#name("Length"));
        const { PDFNumber, PDFRef } = this.library;
        const said = held instanceof PDFRef ? this.#load(held.objectNumber) : held;
        return said instanceof PDFNumber ? said.asNumber() : undefined;
    }

    /** @param {Uint8Array} bytes @returns {any} its parts have no types */
    #parser(bytes) {
        return this.library.PDFObjectParser.forBytes(bytes, this.context);
    }

    /** @param {RegExp} pattern sticky @param {number} at */
    #match(pattern, at) {
        pattern.lastIndex = at;
        const found = pattern.exec(this.text);
        return found ? { found, end: pattern.lastIndex } : undefined;
    }
}

/**
 * @param {Uint8Array} data
 * @param {number[]} widths of the three columns
 * @param {number[]} index pairs of first number and count
 * @returns {Map<number, Place | undefined>}
 */
function entriesOf(data, widths, index) {
    const [one = 0, two = 0, three = 0] = widths;
    /** @type {Map<number, Place | undefined>} */
    const found = new Map();
    let at = 0;
    const column = (/** @type {number} */ width) => {
        let value = 0;
        for (const end = at + width; at < end; at += 1) value = value * 256 + (data[at] ?? NaN);
        return value;
    };
    for (let part = 0; part + 1 < index.length; part += 2) {
        const [first = 0, count = 0] = index.slice(part, part + 2);
        if (!(count <= OBJECTS_MAX)) throw new PdfError("too many objects");
        for (let number = first; number < first + count; number += 1) {
            const kind = one === 0 ? 1 : column(one);
            const [second, third] = [column(two), column(three)];
            if (Number.isNaN(kind + second + third)) throw new PdfError("a table is too short");
            if (kind === 2) found.set(number, { at: third, generation: 0, holder: second });
            else if (kind === 1 && number > 0) found.set(number, { at: second, generation: third });
            else found.set(number, undefined);
        }
    }
    return found;
}

/**
 * @param {Stream} stream
 * @param {Library} library
 * @param {number} [most] bytes
 * @returns {Uint8Array} its bytes, unpacked
 * @throws {SwollenError} there are more
 * @throws {PdfError} it can't be unpacked
 */
export function unpacked(stream, library, most = UNPACKED_MAX) {
    if (stream.contents.length === 0) return new Uint8Array(); // as blank pages have it
    const parts = [];
    let total = 0;
    try {
        const source = library.decodePDFRawStream(stream);
        for (;;) {
            const part = source.getBytes(UNPACKED_AT_ONCE);
            if (part.length === 0) break;
            total += part.length;
            if (total > most) throw new SwollenError("a stream swells");
            parts.push(Uint8Array.from(part));
        }
    } catch (error) {
        if (error instanceof SwollenError) throw error;
        throw new PdfError("a stream can't be unpacked", { cause: error });
    }
    return unpredicted(joined(...parts), stream.dict, library);
}

/**
 * Undoes what PNG does to rows before they are packed (ISO 32000-1 §7.4.4.4).
 * @param {Uint8Array} data
 * @param {Dict} dict of its stream
 * @param {Library} library
 * @returns {Uint8Array}
 */
function unpredicted(data, dict, { PDFName, PDFDict, PDFArray, PDFNumber }) {
    const held = dict.lookup(PDFName.of("DecodeParms"));
    const how = held instanceof PDFArray && held.size() === 1 ? held.lookup(0) : held;
    if (!(how instanceof PDFDict)) return data;
    const said = (/** @type {string} */ key, /** @type {number} */ otherwise) => {
        const value = how.lookup(PDFName.of(key));
        return value instanceof PDFNumber ? value.asNumber() : otherwise;
    };
    if (said("Predictor", 1) === 1) return data;
    if (said("Predictor", 1) < 10) throw new PdfError("a stream is packed in a way not known here");
    const bits = said("Colors", 1) * said("BitsPerComponent", 8);
    return unfiltered(data, Math.ceil((bits * said("Columns", 1)) / 8), Math.ceil(bits / 8));
}

/**
 * @param {Uint8Array} data rows, each behind the number of its filter
 * @param {number} width bytes of a row
 * @param {number} step bytes of a pixel
 * @returns {Uint8Array} the rows
 */
function unfiltered(data, width, step) {
    if (!(width > 0 && step > 0)) throw new PdfError("a stream has no rows");
    const rows = Math.ceil(data.length / (width + 1));
    const out = new Uint8Array(rows * width);
    for (let row = 0; row < rows; row += 1) {
        const filter = data[row * (width + 1)] ?? 0;
        for (let at = 0; at < width; at += 1) {
            const here = row * width + at;
            const left = at >= step ? (out[here - step] ?? 0) : 0;
            const up = row > 0 ? (out[here - width] ?? 0) : 0;
            const corner = row > 0 && at >= step ? (out[here - width - step] ?? 0) : 0;
            const raw = data[row * (width + 1) + 1 + at] ?? 0;
            out[here] = raw + guessed(filter, left, up, corner);
        }
    }
    return out;
}

/** @param {number} filter @param {number} left @param {number} up @param {number} corner */
function guessed(filter, left, up, corner) {
    if (filter === 0) return 0;
    if (filter === 1) return left;
    if (filter === 2) return up;
    if (filter === 3) return (left + up) >> 1;
    if (filter !== 4) throw new PdfError("a row has no filter");
    const guess = left + up - corner;
    const far = [left, up, corner].map((one) => Math.abs(guess - one));
    const [toLeft = 0, toUp = 0, toCorner = 0] = far;
    if (toLeft <= toUp && toLeft <= toCorner) return left;
    return toUp <= toCorner ? up : corner;
}
