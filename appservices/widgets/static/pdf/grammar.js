/**
 * What a revision after the first signature may be, as `veche.documents.pdf.grammar` has it: one more
 * signature, with its proofs. Pure.
 *
 * @typedef {import("./values.js").Value} Value
 * @typedef {import("./values.js").PdfDictionary} PdfDictionary
 * @typedef {import("./document.js").PdfObject} PdfObject
 * @typedef {import("./document.js").Revision} Revision
 *
 * @typedef {object} SignatureField
 * @property {string} field
 * @property {boolean} isStamp
 * @property {number} certifies what it allows after it: 1 `NOTHING`, 2 signatures; 0: unsaid
 * @property {[number, number, number, number]} byteRange
 * @property {string} contents the token, `<…>`
 * @property {[number, number]} place of its object
 * @property {string} shows the name in the picture of the signature; empty without one
 */
import { linesOf, picture, pictureEntries, sizeOf, turnOf } from "./appearance.js";
import { laidLetters, readLetters } from "./letters.js";
import {
    PdfError,
    array,
    dictionary,
    isReference,
    isSame,
    natural,
    number,
    referred,
    stringText,
} from "./values.js";

const SIGNATURE_KEYS = new Set([
    "/Type",
    "/Filter",
    "/SubFilter",
    "/ByteRange",
    "/Contents",
    "/M",
    "/Name",
    "/Reason",
    "/Location",
    "/Reference",
]);
const WIDGET_KEYS = new Set(["/Type", "/Subtype", "/FT", "/T", "/F", "/Rect", "/P", "/V"]);
const STORE_KEYS = new Set(["/Type", "/Certs", "/CRLs", "/OCSPs"]);
const PROOFS = ["/Certs", "/CRLs", "/OCSPs"];
/** Between the name of a signer's box and the id of their clause. */
export const OF_CLAUSE = ":";
const STAMP = "/ETSI.RFC3161";
const KINDS = new Set(["/ETSI.CAdES.detached", STAMP]);

/** The objects of a file up to a revision. */
export class State {
    /**
     * @param {number} root of the catalog
     * @param {Map<number, PdfObject>} objects
     * @param {string} pdf the whole file, where the bytes of streams are
     */
    constructor(root, objects, pdf) {
        this.root = root;
        this.objects = objects;
        this.pdf = pdf;
    }

    /** @param {Map<number, PdfObject>} objects */
    later(objects) {
        const all = new Map(this.objects);
        for (const [number, one] of objects) all.set(number, one);
        return new State(this.root, all, this.pdf);
    }

    /** @param {number} number */
    value(number) {
        return this.objects.get(number)?.value;
    }

    /** @param {Value | undefined} value */
    resolve(value) {
        return isReference(value) ? this.value(referred(value, "a reference")) : value;
    }

    get catalog() {
        return dictionary(this.value(this.root), "the catalog");
    }

    /** @returns {{number: number, held: PdfDictionary}[]} */
    fields() {
        const form = this.resolve(this.catalog.get("/AcroForm"));
        if (form === undefined) return [];
        const fields = this.resolve(dictionary(form, "/AcroForm").get("/Fields") ?? []);
        return array(fields, "/Fields").map((one) => {
            const at = referred(one, "a field");
            return { number: at, held: dictionary(this.value(at), "a field") };
        });
    }
}

/** @param {PdfDictionary} held */
function isSigned(held) {
    return held.has("/V") && held.get("/FT") === "/Sig";
}

/** @param {State} state */
export function hasSignature(state) {
    return state.fields().some(({ held }) => isSigned(held));
}

/**
 * @param {State} state
 * @returns {Map<string, string>} names of the boxes of clauses, each with that of the signer's own
 *   box: Sig1:c7 and Sig1. A box is a clause's if there is one by the name before its first colon
 */
export function clauseBoxes(state) {
    const names = new Set(state.fields().map(({ held }) => nameOfBox(held)));
    const found = new Map();
    for (const name of names) {
        const own = name?.includes(OF_CLAUSE) ? name.split(OF_CLAUSE, 1)[0] : undefined;
        if (own !== undefined && names.has(own)) found.set(name, own);
    }
    return found;
}

