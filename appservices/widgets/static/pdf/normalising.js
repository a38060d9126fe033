/**
 * An upload is brought into the sealed profile in the browser of who asks for signatures, as
 * `appservices.signing.papers.service.uploads` does it where the service may read: what all readers show
 * alike. A file that is in the profile already stays as it is but for 32 bytes of chance, without
 * which who knows its digest could guess what it says.
 *
 * @typedef {import("./flattening.js").Note} Note
 * @typedef {import("@cantoo/pdf-lib").PDFDict} Dict
 * @typedef {import("./document.js").PdfObject} PdfObject
 * @typedef {import("./reading.js").Source} Source
 * @typedef {import("./reading.js").Library} Library
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {"unreadable" | "not_pdf" | "encrypted" | "xfa" | "signed" | "empty" | "empty_file" |
 *   "too_large"} Reason
 *
 * @typedef {object} Upload a file that can be signed
 * @property {Bytes} pdf
 * @property {number} pages
 * @property {boolean} isKept whether it is the upload but for the salt
 * @property {Note[]} notes what was changed besides the form of the file; remarks
 */
import { hex, joined } from "../verify/bytes.js";
import { PdfDocument, revisionsOf } from "./document.js";
import { Flattening, FormError, NOTES } from "./flattening.js";
import { activeNames, dictionaries, hasOtherSignatures } from "./grammar.js";
import { Increment } from "./increment.js";
import { EncryptedError, SwollenError, readSource, unpacked } from "./reading.js";
import { rewritten } from "./rewriting.js";
import { PAGES_MAX, pageCount } from "./tree.js";
import { PdfError, asBytes, asText, isReference, referred } from "./values.js";

export const UPLOAD_BYTES_MAX = 50 * 1024 * 1024;
export const SALT_BYTES = 32;
const SALT = "/VecheSalt";
const TREE_DEPTH_MAX = 64;
/** Of what draws all pages, unpacked. */
const CONTENT_BYTES_MAX = 200 * 1024 * 1024;
const BEGINNING = /^\s{0,64}%PDF-\d/;
const FONTS = new Set(
    ["Type1", "MMType1", "TrueType", "CIDFontType0", "CIDFontType2"].map(slashed),
);
const FONT_FILES = ["/FontFile", "/FontFile2", "/FontFile3"];

/** @param {string} one */
function slashed(one) {
    return `/${one}`;
}

/** A file can't be signed. */
export class UploadError extends Error {
    /** @param {Reason} reason @param {ErrorOptions} [options] */
    constructor(reason, options) {
        super(reason, options);
        this.reason = reason;
    }
}

/**
 * @param {Bytes} bytes the file as it was chosen
 * @param {Bytes} salt `SALT_BYTES` of chance
 * @returns {Promise<Upload>}
 * @throws {UploadError} it can't be signed
 */
export async function normalise(bytes, salt) {
    if (bytes.length > UPLOAD_BYTES_MAX) throw new UploadError("too_large");
    if (bytes.length === 0) throw new UploadError("empty_file");
    if (!isPdf(bytes)) throw new UploadError("not_pdf");
    const start = beginningOf(bytes);
    const library = await import("@cantoo/pdf-lib");
    try {
        const pdf = bytes.subarray(start.indexOf("%PDF-"));
        return (await kept(bytes, salt, library)) ?? (await written(pdf, salt, library));
    } catch (error) {
        if (error instanceof UploadError) throw error;
        throw new UploadError(reasonOf(error), { cause: error });
    }
}

/** @param {Bytes} bytes @returns {boolean} whether a file begins as PDFs do */
export function isPdf(bytes) {
    return BEGINNING.test(beginningOf(bytes));
}

/** @param {Bytes} bytes */
function beginningOf(bytes) {
    return asText(bytes.subarray(0, 128));
}

/** @param {unknown} error @returns {Reason} */
function reasonOf(error) {
    if (error instanceof EncryptedError) return "encrypted";
    if (error instanceof SwollenError) return "too_large";
    return error instanceof FormError ? "xfa" : "unreadable";
}

/**
 * @param {Bytes} bytes
 * @param {Bytes} salt
 * @param {Library} library
 * @returns {Promise<Upload | undefined>} none: it is not in the profile, or something in it acts
 */
