/**
 * The revisions that signing adds to a file, as `veche.documents.pdf.signing` makes them: boxes, a
 * signature with its proofs, a closing stamp; the same bytes. Pure.
 *
 * @typedef {import("../signatures/digests.js").Hash} Hash
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./appearance.js").Look} Look
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} PdfFile
 * @property {Bytes} bytes
 * @property {PdfDocument} document of these bytes
 *
 * @typedef {object} Box where a signer's field is
 * @property {string} field its name, unique in the file
 * @property {number} page from 0
 * @property {[number, number, number, number]} corners left, bottom, right, top, in points
 *   of the page's own coordinates
 * @property {number} [turn] by how many degrees its page is shown turned: what it shows is turned back
 *
 * @typedef {object} Proofs validation data, DER each
 * @property {Bytes[]} certificates chains up to the roots, with the roots
 * @property {Bytes[]} lists
 *
 * @typedef {object} Prepared a revision with a hole for the signature
 * @property {Bytes} data what is appended to the file
 * @property {Bytes} digest SHA-256 of the file with it, without the hole: what is signed
 * @property {[number, number]} hole where the hexadecimal digits begin and end in `data`
 */
import { SHA256, digestBy } from "../signatures/digests.js";
import { isAnswer } from "../signatures/proofs.js";
import { hex } from "../verify/bytes.js";
import {
    linesOf,
    pdfDate,
    picture,
    pictureEntries,
    reasonOf,
    sizeOf,
    turnOf,
} from "./appearance.js";
import { PdfDocument } from "./document.js";
import { Increment, references } from "./increment.js";
import { RESOURCE, canShow, laidLetters, layLetters, readLetters } from "./letters.js";
import { pageNumber } from "./tree.js";
import {
    PdfError,
    array,
    asBytes,
    asText,
    dictionary,
    isReference,
    isSame,
    reference,
    referred,
    stringText,
    text,
} from "./values.js";

const FIELDS_MAX = 1000;
/** Room for a signature with its time stamp and two certificates. */
export const SIGNATURE_BYTES_MAX = 5000;
export const STAMP_BYTES_MAX = 2500;

const SIGNATURE = "/ETSI.CAdES.detached";
const STAMP = "/ETSI.RFC3161";
const PRINTED_AND_LOCKED = "132";
const APPEND_ONLY = "3";
const PLACE_DIGITS = 10;

/** @returns {PdfDictionary} that only forms may change after it */
function certifies() {
    return new Map(
        /** @type {[string, Value][]} */ ([
            ["/Type", "/SigRef"],
            ["/TransformMethod", "/DocMDP"],
            [
                "/TransformParams",
                new Map([
                    ["/Type", "/TransformParams"],
                    ["/P", "2"],
                    ["/V", "/1.2"],
                ]),
            ],
        ]),
    );
}

/** @param {Bytes} bytes @returns {PdfFile} @throws {PdfError} it is outside the sealed profile */
export function openFile(bytes) {
    return { bytes, document: new PdfDocument(asText(bytes)) };
}

/**
 * @param {Prepared} prepared
 * @param {Bytes} signature CMS, or a time stamp; DER
 * @returns {Bytes} the revision with the signature in its place
 * @throws {RangeError} it is larger than the hole
 */
export function filled({ data, hole: [start, end] }, signature) {
    const digits = hex(signature);
    if (digits.length > end - start) throw new RangeError("the signature is larger than its room");
    const whole = data.slice();
    whole.set(asBytes(digits), start);
    return whole;
}

/**
 * @param {PdfFile} file
 * @param {Box[]} boxes
 * @param {import("./letters.js").Known} [known] the font in which signatures are shown, laid too
 * @returns {Bytes} the revision with an empty field for each signer, before anybody signs
 * @throws {PdfError} a page is not there, a field's name is taken, or there are too many
 */
export function layBoxes({ document }, boxes, known) {
    const increment = new Increment(document);
    const [formNumber, form] = formOf(document, increment);
    const fields = array(document.resolve(form.get("/Fields") ?? []), "/Fields");
    const taken = new Set(fieldsOf(document, fields).map(({ name }) => name));
    if (fields.length + boxes.length > FIELDS_MAX) throw new PdfError("too many fields");
    /** @type {Map<number, number[]>} */
    const laid = new Map();
    for (const { field, page: index, corners, turn } of boxes) {
        if (taken.has(field)) throw new PdfError(`the file has a field ${field} already`);
        taken.add(field);
        const page = pageNumber(document, index);
        const number = increment.add(fieldFor(field, page, corners, turn));
        laid.set(page, [...(laid.get(page) ?? []), number]);
    }
    for (const [page, numbers] of laid) annotate(document, increment, page, numbers);
    const added = [...laid.values()].flat();
    const whole = filledForm(form, [...fields, ...references(added)]);
    increment.put(formNumber, known ? withLetters(document, increment, whole, known) : whole);
    return asBytes(increment.write().data);
}