/** @param {PdfDictionary} held @returns {string | undefined} none: no signature, or none we read */
function nameOfBox(held) {
    if (held.get("/FT") !== "/Sig") return undefined;
    try {
        return stringText(held.get("/T"), "the name of a field");
    } catch (error) {
        if (error instanceof PdfError) return undefined;
        throw error;
    }
}

/** @param {PdfDictionary} before @param {Record<string, Value>} entries */
function changed(before, entries) {
    return new Map([...before, ...Object.entries(entries)]);
}

/**
 * @param {State} before the file without the revision
 * @param {State} after the file with it
 * @param {Revision} revision
 * @returns {Promise<SignatureField>} that it adds
 * @throws {PdfError} it is anything else
 */
export function readAddition(before, after, revision) {
    return new Addition(before, after, revision).read();
}

class Addition {
    /** @param {State} before @param {State} after @param {Revision} revision */
    constructor(before, after, revision) {
        this.old = before;
        this.new = after;
        this.objects = revision.objects;
        this.left = new Set(revision.objects.keys());
    }

    async read() {
        const { number: field, held } = this.signedField();
        const isNew = !this.old.objects.has(field);
        const at = referred(held.get("/V"), "/V");
        const found = signatureOf(held, this.take(at, "a signature"));
        if (found.certifies && hasSignature(this.old))
            throw new PdfError("a later signature certifies the file");
        if (isNew) this.checkNewField(field, held);
        else found.shows = await this.laidField(field, held, found);
        this.checkCatalog(at, found.certifies > 0);
        if (this.left.size > 0) throw new PdfError("an object belongs to no signature");
        return found;
    }

    /** @param {number} number @param {string} what */
    take(number, what) {
        const one = this.objects.get(number);
        if (!one || !this.left.has(number) || this.old.objects.has(number))
            throw new PdfError(`${what} is no new object of its revision`);
        this.left.delete(number);
        return one;
    }

    signedField() {
        const fields = this.new.fields();
        const signed = fields.filter((one) => this.objects.has(one.number) && isSigned(one.held));
        const [only] = signed;
        if (!only || signed.length !== 1)
            throw new PdfError("a later revision does not add one signature");
        return only;
    }

    /**
     * @param {number} field that was there and empty
     * @param {PdfDictionary} held
     * @param {SignatureField} found
     * @returns {Promise<string>} the name that is shown in it
     */
    async laidField(field, held, found) {
        const before = dictionary(this.old.value(field), "a field");
        const signed = changed(before, { "/V": /** @type {Value} */ (held.get("/V")) });
        const look = before.has("/AP") ? undefined : held.get("/AP");
        if (look !== undefined) signed.set("/AP", look);
        const shows = look === undefined ? "" : await this.shownName(held, look, found);
        if (before.has("/V") || !isSame(signed, held))
            throw new PdfError("a field was changed besides being signed, or was signed already");
        this.left.delete(field);
        const form = this.old.catalog.get("/AcroForm");
        if (isReference(form) && this.objects.has(referred(form, "/AcroForm")))
            throw new PdfError("a later revision changes the form");
        return shows;
    }

    /**
     * @param {PdfDictionary} held
     * @param {Value} look
     * @param {SignatureField} found
     * @returns {Promise<string>} the name in the picture, which is the very one that we would draw
     */
    async shownName(held, look, found) {
        const looks = dictionary(look, "/AP");
        const one = this.take(referred(looks.get("/N"), "/N of /AP"), "the picture");
        const signature = this.new.value(referred(held.get("/V"), "/V"));
        const turn = turnOf(held);
        const [lines, size] = [
            linesOf(dictionary(signature, "a signature")),
            sizeOf(held.get("/Rect"), turn),
        ];
        const { font, letters } = await this.letters();
        const content = picture(size, lines, letters);
        const drawing = pictureEntries(size, font, turn);
        const entries = changed(drawing, { "/Length": String(content.length) });
        const drawn = one.data && this.new.pdf.slice(...one.data);
        const isOurs = looks.size === 1 && isSame(one.value, entries) && drawn === content;
        if (found.isStamp || !isOurs)
            throw new PdfError("the picture of a signature shows something else than it");
        return lines[0];
    }