async function kept(bytes, salt, library) {
    const found = inProfile(bytes);
    if (!found) return undefined;
    const { objects, document } = found;
    const held = [...dictionaries(objects)];
    const isPlain = activeNames(objects).length === 0 && !hasOtherSignatures(objects);
    if (!isPlain || hasNotes(held) || found.hasFilesElsewhere) return undefined;
    const pages = pagesOf(document);
    if (pages === 0) throw new UploadError("empty");
    const source = readSource(bytes, library);
    checkContents(source, pagesIn(source));
    const notes = /** @type {Note[]} */ ([
        ...(held.some((one) => one.has("/EmbeddedFiles")) ? ["carries"] : []),
        ...fontNotes(objects),
    ]);
    return { pdf: joined(bytes, salted(document, salt)), pages, isKept: true, notes };
}

/** @param {Bytes} bytes @returns the file, if it is in the sealed profile */
function inProfile(bytes) {
    try {
        const document = new PdfDocument(asText(bytes));
        /** @type {Map<number, PdfObject>} */
        const newest = new Map();
        for (const revision of revisionsOf(document))
            for (const [number, one] of revision.objects) newest.set(number, one);
        const objects = [...newest.values()];
        const hasFilesElsewhere = objects.some(
            ({ data, value }) => data !== undefined && value instanceof Map && value.has("/F"),
        );
        return { document, objects, hasFilesElsewhere };
    } catch (error) {
        if (error instanceof PdfError) return undefined;
        throw error;
    }
}

/** @param {PdfDocument} document @returns {number} */
function pagesOf(document) {
    try {
        return pageCount(document);
    } catch (error) {
        throw error instanceof PdfError && error.message.startsWith("more")
            ? new UploadError("too_large")
            : error;
    }
}

/** @param {PdfDictionary[]} held @returns {boolean} whether there is a form, or what is drawn on pages */
function hasNotes(held) {
    return held.some((one) => {
        const kind = one.get("/Subtype");
        return (
            one.has("/AcroForm") ||
            (one.get("/Type") === "/Annot" && kind !== "/Link") ||
            (one.has("/Rect") && (kind ?? "/Link") !== "/Link")
        );
    });
}

/** @param {PdfDocument} document @param {Bytes} salt @returns {Bytes} the revision that has it */
function salted(document, salt) {
    const increment = new Increment(document);
    const held = document.last.trailer.get("/Info");
    const number = isReference(held) ? referred(held, "/Info") : increment.reserve();
    const known = isReference(held) ? document.dictionary(number, "/Info") : new Map();
    increment.put(number, new Map([...known, [SALT, `<${hex(salt)}>`]]));
    increment.info = number;
    return asBytes(increment.write().data);
}

/**
 * @param {Bytes} bytes from `%PDF-` on
 * @param {Bytes} salt
 * @param {Library} library
 * @returns {Promise<Upload>}
 */
async function written(bytes, salt, library) {
    const source = readSource(bytes, library);
    const pages = checked(source);
    const flattening = new Flattening(source, pages);
    /** @type {Set<Note>} */
    const notes = new Set(await flattening.flatten());
    const info = infoOf(source, salt);
    let pdf = await rewritten(source, info);
    let found = inProfile(pdf);
    if (found && activeNames(found.objects).length > 0) {
        notes.add("tags");
        flattening.dropStructure();
        pdf = await rewritten(source, info);
        found = inProfile(pdf);
    }
    if (!found || activeNames(found.objects).length > 0)
        throw new PdfError("something in it still acts");
    for (const one of fontNotes(found.objects)) notes.add(one);
    return {
        pdf,
        pages: pageCount(found.document),
        isKept: false,
        notes: NOTES.filter((one) => notes.has(one)),
    };
}

/** @param {Source} source @returns {Dict[]} its pages @throws {UploadError} it can't be signed */
function checked(source) {
    const { PDFDict, PDFName } = source.library;
    const catalog = source.context.lookup(source.context.trailerInfo.Root);
    if (!(catalog instanceof PDFDict)) throw new PdfError("there is no catalog");
    const form = catalog.lookup(PDFName.of("AcroForm"));
    if (form !== undefined && !(form instanceof PDFDict)) throw new PdfError("the form is none");
    if (form?.has(PDFName.of("XFA"))) throw new UploadError("xfa");
    if (catalog.has(PDFName.of("Perms")) || isSigned(source)) throw new UploadError("signed");
    const pages = pagesIn(source);
    if (pages.length > PAGES_MAX) throw new UploadError("too_large");
    if (pages.length === 0) throw new UploadError("empty");
    checkContents(source, pages);
    return pages;
}