/**
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @param {PdfDictionary} form
 * @param {import("./letters.js").Known} known
 * @returns {PdfDictionary} the form with the font of signatures among its resources
 */
export function withLetters(document, increment, form, known) {
    if (laidLetters(form, (value) => document.resolve(value)) !== undefined)
        throw new PdfError("the file has the font of signatures already");
    const held = dictionary(document.resolve(form.get("/DR") ?? new Map()), "/DR");
    const fonts = dictionary(document.resolve(held.get("/Font") ?? new Map()), "/Font");
    const font = reference(layLetters(increment, known));
    const longer = new Map([...fonts, [RESOURCE, font]]);
    return new Map([...form, ["/DR", new Map([...held, ["/Font", longer]])]]);
}

/**
 * The revision in which somebody signs in an empty field. The first one certifies the file.
 * @param {PdfFile} file
 * @param {string} field its name
 * @param {Proofs} proofs of the signer's certificate, the authorities', and the time stamp's
 * @param {string} signer name for readers that show it without the certificate
 * @param {number} nowMs what readers show besides the time of the stamp, UTC
 * @param {Look} [look] what is shown in the box with the signer and the time; none: nothing is
 * @param {boolean} [isNew] whether the field is made in this revision, and shows nothing
 * @param {number} [room] for the signature with its certificates and its stamp
 * @returns {Promise<Prepared>}
 * @throws {PdfError} there is no such field, it is signed already, or it can't show a signature; or
 *   one that is to be made is there
 */
export async function prepareSignature(
    file,
    field,
    proofs,
    signer,
    nowMs,
    look,
    isNew = false,
    room = SIGNATURE_BYTES_MAX,
) {
    const { document } = file;
    const increment = new Increment(document);
    const signature = increment.reserve();
    const number = isNew ? 0 : emptyField(document, field);
    /** @type {PdfDictionary} */
    const value = new Map([
        ["/Type", "/Sig"],
        ["/Name", text(signer)],
        ["/M", pdfDate(nowMs)],
    ]);
    if (look) value.set("/Reason", text(reasonOf(look)));
    if (!isSigned(document)) {
        const permissions = new Map([["/DocMDP", reference(signature)]]);
        setInCatalog(document, increment, "/Perms", permissions);
        value.set("/Reference", [certifies()]);
    }
    if (isNew) addInvisible(document, increment, field, signature);
    putStore(document, increment, proofs);
    if (isNew) return withHole(file, increment, signature, [value, SIGNATURE, room]);
    const held = document.dictionary(number, "a field");
    const signed = new Map([...held, ["/V", reference(signature)]]);
    if (look) {
        if (held.has("/AP")) throw new PdfError(`the field ${field} shows something already`);
        const drawn = await draw(document, increment, held, value);
        signed.set("/AP", new Map([["/N", reference(drawn)]]));
    }
    increment.put(number, signed);
    return withHole(file, increment, signature, [value, SIGNATURE, room]);
}

/**
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @param {PdfDictionary} box
 * @param {PdfDictionary} signature
 * @returns {Promise<number>} of the picture of the signature
 */
async function draw(document, increment, box, signature) {
    const { font, letters } = await lettersOf(document);
    const turn = turnOf(box);
    const size = sizeOf(box.get("/Rect"), turn);
    const content = picture(size, linesOf(signature), letters);
    return increment.addStream(content, pictureEntries(size, font, turn));
}

/**
 * @param {PdfDocument} document
 * @returns {Promise<{font: number, letters: import("./letters.js").Letters}>}
 * @throws {PdfError} the font of signatures was not laid
 */
async function lettersOf(document) {
    const catalog = document.dictionary(document.root, "the catalog");
    const form = dictionary(document.resolve(catalog.get("/AcroForm")), "/AcroForm");
    const laid = laidLetters(form, (value) => document.resolve(value));
    const font = referred(laid, "the font of signatures in /DR");
    return { font, letters: await readLetters(font, document.pdf, (one) => document.object(one)) };
}

/**
 * @param {PdfFile} file
 * @param {string} field
 * @param {string[]} texts name, role, level
 * @returns {Promise<boolean>} whether they can be shown in the box
 */
export async function canBeShown({ document }, field, texts) {
    try {
        const { letters } = await lettersOf(document);
        const box = document.dictionary(emptyField(document, field), "a field");
        sizeOf(box.get("/Rect"), turnOf(box));
        return texts.every((one) => canShow(letters, one));
    } catch (error) {
        if (error instanceof PdfError) return false;
        throw error;
    }
}