    async letters() {
        const form = dictionary(this.old.resolve(this.old.catalog.get("/AcroForm")), "/AcroForm");
        const laid = laidLetters(form, (value) => this.old.resolve(value));
        const font = referred(laid, "the font of signatures in /DR");
        const get = (/** @type {number} */ number) => this.old.objects.get(number);
        return { font, letters: await readLetters(font, this.old.pdf, get) };
    }

    /** @param {number} field @param {PdfDictionary} held */
    checkNewField(field, held) {
        this.take(field, "a field");
        const corners = array(held.get("/Rect"), "/Rect").map((one) => number(one, "/Rect"));
        const isInvisible =
            corners.length === 4 && corners[0] === corners[2] && corners[1] === corners[3];
        if ([...held.keys()].some((key) => !WIDGET_KEYS.has(key)) || !isInvisible)
            throw new PdfError("a later revision adds a field that shows something");
        this.checkAppended(
            referred(this.new.catalog.get("/AcroForm"), "/AcroForm"),
            "/Fields",
            field,
        );
        const page = referred(held.get("/P"), "/P");
        const notes = dictionary(this.old.value(page), "a page").get("/Annots");
        if (isReference(notes)) this.checkLonger(referred(notes, "/Annots"), field);
        else this.checkAppended(page, "/Annots", field);
    }

    /** @param {number} holder @param {string} key @param {number} field */
    checkAppended(holder, key, field) {
        const before = dictionary(this.old.value(holder), "what has fields");
        const after = dictionary(this.objects.get(holder)?.value, "it");
        const longer = [...array(before.get(key) ?? [], "an array of fields"), `${field} 0 R`];
        if (!isSame(after, changed(before, { [key]: longer })))
            throw new PdfError("a later revision changes a page or the form");
        this.left.delete(holder);
    }

    /** @param {number} holder @param {number} field */
    checkLonger(holder, field) {
        const before = array(this.old.value(holder), "/Annots");
        if (!isSame(this.new.value(holder), [...before, `${field} 0 R`]))
            throw new PdfError("a later revision changes the notes of a page");
        this.left.delete(holder);
    }

    /** @param {number} signature @param {boolean} isCertified */
    checkCatalog(signature, isCertified) {
        const [before, after] = [this.old.catalog, this.new.catalog];
        const allowed = new Map(before);
        if (isCertified) allowed.set("/Perms", new Map([["/DocMDP", `${signature} 0 R`]]));
        const store = after.get("/DSS");
        if (store !== undefined) {
            allowed.set("/DSS", store);
            this.checkStore(before.get("/DSS"), referred(store, "/DSS"));
        }
        if (!isSame(after, allowed)) throw new PdfError("a later revision changes the catalog");
        this.left.delete(this.new.root);
    }

    /** @param {Value | undefined} before @param {number} number */
    checkStore(before, number) {
        if (before !== undefined && referred(before, "/DSS") !== number)
            throw new PdfError("a later revision replaces the store of proofs");
        const held = this.objects.get(number);
        if (!held) return;
        /** @type {PdfDictionary} */
        const old = before === undefined ? new Map() : dictionary(this.old.value(number), "/DSS");
        const after = dictionary(held.value, "/DSS");
        if (before === undefined) this.take(number, "/DSS");
        this.left.delete(number);
        if ([...after.keys()].some((key) => !STORE_KEYS.has(key)))
            throw new PdfError("the store has what is no proof");
        for (const key of PROOFS) {
            const had = array(old.get(key) ?? [], "an array of proofs");
            const has = array(after.get(key) ?? [], "an array of proofs");
            if (!isSame(has.slice(0, had.length), had))
                throw new PdfError("a later revision takes proofs away");
            for (const one of has.slice(had.length)) this.checkProof(referred(one, "a proof"));
        }
    }

    /** @param {number} number */
    checkProof(number) {
        const one = this.take(number, "a proof");
        const keys = [...dictionary(one.value, "a proof").keys()];
        if (!one.data || keys.length !== 1 || keys[0] !== "/Length")
            throw new PdfError("a proof is no plain stream");
    }
}