/** @param {Source} source @returns {boolean} whether a dictionary says what a signature covers */
function isSigned({ context, library: { PDFDict, PDFArray, PDFName, PDFStream } }) {
    const range = PDFName.of("ByteRange");
    const stack = context.enumerateIndirectObjects().map(([, one]) => one);
    for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
        const dict = one instanceof PDFStream ? one.dict : one;
        if (dict instanceof PDFDict) {
            if (dict.has(range)) return true;
            stack.push(...dict.values());
        } else if (dict instanceof PDFArray) for (const each of dict.asArray()) stack.push(each);
    }
    return false;
}

/** @param {Source} source @returns {Dict[]} its pages in their order; some more than are allowed */
function pagesIn({ context, library: { PDFDict, PDFArray, PDFName } }) {
    const catalog = context.lookup(context.trailerInfo.Root);
    const top = catalog instanceof PDFDict ? catalog.lookup(PDFName.of("Pages")) : undefined;
    const stack = [{ node: top, depth: 0 }];
    /** @type {Dict[]} */
    const pages = [];
    const seen = new Set();
    for (let one = stack.pop(); one && pages.length <= PAGES_MAX; one = stack.pop()) {
        const { node, depth } = one;
        if (!(node instanceof PDFDict) || seen.has(node) || depth > TREE_DEPTH_MAX)
            throw new PdfError("the tree of pages is none");
        seen.add(node);
        const kids = node.lookup(PDFName.of("Kids"));
        if (!(kids instanceof PDFArray)) {
            if (node.lookup(PDFName.of("Type")) === PDFName.of("Pages"))
                throw new PdfError("the tree of pages is none");
            node.set(PDFName.of("Type"), PDFName.of("Page"));
            pages.push(node);
            continue;
        }
        node.set(PDFName.of("Type"), PDFName.of("Pages"));
        for (let at = kids.size() - 1; at >= 0; at -= 1)
            stack.push({ node: context.lookup(kids.get(at)), depth: depth + 1 });
    }
    return pages;
}

/**
 * What draws the pages can be read whole, and does not swell beyond bounds.
 * @param {Source} source
 * @param {Dict[]} pages
 */
function checkContents({ context, library }, pages) {
    const { PDFArray, PDFRawStream, PDFName } = library;
    let left = CONTENT_BYTES_MAX;
    for (const page of pages) {
        const held = page.lookup(PDFName.of("Contents"));
        const parts = held instanceof PDFArray ? held.asArray() : held === undefined ? [] : [held];
        for (const part of parts) {
            const stream = context.lookup(part);
            if (!(stream instanceof PDFRawStream)) throw new PdfError("a page is not drawn by one");
            left -= unpacked(stream, library, left).length;
        }
    }
}

/** @param {Source} source @param {Bytes} salt @returns {PdfDictionary} */
function infoOf({ context, library: { PDFDict, PDFString, PDFHexString } }, salt) {
    const held = context.lookup(context.trailerInfo.Info);
    /** @type {PdfDictionary} */
    const info = new Map();
    for (const [key, one] of held instanceof PDFDict ? held.entries() : []) {
        const value = context.lookup(one);
        const isPlain = /^\/[A-Za-z]{1,32}$/.test(key.asString());
        if (isPlain && (value instanceof PDFString || value instanceof PDFHexString))
            info.set(key.asString(), `<${hex(value.asBytes())}>`);
    }
    return info.set(SALT, `<${hex(salt)}>`);
}

/** @param {PdfObject[]} objects @returns {Note[]} a remark if a font is used that is not in the file */
function fontNotes(objects) {
    const known = new Map(objects.map((one) => [one.number, one.value]));
    for (const held of dictionaries(objects)) {
        const kind = held.get("/Subtype");
        if (held.get("/Type") !== "/Font" || typeof kind !== "string" || !FONTS.has(kind)) continue;
        const said = held.get("/FontDescriptor");
        const descriptor = isReference(said) ? known.get(referred(said, "a font")) : said;
        const isHere = descriptor instanceof Map && FONT_FILES.some((file) => descriptor.has(file));
        if (!isHere) return ["fonts"];
    }
    return [];
}
