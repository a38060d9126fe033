/**
 * A revision in the making, as `veche.documents.pdf.increment` makes it: the same bytes. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./document.js").PdfDocument} PdfDocument
 *
 * @typedef {object} Written a finished revision
 * @property {string} data what is appended to the file, a character a byte
 * @property {Map<number, number>} places where each object begins in `data`
 */
import { dictionary, reference, writeValue } from "./values.js";

const KEPT = ["/Root", "/Info", "/ID"];

/** The next revision of a file. */
export class Increment {
    /** @type {Map<number, Value>} */
    #values = new Map();
    /** @type {Map<number, string>} */
    #streams = new Map();

    /** @param {PdfDocument} document */
    constructor(document) {
        this.document = document;
        this.next = document.size;
        /** @type {number | undefined} number of what the file says of itself, if that is another */
        this.info = undefined;
    }

    /** @param {number} number @param {string} what @returns {PdfDictionary} as it is so far */
    dictionary(number, what) {
        const value = this.#values.get(number);
        return value === undefined
            ? this.document.dictionary(number, what)
            : dictionary(value, what);
    }

    /** @returns {number} of an object that others refer to before it is added */
    reserve() {
        this.next += 1;
        return this.next - 1;
    }

    /** @param {Value} value @returns {number} of the new object */
    add(value) {
        const number = this.reserve();
        this.put(number, value);
        return number;
    }

    /** @param {number} number that exists or was reserved @param {Value} value */
    put(number, value) {
        this.#values.set(number, value);
    }

    /**
     * @param {string} data as it is, not compressed; a character a byte
     * @param {PdfDictionary} [entries]
     * @returns {number} of the new stream
     */
    addStream(data, entries = new Map()) {
        const number = this.reserve();
        const head = writeValue(new Map([...entries, ["/Length", String(data.length)]]));
        this.#streams.set(number, `${head}\nstream\n${data}\nendstream`);
        return number;
    }

    /** @returns {Written} */
    write() {
        const start = this.document.pdf.length;
        const { last } = this.document;
        const parts = [last.end > last.markerEnd ? "" : "\n"];
        /** @type {Map<number, number>} */
        const places = new Map();
        let at = parts[0]?.length ?? 0;
        const bodies = new Map(this.#streams);
        for (const [number, value] of this.#values) bodies.set(number, writeValue(value));
        for (const [number, body] of [...bodies].toSorted(([one], [other]) => one - other)) {
            places.set(number, at);
            const part = `${number} 0 obj\n${body}\nendobj\n`;
            parts.push(part);
            at += part.length;
        }
        parts.push("xref\n", tableOf(places, start), "trailer\n", this.#trailer(last.table));
        parts.push(`\nstartxref\n${start + at}\n%%EOF\n`);
        return { data: parts.join(""), places };
    }

    /** @param {number} previous place of the table before */
    #trailer(previous) {
        const old = this.document.last.trailer;
        /** @type {PdfDictionary} */
        const made = new Map([
            ["/Size", String(this.next)],
            ["/Prev", String(previous)],
        ]);
        for (const key of KEPT) {
            const value = old.get(key);
            if (value !== undefined) made.set(key, value);
        }
        if (this.info !== undefined) made.set("/Info", reference(this.info));
        return writeValue(made);
    }
}

/**
 * @param {Map<number, number>} places by numbers that rise
 * @param {number} start of the revision
 * @returns {string} subsections of consecutive numbers, an entry of 20 bytes each
 */
function tableOf(places, start) {
    const parts = [];
    for (const [number, place] of places) {
        if (!places.has(number - 1)) {
            let count = 1;
            while (places.has(number + count)) count += 1;
            parts.push(`${number} ${count}\n`);
        }
        parts.push(`${String(start + place).padStart(10, "0")} 00000 n \n`);
    }
    return parts.join("");
}

/** @param {number[]} numbers @returns {Value[]} references to objects */
export function references(numbers) {
    return numbers.map(reference);
}