/**
 * The revision with a document time stamp: closes the tail, and later renews it.
 * @param {PdfFile} file
 * @param {string} field name for the stamp's field, not in the file yet
 * @param {Proofs} proofs that were not known when the signers signed
 * @param {Hash} [by] the hash of what is stamped
 * @param {number} [room] for the stamp with its certificates
 * @returns {Promise<Prepared>}
 * @throws {PdfError} the field's name is taken
 */
export async function prepareClosing(file, field, proofs, by = SHA256, room = STAMP_BYTES_MAX) {
    const { document } = file;
    const increment = new Increment(document);
    const stamp = increment.reserve();
    addInvisible(document, increment, field, stamp);
    if (proofs.certificates.length > 0 || proofs.lists.length > 0)
        putStore(document, increment, proofs);
    const value = new Map([["/Type", "/DocTimeStamp"]]);
    return withHole(file, increment, stamp, [value, STAMP, room], by);
}

/**
 * Adds a field that shows nothing, with the signature that it has.
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @param {string} field
 * @param {number} signature
 */
function addInvisible(document, increment, field, signature) {
    const [formNumber, form] = formOf(document, increment);
    const fields = array(document.resolve(form.get("/Fields") ?? []), "/Fields");
    if (fieldsOf(document, fields).some(({ name }) => name === field))
        throw new PdfError(`the file has a field ${field} already`);
    const page = pageNumber(document, 0);
    const widget = fieldFor(field, page, [0, 0, 0, 0]);
    const number = increment.add(new Map([...widget, ["/V", reference(signature)]]));
    annotate(document, increment, page, [number]);
    increment.put(formNumber, filledForm(form, [...fields, reference(number)]));
}

/** @param {PdfDocument} document @returns {{name: string, number: number}[]} at the form's top */
export function formFields(document) {
    const catalog = document.dictionary(document.root, "the catalog");
    const form = document.resolve(catalog.get("/AcroForm"));
    if (form === undefined) return [];
    const fields = dictionary(form, "/AcroForm").get("/Fields") ?? [];
    return fieldsOf(document, array(document.resolve(fields), "/Fields"));
}

/** @param {PdfDocument} document @returns {boolean} whether a field of the form has a signature */
export function isSigned(document) {
    return formFields(document).some(({ number }) => {
        const held = document.dictionary(number, "a field");
        return held.has("/V") && held.get("/FT") === "/Sig";
    });
}

/** @param {PdfDocument} document @param {Value[]} fields */
function fieldsOf(document, fields) {
    return fields.map((one) => {
        const number = referred(one, "a field");
        const held = document.dictionary(number, "a field");
        return { name: stringText(held.get("/T"), "the name of a field"), number };
    });
}

/**
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @returns {[number, PdfDictionary]} the form's object, made if there is none of its own, and form
 */
export function formOf(document, increment) {
    const held = document.dictionary(document.root, "the catalog").get("/AcroForm");
    if (isReference(held)) {
        const number = referred(held, "/AcroForm");
        return [number, document.dictionary(number, "/AcroForm")];
    }
    const number = increment.reserve();
    setInCatalog(document, increment, "/AcroForm", reference(number));
    return [number, held === undefined ? new Map() : dictionary(held, "/AcroForm")];
}

/** @param {PdfDictionary} form @param {Value[]} fields @returns {PdfDictionary} with them */
export function filledForm(form, fields) {
    return new Map([...form, ["/Fields", fields], ["/SigFlags", APPEND_ONLY]]);
}

/**
 * @param {string} name
 * @param {number} page
 * @param {[number, number, number, number]} corners
 * @param {number} [turn]
 * @returns {PdfDictionary}
 */
function fieldFor(name, page, corners, turn) {
    return new Map(
        /** @type {[string, Value][]} */ ([
            ["/Type", "/Annot"],
            ["/Subtype", "/Widget"],
            ["/FT", "/Sig"],
            ["/T", text(name)],
            ["/F", PRINTED_AND_LOCKED],
            ["/Rect", corners.map(real)],
            ...(turn ? [["/MK", new Map([["/R", String(turn)]])]] : []),
            ["/P", reference(page)],
        ]),
    );
}

/** @param {number} number @returns {string} with two digits at most; a half goes to the even one */
function real(number) {
    const isHalf = Number.isInteger(number * 8) && !Number.isInteger(number * 4);
    const below = Math.floor(number * 100);
    const even = (below + Math.abs(below % 2)) / 100;
    return (isHalf ? even : number).toFixed(2).replace(/\.?0+$/, "");
}

/**
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @param {number} page
 * @param {number[]} numbers of fields on it
 */
