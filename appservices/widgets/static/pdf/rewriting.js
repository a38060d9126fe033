/**
 * A file written anew in the sealed profile: the catalog, and what it leads to, in one revision with
 * one classic table. What nothing refers to is not written. Pure.
 *
 * @typedef {import("@cantoo/pdf-lib").PDFObject} PdfObject
 * @typedef {import("@cantoo/pdf-lib").PDFRef} Ref
 * @typedef {import("./reading.js").Source} Source
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { hex, joined, sha256 } from "../verify/bytes.js";
import { PdfError, asBytes, reference, writeValue } from "./values.js";

const HEADER = Uint8Array.from([
    ...[...new TextEncoder().encode("%PDF-1.7\n%")],
    ...[0xbf, 0xf7, 0xa2, 0xfe, 0x0a],
]);
/** Of a stream: what a program may draw in place of a picture. */
const OTHER_PICTURES = ["/Alternates", "/OPI", "/Ref"];
const DEPTH_MAX = 60;
const ID_BYTES = 16;
const PLAIN_NAME = /[!-"$&'*-.0-;=?-Z\\^-z|~]/;
const NAME_BYTES_MAX = 127;

/**
 * @param {Source} source
 * @param {PdfDictionary} info what the file says of itself
 * @returns {Promise<Bytes>}
 * @throws {PdfError} something in it is not where it should be, or nested too deep
 */
export async function rewritten(source, info) {
    const root = source.context.trailerInfo.Root;
    if (!(root instanceof source.library.PDFRef)) throw new PdfError("there is no catalog");
    const writer = new Writer(source);
    const catalog = writer.refer(root);
    writer.drain();
    const number = writer.add([writeValue(info)]);
    return writer.finish(catalog, reference(number));
}

class Writer {
    /** @param {Source} source */
    constructor(source) {
        this.source = source;
        /** @type {Map<Ref, number>} new numbers */
        this.numbers = new Map();
        /** @type {Ref[]} to be written */
        this.waiting = [];
        /** @type {Bytes[]} */
        this.parts = [HEADER];
        this.at = HEADER.length;
        /** @type {number[]} places of the objects, the first has number 1 */
        this.places = [];
    }

    /** @param {Ref} ref @returns {string} as it is called in the new file */
    refer(ref) {
        if (this.source.broken.has(ref.objectNumber)) throw new PdfError("an object is damaged");
        let number = this.numbers.get(ref);
        if (number === undefined) {
            number = this.numbers.size + 1;
            this.numbers.set(ref, number);
            this.waiting.push(ref);
        }
        return reference(number);
    }

    /** Writes all that was referred to, and what that refers to, by their numbers. */
    drain() {
        for (let at = 0; at < this.waiting.length; at += 1) {
            const ref = /** @type {Ref} */ (this.waiting[at]);
            this.add(this.#bodyOf(this.source.context.lookup(ref)));
        }
    }

    /** @param {(string | Uint8Array)[]} body @returns {number} */
    add(body) {
        const number = this.places.push(this.at);
        this.#put(`${number} 0 obj\n`, ...body, "\nendobj\n");
        return number;
    }

    /** @param {string} catalog @param {string} info @returns {Promise<Bytes>} */
    async finish(catalog, info) {
        const id = `<${hex((await sha256(...this.parts)).subarray(0, ID_BYTES))}>`;
        const [start, size] = [this.at, this.places.length + 1];
        const rows = this.places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`);
        this.#put(`xref\n0 ${size}\n0000000000 65535 f \n`, ...rows);
        const trailer = new Map(
            /** @type {[string, Value][]} */ ([
                ["/Size", String(size)],
                ["/Root", catalog],
                ["/Info", info],
                ["/ID", [id, id]],
            ]),
        );
        this.#put(`trailer\n${writeValue(trailer)}\nstartxref\n${start}\n%%EOF\n`);
        return joined(...this.parts);
    }

    /** @param {(string | Uint8Array)[]} parts */
    #put(...parts) {
        for (const one of parts) {
            const bytes = typeof one === "string" ? asBytes(one) : one;
            this.parts.push(/** @type {Bytes} */ (bytes));
            this.at += bytes.length;
        }
    }

    /** @param {PdfObject | undefined} object @returns {(string | Uint8Array)[]} */
    #bodyOf(object) {
        const { PDFStream, PDFName } = this.source.library;
        if (!(object instanceof PDFStream)) return [writeValue(this.#value(object, 0))];
        if (object.dict.has(PDFName.of("F"))) throw new PdfError("a stream is in another file");
        const data = object.getContents();
        const head = this.#value(object.dict, 0);
        if (!(head instanceof Map)) throw new PdfError("a stream has no dictionary");
        const entries = new Map([...head, ["/Length", String(data.length)]]);
        for (const key of OTHER_PICTURES) entries.delete(key);
        return [writeValue(entries), "\nstream\n", data, "\nendstream"];
    }

    /** @param {PdfObject | undefined} object @param {number} depth @returns {Value} */
    #value(object, depth) {
        if (depth > DEPTH_MAX) throw new PdfError("too many containers");
        const { PDFDict, PDFArray, PDFRef, PDFName } = this.source.library;
        const { PDFString, PDFHexString, PDFNumber, PDFBool } = this.source.library;
        if (object instanceof PDFDict) {
            const pairs = object.entries().filter(([, one]) => this.#isThere(one));
            return new Map(
                pairs.map(([key, one]) => [nameOf(key.decodeText()), this.#value(one, depth + 1)]),
            );
        }
        if (object instanceof PDFArray)
            return object.asArray().map((one) => this.#value(one, depth + 1));
        if (object instanceof PDFRef) return this.#isThere(object) ? this.refer(object) : "null";
        if (object instanceof PDFName) return nameOf(object.decodeText());
        if (object instanceof PDFString || object instanceof PDFHexString)
            return `<${hex(object.asBytes())}>`;
        if (object instanceof PDFNumber) return numberOf(object.asNumber());
        return object instanceof PDFBool ? String(object.asBoolean()) : "null";
    }

    /** @param {PdfObject} one @returns {boolean} whether it is anything */
    #isThere(one) {
        const { PDFRef, PDFNull } = this.source.library;
        if (one === PDFNull) return false;
        if (!(one instanceof PDFRef) || this.source.broken.has(one.objectNumber)) return true;
        return this.source.context.lookup(one) !== undefined;
    }
}

/** @param {string} decoded a character a byte @returns {string} a name that hides no letter */
function nameOf(decoded) {
    const bytes = [...decoded].map((one) => one.charCodeAt(0));
    if (bytes.length > NAME_BYTES_MAX) throw new PdfError("a name is too long");
    const shown = bytes.map((one) => {
        const letter = String.fromCharCode(one);
        return PLAIN_NAME.test(letter) ? letter : `#${one.toString(16).padStart(2, "0")}`;
    });
    return `/${shown.join("")}`;
}

/** @param {number} value @returns {string} without an exponent */
function numberOf(value) {
    if (!Number.isFinite(value)) throw new PdfError("a number is none");
    if (Number.isInteger(value) && Math.abs(value) < 1e18) return String(BigInt(value));
    const digits = value.toFixed(10).replace(/\.?0+$/, "");
    return digits === "-0" || digits === "" ? "0" : digits;
}