/** @param {PdfDictionary} holder @param {PdfObject} one @returns {SignatureField} */
function signatureOf(holder, one) {
    const held = dictionary(one.value, "a signature");
    if ([...held.keys()].some((key) => !SIGNATURE_KEYS.has(key)) || one.data)
        throw new PdfError("a signature has what does not belong to it");
    const kind = held.get("/SubFilter");
    if (typeof kind !== "string" || !KINDS.has(kind))
        throw new PdfError("a signature of a kind that is not known");
    const isStamp = kind === STAMP;
    if ((held.get("/Type") ?? "/Sig") !== (isStamp ? "/DocTimeStamp" : "/Sig"))
        throw new PdfError("a signature is of two kinds");
    const span = array(held.get("/ByteRange"), "/ByteRange");
    if (span.length !== 4) throw new PdfError("/ByteRange is not four numbers");
    const contents = held.get("/Contents");
    if (typeof contents !== "string" || !contents.startsWith("<"))
        throw new PdfError("/Contents is no hexadecimal string");
    return {
        field: stringText(holder.get("/T"), "the name of a field"),
        isStamp,
        certifies: certifies(held.get("/Reference")),
        byteRange: /** @type {[number, number, number, number]} */ (
            span.map((at) => natural(at, "/ByteRange"))
        ),
        contents,
        place: [one.start, one.end],
        shows: "",
    };
}

/** What a file allows whose first signature says so: proofs and stamps, and no other signature. */
export const NOTHING = 1;
const FORMS = 2;

/** @param {Value | undefined} references @returns {number} what it allows after it; 0: unsaid */
function certifies(references) {
    if (references === undefined) return 0;
    const held = array(references, "/Reference");
    if (held.length !== 1) throw new PdfError("/Reference is not one transform");
    const one = dictionary(held[0], "/Reference");
    const parameters = dictionary(one.get("/TransformParams"), "/TransformParams");
    const level = natural(parameters.get("/P") ?? "2", "/P");
    if (one.get("/TransformMethod") !== "/DocMDP" || (level !== NOTHING && level !== FORMS))
        throw new PdfError("a signature allows changes after it");
    return level;
}

const ACTIVE_KEYS = new Set(["/JS", "/AA", "/OpenAction", "/XFA", "/OCProperties"]);
/** Of a stream: what is drawn in its place is in another file, or is another picture on paper. */
const ELSEWHERE_KEYS = ["/F", "/Ref", "/OPI", "/Alternates"];
const ACTIVE_ACTIONS = new Set(
    [
        "JavaScript",
        "Launch",
        "ImportData",
        "SubmitForm",
        "GoToE",
        "GoToR",
        "Rendition",
        "SetOCGState",
        "Movie",
        "Sound",
        "RichMediaExecute",
        "Hide",
        "ResetForm",
    ].map((name) => `/${name}`),
);

/** @param {PdfObject[]} objects @returns {string[]} what lets a page change by itself, in order */
export function activeNames(objects) {
    /** @type {Set<string>} */
    const found = new Set();
    for (const { data, value } of objects) {
        // What an action is may be an object of its own.
        if (typeof value === "string" && ACTIVE_ACTIONS.has(value)) found.add(value);
        if (data === undefined || !(value instanceof Map)) continue;
        for (const key of ELSEWHERE_KEYS) if (value.has(key)) found.add(key);
    }
    for (const held of dictionaries(objects)) {
        for (const key of held.keys()) if (ACTIVE_KEYS.has(key)) found.add(key);
        const action = held.get("/S");
        if (typeof action === "string" && ACTIVE_ACTIONS.has(action)) found.add(action);
    }
    return [...found].toSorted();
}

/** @param {PdfObject[]} objects */
export function hasOtherSignatures(objects) {
    for (const held of dictionaries(objects)) if (held.has("/ByteRange")) return true;
    return false;
}

/** @param {PdfObject[]} objects @returns {Generator<PdfDictionary>} all, also those in others */
export function* dictionaries(objects) {
    const stack = objects.map((one) => one.value);
    for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
        if (Array.isArray(value)) for (const one of value) stack.push(one);
        else if (value instanceof Map) {
            yield value;
            for (const one of value.values()) stack.push(one);
        }
    }
}
