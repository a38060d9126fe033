/**
 * The strict verdict on a signed PDF, as `veche.documents.signatures.verdict` comes to it. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./judging.js").Opened} Opened
 * @typedef {import("./judging.js").Finding} Finding
 * @typedef {import("./judging.js").Verdict} Verdict
 * @typedef {import("./judging.js").Report} Report
 * @typedef {import("./judging.js").Signed} Signed
 * @typedef {import("../pdf/document.js").Revision} Revision
 * @typedef {import("../pdf/grammar.js").SignatureField} SignatureField
 *
 * @typedef {object} By what is trusted, and the time
 * @property {Certificate[]} roots
 * @property {number} nowMs
 * @property {Bytes[]} lists
 * @property {import("./judging.js").AlgorithmsEnd} end
 */
import { hex, isSame, sha256 } from "../verify/bytes.js";
import { PdfDocument, revisionsOf } from "../pdf/document.js";
import {
    NOTHING,
    State,
    activeNames,
    clauseBoxes,
    hasOtherSignatures,
    hasSignature,
    readAddition,
} from "../pdf/grammar.js";
import { PdfError, array, asText, dictionary, referred } from "../pdf/values.js";
import { documentDigestOf, readCertificate } from "./certificate.js";
import { CMS_BYTES_MAX } from "./cms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { digestBy } from "./digests.js";
import { judgeElsewhere } from "./elsewhere.js";
import {
    ALGORITHMS_END,
    Fault,
    Judge,
    claimOf,
    openEncoded,
    partsOf,
    reported,
} from "./judging.js";
import { Trust, readable } from "./trust.js";

const SIGNATURES_MAX = 300;
/** How many beginnings are looked at however large they are, and up to where more are. */
const BEGINNINGS_MIN = 4;
const BEGINNINGS_BYTES_MAX = 32 * 1024 * 1024;
const MARKER = "%%EOF";

/**
 * @param {Bytes} bytes the file
 * @param {Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists] newer than those in the file
 * @param {import("../signatures/judging.js").AlgorithmsEnd} [end]
 * @param {string} [pdf] the file as text, from who has it
 * @returns {Promise<Report>}
 */
export async function judge(
    bytes,
    roots,
    nowMs,
    lists = [],
    end = ALGORITHMS_END,
    pdf = asText(bytes),
) {
    let document, parts;
    try {
        document = new PdfDocument(pdf);
        parts = revisionsOf(document);
    } catch (error) {
        return reported([
            finding(
                (await beginsSigned(pdf)) ? "hidden_bytes" : "outside_the_sealed_profile",
                error,
            ),
        ]);
    }
    try {
        const { base, added, last, ofOthers } = await split(document, parts);
        if (added.length > SIGNATURES_MAX) return reported([finding("too_many_signatures")]);
        const by = { roots, nowMs, lists, end };
        const baseEnd = added.length > 0 ? (base.at(-1)?.ends[1] ?? 0) : bytes.length;
        const theirs = { bytes: bytes.subarray(0, baseEnd), pdf: pdf.slice(0, baseEnd) };
        const others = ofOthers && (await othersOf(theirs, ofOthers, by));
        if (added.length === 0) return others ?? reported([finding("no_signature")]);
        const clauses = clauseBoxes(last);
        return await new Walk({ document, bytes, base, added, clauses, others }, by).report();
    } catch (error) {
        return reported([finding("changed_after_signing", error)]);
    }
}

/** @param {string} reason @param {unknown} [error] @returns {Finding} */
function finding(reason, error) {
    if (error !== undefined && !(error instanceof PdfError)) throw error;
    return { reason, field: "", detail: error?.message ?? "" };
}

/** @param {string} pdf whether a beginning of the file is a signed file in the profile */
export async function beginsSigned(pdf) {
    let at = pdf.indexOf(MARKER);
    let read = 0;
    for (let tried = 0; tried < SIGNATURES_MAX && at >= 0; tried += 1) {
        read += at;
        if (tried >= BEGINNINGS_MIN && read > BEGINNINGS_BYTES_MAX) return false;
        try {
            const document = new PdfDocument(pdf.slice(0, at + MARKER.length));
            if ((await split(document, revisionsOf(document))).added.length > 0) return true;
        } catch (error) {
            if (!(error instanceof PdfError)) throw error;
        }
        at = pdf.indexOf(MARKER, at + 1);
    }
    return false;
}