function annotate(document, increment, page, numbers) {
    const held = document.dictionary(page, "a page");
    const notes = held.get("/Annots") ?? [];
    if (isReference(notes)) {
        const number = referred(notes, "/Annots");
        const there = array(document.object(number).value, "/Annots");
        increment.put(number, [...there, ...references(numbers)]);
    } else {
        const there = array(notes, "/Annots");
        const longer = [...there, ...references(numbers)];
        increment.put(page, new Map([...held, ["/Annots", longer]]));
    }
}

/** @param {PdfDocument} document @param {string} name @returns {number} */
function emptyField(document, name) {
    const found = formFields(document).find((one) => one.name === name);
    if (!found) throw new PdfError(`there is no field ${name}`);
    const held = document.dictionary(found.number, "a field");
    if (held.get("/FT") !== "/Sig") throw new PdfError(`the field ${name} is none for a signature`);
    if (held.has("/V")) throw new PdfError(`the field ${name} is signed already`);
    return found.number;
}

/**
 * @param {PdfDocument} document
 * @param {Increment} increment
 * @param {string} key
 * @param {Value} value
 */
function setInCatalog(document, increment, key, value) {
    const catalog = increment.dictionary(document.root, "the catalog");
    if (!isSame(catalog.get(key), value))
        increment.put(document.root, new Map([...catalog, [key, value]]));
}

/** @param {PdfDocument} document @param {Increment} increment @param {Proofs} proofs */
function putStore(document, increment, proofs) {
    const held = document.dictionary(document.root, "the catalog").get("/DSS");
    const number = held === undefined ? increment.reserve() : referred(held, "/DSS");
    /** @type {PdfDictionary} */
    const store = new Map(held === undefined ? [] : document.dictionary(number, "/DSS"));
    const answers = proofs.lists.filter(isAnswer);
    for (const [key, wanted] of /** @type {[string, Bytes[]][]} */ ([
        ["/Certs", proofs.certificates],
        ["/CRLs", proofs.lists.filter((one) => !isAnswer(one))],
        ...(answers.length > 0 ? [["/OCSPs", answers]] : []),
    ])) {
        const there = array(document.resolve(store.get(key) ?? []), key);
        const known = new Set(stored(document, key).map(asText));
        const added = [...new Set(wanted.map(asText))].filter((one) => !known.has(one));
        const numbers = added.map((one) => increment.addStream(one));
        store.set(key, [...there, ...references(numbers)]);
    }
    increment.put(number, store);
    setInCatalog(document, increment, "/DSS", reference(number));
}

/**
 * @param {PdfDocument} document
 * @param {"/Certs" | "/CRLs" | string} key
 * @returns {Bytes[]} what the document security store has
 * @throws {PdfError} it is not of the form that we read
 */
export function stored(document, key) {
    const held = document.dictionary(document.root, "the catalog").get("/DSS");
    if (held === undefined) return [];
    const store = dictionary(document.resolve(held), "/DSS");
    return array(document.resolve(store.get(key) ?? []), key).map((one) => {
        const { data, value } = document.object(referred(one, "a proof"));
        if (!data || dictionary(value, "a stream").has("/Filter"))
            throw new PdfError("the security store has what is no plain stream");
        return asBytes(document.pdf.slice(...data));
    });
}

/** @param {[number, number, number]} places */
function byteRange(places) {
    return `[0 ${places.map((one) => String(one).padEnd(PLACE_DIGITS)).join(" ")}]`;
}

/**
 * Finishes the revision: the hole is where `/Contents` is, the range is all but the hole.
 * @param {PdfFile} file
 * @param {Increment} increment
 * @param {number} number
 * @param {[PdfDictionary, string, number]} signature entries, kind, bytes of room
 * @param {Hash} [by]
 * @returns {Promise<Prepared>}
 */
async function withHole({ bytes }, increment, number, [entries, kind, size], by = SHA256) {
    const hole = `<${"0".repeat(2 * size)}>`;
    const unknown = byteRange([0, 0, 0]);
    increment.put(
        number,
        new Map([
            ...entries,
            ["/Filter", "/Adobe.PPKLite"],
            ["/SubFilter", kind],
            ["/ByteRange", unknown],
            ["/Contents", hole],
        ]),
    );
    const { data: written, places } = increment.write();
    const place = places.get(number);
    const start = written.indexOf(hole, place);
    const end = start + hole.length;
    const base = bytes.length;
    const known = byteRange([base + start, base + end, written.length - end]);
    const at = written.indexOf(unknown, place);
    const data = asBytes(written.slice(0, at) + known + written.slice(at + known.length));
    const digest = await digestBy(by, bytes, data.subarray(0, start), data.subarray(end));
    return { data, digest, hole: [start + 1, end - 1] };
}
