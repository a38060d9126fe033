/**
 * A PDF file as its revisions, as `veche.documents.pdf.document` and `structure` read it. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 *
 * @typedef {object} PdfObject
 * @property {number} number
 * @property {number} start
 * @property {number} end after `endobj`
 * @property {Value} value of a stream its dictionary
 * @property {[number, number]} [data] where a stream's bytes begin and end
 * @property {number} values how many it has
 *
 * @typedef {object} Section
 * @property {number} table where its table begins
 * @property {Map<number, number>} offsets
 * @property {PdfDictionary} trailer
 * @property {number} markerEnd after `%%EOF`
 * @property {number} end after the end of that line
 *
 * @typedef {object} Revision all of its bytes are accounted for
 * @property {Map<number, PdfObject>} objects
 * @property {[number, number]} ends
 */
import {
    PdfError,
    VALUES_MAX,
    dictionary,
    isSame,
    natural,
    readValue,
    referred,
} from "./values.js";

const FILE_BYTES_MAX = 100 * 1024 * 1024;
const REVISIONS_MAX = 500;
const OBJECTS_MAX = 500_000;
const TRAILER_VALUES_MAX = 1000;
const LAST_BYTES = 64;

const HEADER = /%PDF-1\.[3-7]\r?\n(?:%[^\r\n]{1,80}\r?\n)?/y;
const LAST = /startxref\r?\n(\d{1,10})\r?\n%%EOF(?:\r\n|\r|\n)?$/;
const TABLE = /xref *(?:\r\n|\r|\n)/y;
const SUBSECTION = /(\d{1,10}) (\d{1,10}) *(?:\r\n|\r|\n)/y;
const ENTRY = /(\d{10}) (\d{5}) ([nf])(?: \n| \r|\r\n)/y;
const TRAILER = /trailer[ \r\n\t]*(?=<<)/y;
const TAIL = /[ \r\n\t]*startxref\r?\n(\d{1,10})\r?\n%%EOF/y;
const OBJECT = /(\d{1,10}) 0 obj(?=[ \r\n\t<[/(])/y;
const END_OF_OBJECT = /[ \r\n\t]*endobj(?=[ \r\n\t]|$)/y;
const STREAM = /[ \r\n\t]*stream\r?\n/y;
const END_OF_STREAM = /(?:\r\n|\r|\n)?endstream(?=[ \r\n\t])/y;
const NEWLINE = /(?:\r\n|\r|\n)?/y;
const SPACE = /[ \r\n\t]*/y;
const ANY_OBJECT = /\d[ \r\n\t\0\f]+\d{1,5}[ \r\n\t\0\f]+obj/g;
/** Largest `/Size`: objects with larger numbers are missing to some readers (ISO 32000-1, Annex C). */
const SIZE_MAX = 8_388_607;
/** @type {Set<unknown>} */
const TABLES = new Set(["/XRef", "/ObjStm"]);
const TRAILER_KEYS = new Set(["/Size", "/Root", "/Info", "/ID", "/Prev"]);

/**
 * @param {RegExp} pattern sticky
 * @param {string} pdf
 * @param {number} at
 * @param {number} end
 */
function match(pattern, pdf, at, end) {
    pattern.lastIndex = at;
    const found = pattern.exec(pdf);
    return found && pattern.lastIndex <= end ? { found, end: pattern.lastIndex } : undefined;
}

export class PdfDocument {
    /** @param {string} pdf a character a byte @throws {PdfError} it is outside the sealed profile */
    constructor(pdf) {
        this.pdf = pdf;
        if (pdf.length > FILE_BYTES_MAX) throw new PdfError("the file is too large");
        const header = match(HEADER, pdf, 0, pdf.length);
        if (!header) throw new PdfError("the file does not begin with the header");
        this.headerEnd = header.end;
        this.sections = sectionsOf(pdf);
        /** @type {Map<number, number>} */
        this.offsets = new Map();
        for (const { offsets } of this.sections)
            for (const [number, offset] of offsets) this.offsets.set(number, offset);
        /** @type {Map<number, PdfObject>} */
        this.read = new Map();
    }

    get last() {
        return /** @type {Section} */ (this.sections.at(-1));
    }

    get root() {
        return referred(this.last.trailer.get("/Root"), "/Root");
    }

    /** One more than the largest number of an object. */
    get size() {
        return natural(this.last.trailer.get("/Size"), "/Size");
    }

    /** @param {number} number @param {string} what @returns {PdfDictionary} that the object is */
    dictionary(number, what) {
        return dictionary(this.object(number).value, what);
    }

    /** @param {number} number @returns {PdfObject} as the last revision has it */
    object(number) {
        const known = this.read.get(number);
        if (known) return known;
        const offset = this.offsets.get(number);
        if (offset === undefined) throw new PdfError(`there is no object ${number}`);
        const one = readObject(this.pdf, offset, this.pdf.length, number);
        this.read.set(number, one);
        return one;
    }

    /** @param {Value | undefined} value @returns {Value | undefined} it, or what it refers to */
    resolve(value) {
        if (typeof value === "string" && value.endsWith("R"))
            return this.object(referred(value, "a reference")).value;
        return value;
    }
}

/**
 * @param {string} pdf
 * @param {number} at
 * @param {number} end
 * @param {number} number
 * @param {number} [most] how many values it may have
 * @returns {PdfObject}
 */
function readObject(pdf, at, end, number, most = VALUES_MAX) {
    const head = match(OBJECT, pdf, at, end);
    if (!head || Number(head.found[1]) !== number)
        throw new PdfError(`object ${number} is not where the table says`);
    const [value, valueEnd, values] = readValue(pdf, head.end, end, most);
    let after = valueEnd;
    /** @type {[number, number] | undefined} */
    let data;
    const begun = value instanceof Map ? match(STREAM, pdf, after, end) : undefined;
    if (begun && value instanceof Map) {
        const until = begun.end + natural(value.get("/Length"), "/Length");
        const ended = match(END_OF_STREAM, pdf, until, end);
        if (!ended) throw new PdfError(`the stream of object ${number} has another length`);
        data = [begun.end, until];
        after = ended.end;
    }
    const closed = match(END_OF_OBJECT, pdf, after, end);
    if (!closed) throw new PdfError(`object ${number} does not end after its value`);
    return { number, start: at, end: closed.end, value, data, values };
}

/** @param {string} pdf @returns {Section[]} first to last */
function sectionsOf(pdf) {
    const last = LAST.exec(pdf.slice(-LAST_BYTES));
    if (!last) throw new PdfError("the file does not end as it must");
    /** @type {Section[]} */
    const found = [];
    let [table, count] = [Number(last[1]), 0];
    for (;;) {
        if (found.length === REVISIONS_MAX) throw new PdfError("too many revisions");
        const one = sectionAt(pdf, table, found.at(-1)?.table ?? pdf.length);
        found.push(one);
        count += one.offsets.size;
        if (count > OBJECTS_MAX) throw new PdfError("too many objects");
        const previous = one.trailer.get("/Prev");
        if (previous === undefined) break;
        table = natural(previous, "/Prev");
    }
    if (found[0]?.end !== pdf.length) throw new PdfError("something follows the last revision");
    return found.toReversed();
}

/** @param {string} pdf @param {number} table @param {number} end @returns {Section} */
function sectionAt(pdf, table, end) {
    const begun = match(TABLE, pdf, table, end);
    if (!begun) throw new PdfError("no classic table where a revision says");
    const { offsets, at } = entriesAt(pdf, begun.end, end);
    const head = match(TRAILER, pdf, at, end);
    if (!head) throw new PdfError("no trailer follows a table");
    const [value, after] = readValue(pdf, head.end, end, TRAILER_VALUES_MAX);
    const trailer = dictionary(value, "a trailer");
    const tail = match(TAIL, pdf, after, end);
    if (!tail || Number(tail.found[1]) !== table) throw new PdfError("a revision ends otherwise");
    if (trailer.has("/XRefStm") || trailer.has("/Encrypt"))
        throw new PdfError("the file is encrypted, or has tables of two kinds");
    const newline = match(NEWLINE, pdf, tail.end, end);
    return { table, offsets, trailer, markerEnd: tail.end, end: newline?.end ?? tail.end };
}

/** @param {string} pdf @param {number} start @param {number} end */
function entriesAt(pdf, start, end) {
    /** @type {Map<number, number>} */
    const offsets = new Map();
    let at = start;
    for (let part = match(SUBSECTION, pdf, at, end); part; part = match(SUBSECTION, pdf, at, end)) {
        at = part.end;
        const [first, count] = [Number(part.found[1]), Number(part.found[2])];
        if (count > OBJECTS_MAX) throw new PdfError("too many objects");
        for (let number = first; number < first + count; number += 1) {
            const entry = match(ENTRY, pdf, at, end);
            if (!entry) throw new PdfError("an entry of a table is not 20 bytes");
            at = entry.end;
            if (entry.found[3] === "f") {
                if (number !== 0) throw new PdfError(`object ${number} is freed`);
            } else if (offsets.has(number) || Number(entry.found[2]) || number === 0)
                throw new PdfError(`object ${number} is listed twice, or has a generation`);
            else offsets.set(number, Number(entry.found[1]));
        }
    }
    return { offsets, at };
}

/**
 * @param {PdfDocument} document
 * @returns {Revision[]} first to last
 * @throws {PdfError} a byte is left over, or a table or a trailer does not say what is there
 */
export function revisionsOf(document) {
    const { pdf } = document;
    /** @type {Revision[]} */
    const found = [];
    let [at, left, largest] = [document.headerEnd, VALUES_MAX, 0];
    for (const section of document.sections) {
        for (const number of section.offsets.keys()) largest = Math.max(largest, number);
        checkTrailer(document, section, largest);
        const objects = objectsOf(pdf, section, at, left);
        for (const one of objects.values()) left -= one.values;
        if (found.length > 0) checkHidden(pdf, at, section.table, objects.size);
        found.push({ objects, ends: [section.markerEnd, section.end] });
        at = section.markerEnd;
    }
    return found;
}

/**
 * An object whose number is not below its `/Size` is missing to some readers, also one of an earlier
 * revision (ISO 32000-1 §7.5.5): what it covered would be seen.
 * @param {PdfDocument} document
 * @param {Section} section
 * @param {number} largest number of an object up to there
 */
function checkTrailer(document, section, largest) {
    const { trailer } = section;
    if (!isSame(trailer.get("/Root"), document.last.trailer.get("/Root")))
        throw new PdfError("the trailers do not name one catalog");
    const size = natural(trailer.get("/Size"), "/Size");
    if (size <= largest || size > SIZE_MAX) throw new PdfError("/Size is too small, or too large");
    if ([...trailer.keys()].some((key) => !TRAILER_KEYS.has(key)))
        throw new PdfError("a trailer has what does not belong to it");
}

/**
 * No object says where objects are: some readers look there first. A linearised file of its whole length is
 * read by the table after its first object (ISO 32000-1, Annex F), and the tables of others are streams.
 * @param {PdfObject} one
 */
function checkTables({ data, value }) {
    if (!(value instanceof Map)) return;
    const isTable = data !== undefined && TABLES.has(value.get("/Type"));
    if (isTable || value.has("/Linearized")) throw new PdfError("an object says where others are");
}

/** @param {string} pdf @param {Section} section @param {number} start @param {number} most values */
function objectsOf(pdf, section, start, most) {
    const places = [...section.offsets].map(([number, offset]) => ({ number, offset }));
    places.sort((one, other) => one.offset - other.offset || one.number - other.number);
    /** @type {Map<number, PdfObject>} */
    const found = new Map();
    let [at, left] = [start, most];
    for (const [index, { number, offset }] of places.entries()) {
        checkSpace(pdf, at, offset);
        const end = places[index + 1]?.offset ?? section.table;
        const one = readObject(pdf, offset, end, number, left);
        checkTables(one);
        found.set(number, one);
        at = one.end;
        left -= one.values;
    }
    checkSpace(pdf, at, section.table);
    return found;
}

/** @param {string} pdf @param {number} at @param {number} end */
function checkSpace(pdf, at, end) {
    SPACE.lastIndex = at;
    SPACE.exec(pdf);
    if (at > end || SPACE.lastIndex < end) throw new PdfError("bytes that belong to nothing");
}

/** @param {string} pdf @param {number} at @param {number} end @param {number} count */
function checkHidden(pdf, at, end, count) {
    let found = 0;
    for (const _ of pdf.slice(at, end).matchAll(ANY_OBJECT)) if (++found > count) break;
    if (found !== count) throw new PdfError("a later revision hides an object within another");
}