/**
 * @param {PdfDocument} document
 * @param {Revision[]} parts
 * @returns {Promise<{base: Revision[], added: {field: SignatureField, revision: Revision}[],
 *   last: State, ofOthers: PdfError | undefined}>} the revisions before anyone signed here, those
 *   with signatures, all of the file; why the first signature in the base is none of our form
 */
async function split(document, parts) {
    let before = new State(document.root, new Map(), document.pdf);
    const base = [];
    const added = [];
    /** @type {PdfError | undefined} */
    let ofOthers;
    for (const revision of parts) {
        const after = before.later(revision.objects);
        try {
            if (added.length > 0 || hasSignature(after)) {
                const field = await readAddition(before, after, revision);
                if (added[0]?.field.certifies === NOTHING && !field.isStamp)
                    throw new PdfError("a signature follows one that allows nothing after it");
                added.push({ field, revision });
            } else base.push(revision);
        } catch (error) {
            // What other programs signed before is a part of the base: it has other forms.
            if (!(error instanceof PdfError) || added.length > 0 || !hasSignature(after))
                throw error;
            base.push(revision);
            ofOthers ??= error;
        }
        before = after;
    }
    return { base, added, last: before, ofOthers };
}

/**
 * @param {{bytes: Bytes, pdf: string}} theirs the file as other programs left it
 * @param {PdfError} why their first signature is none of our form
 * @param {By} by
 * @returns {Promise<Report>}
 * @throws {PdfError} they cannot be read, or are by a certificate of ours, whose signatures have our
 *   form and no other
 */
async function othersOf({ bytes, pdf }, why, { roots, nowMs, lists, end }) {
    const report = await judgeElsewhere(bytes, roots, nowMs, lists, end, pdf);
    const isOurs = report?.findings.some(
        ({ reason }) => reason === "certified_for_another_document",
    );
    if (!report || isOurs) throw why;
    return report;
}

/** @param {PdfDocument} document @param {string} key @param {Bytes} bytes @returns {Bytes[]} */
function stored(document, key, bytes) {
    const held = dictionary(document.object(document.root).value, "the catalog").get("/DSS");
    if (held === undefined) return [];
    const store = dictionary(document.resolve(held), "/DSS");
    const numbers = array(document.resolve(store.get(key) ?? []), key).map((one) =>
        referred(one, "a proof"),
    );
    return [...new Set(numbers)].map((number) => {
        const { data, value } = document.object(number);
        if (!data || dictionary(value, "a stream").has("/Filter"))
            throw new PdfError("the security store has what is no plain stream");
        return bytes.subarray(...data);
    });
}

/** One file, from its last signature to its first. */
class Walk {
    /**
     * @param {{document: PdfDocument, bytes: Bytes, base: Revision[], clauses: Map<string, string>,
     *   added: {field: SignatureField, revision: Revision}[], others?: Report | undefined}} file
     * @param {By} by
     */
    constructor(file, by) {
        this.file = file;
        this.by = by;
        this.judge = new Judge(new Trust([], [], []), [], by.nowMs, by.end, true);
    }

    async report() {
        const { document, bytes, base, added } = this.file;
        const { judge } = this;
        /** @type {(Opened | undefined)[]} */
        const opened = [];
        for (const one of added) opened.push(await this.open(one.field, one.revision));
        const ends = base.at(-1)?.ends ?? [0, 0];
        for (const end of ends) judge.documents.push(await sha256(bytes.subarray(0, end)));
        const own = opened.flatMap(partsOf).flatMap(({ certificates }) => certificates);
        if (isForOthers(own, judge.documents))
            // Whoever signs what others have signed before has a certificate for all of that.
            for (const end of added.flatMap(({ revision }) => revision.ends))
                judge.documents.push(await sha256(bytes.subarray(0, end)));
        judge.trust = new Trust(
            this.by.roots,
            [...stored(document, "/Certs", bytes), ...own],
            ["/CRLs", "/OCSPs"]
                .flatMap((key) => stored(document, key, bytes))
                .concat(this.by.lists),
        );
        for (const one of opened.toReversed())
            if (one) await judge.take(claimOf(one), one === opened.at(-1));
        this.judgeFile();
        this.judgeClauses();
        const documentSha256 = hex(judge.documents[1] ?? new Uint8Array());
        const signed = added.map(({ field: { field, byteRange } }) => [
            field,
            byteRange[2] + byteRange[3],
        ]);
        const known = { documentSha256, documentEnd: ends[1] };
        const report = judge.report(known);
        const signers = report.signers.map((one) => this.named(one));
        const whole = { ...report, signers, ends: Object.fromEntries(signed) };
        const { others } = this.file;
        if (!others) return whole;
        return reported([...others.findings, ...report.findings], {
            ...whole,
            signers: [...others.signers, ...signers],
        });
    }

    /** @param {Signed} one @returns {Signed} with the clause that it is of */
    named(one) {
        const own = this.file.clauses.get(one.field);
        return own === undefined ? one : { ...one, clause: one.field.slice(own.length + 1) };
    }

    /** @param {SignatureField} field @param {Revision} revision @returns {Promise<Opened | undefined>} */
    async open(field, revision) {
        try {
            const covered = this.covered(field, revision.ends);
            const encoded = encodedIn(field.contents);
            const opened = await openEncoded(
                field.field,
                (by) => digestBy(by, ...covered),
                encoded,
                field.isStamp,
            );
            if (partsOf(opened).some(({ lists }) => lists.length > 0)) throw new Fault("broken");
            return opened;
        } catch (error) {
            this.judge.fault(error, field.field);
            return undefined;
        }
    }

    /** @param {SignatureField} field @param {[number, number]} ends @returns {[Bytes, Bytes]} */
    covered(field, ends) {
        const { pdf } = this.file.document;
        const [start, hole, resume, rest] = field.byteRange;
        const [first, last] = field.place;
        const isWhole =
            start === 0 &&
            ends.includes(resume + rest) &&
            first < hole &&
            hole < resume &&
            resume <= last;
        const object = pdf.slice(first, last);
        const isOnce = object.indexOf(field.contents) === object.lastIndexOf(field.contents);
        if (!isWhole || pdf.slice(hole, resume) !== field.contents || !isOnce)
            throw new Fault("does_not_cover_its_revision");
        const { bytes } = this.file;
        return [bytes.subarray(0, hole), bytes.subarray(resume, resume + rest)];
    }

    judgeFile() {
        const { base, added } = this.file;
        const objects = base.flatMap((one) => Array.from(one.objects.values()));
        for (const name of activeNames(objects).toReversed())
            this.judge.find("active_content", "", name);
        if (!this.file.others && hasOtherSignatures(objects))
            this.judge.find("other_signatures_before");
        for (const { field } of added.toReversed()) {
            const signer = this.judge.signers.find((one) => one.field === field.field);
            if (field.shows && signer && ![signer.name, signer.account].includes(field.shows))
                this.judge.find("broken", field.field, "its picture names somebody else");
        }
        if (!this.file.others && !added[0]?.field.certifies)
            this.judge.find("first_signature_does_not_certify");
        if (!added.at(-1)?.field.isStamp) this.judge.find("tail_not_time_stamped");
    }

    /** Whoever signs the whole signs each of their clauses too, by the same certificate. */
    judgeClauses() {
        const signed = new Set(this.file.added.map(({ field }) => field.field));
        for (const [name, own] of this.file.clauses) {
            const [clause, whole] = [name, own].map((one) => this.judge.certificates(one));
            const isOther = clause && whole && clause !== whole;
            if (signed.has(name) !== signed.has(own) || isOther)
                this.judge.find("clause_not_signed_by_its_signer", name);
        }
    }
}

/**
 * @param {Bytes[]} certificates DER
 * @param {Bytes[]} documents digests
 * @returns {boolean} whether a certificate is for none of these documents
 */
function isForOthers(certificates, documents) {
    return readable(certificates, readCertificate).some((one) => {
        try {
            const bound = documentDigestOf(one);
            return bound && !documents.some((digest) => isSame(digest, bound));
        } catch (error) {
            if (error instanceof DerError) return false;
            throw error;
        }
    });
}

/** @param {string} contents the token @returns {Bytes} the signature in its hole */
function encodedIn(contents) {
    const digits = /^<([0-9A-Fa-f]+)>$/.exec(contents)?.[1];
    if (!digits || digits.length % 2 !== 0 || digits.length > 2 * CMS_BYTES_MAX)
        throw new Fault("broken");
    const data = new Uint8Array(digits.length / 2);
    for (const index of data.keys())
        data[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
    const [, end] = der.read(data);
    if (data.subarray(end).some((byte) => byte !== 0)) throw new Fault("broken");
    return data.slice(0, end);
}
