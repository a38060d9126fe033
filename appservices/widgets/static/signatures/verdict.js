/**
 * The strict verdict on a signed PDF, as `veche.protocol.signatures.verdict` comes to it. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./cms.js").SignedData} SignedData
 * @typedef {import("./cms.js").Stamp} Stamp
 * @typedef {import("../pdf/document.js").Revision} Revision
 * @typedef {import("../pdf/grammar.js").SignatureField} SignatureField
 * @typedef {"sealed" | "signed" | "unproven" | "invalid" | "unsigned" | "unreadable"} Verdict
 *
 * @typedef {object} Finding
 * @property {string} reason stable
 * @property {string} field empty if it is about the file
 * @property {string} detail
 *
 * @typedef {object} Signed
 * @property {string} field
 * @property {string} name
 * @property {string} account
 * @property {string} level
 * @property {number | undefined} atMs
 * @property {boolean} isProven
 *
 * @typedef {object} Report
 * @property {Verdict} verdict
 * @property {Finding[]} findings
 * @property {Signed[]} signers
 * @property {string} documentSha256 of the file before anyone signed, hex; empty without signatures
 * @property {number} documentEnd where that ends in the file; 0 without signatures
 * @property {number | undefined} closedAtMs
 *
 * @typedef {object} Opened
 * @property {SignatureField} field
 * @property {Bytes} digest
 * @property {SignedData} [signed] none of a document time stamp
 * @property {Stamp} [stamp]
 */
import { hex, isSame, sha256 } from "../verify/bytes.js";
import { PdfDocument, revisionsOf } from "../pdf/document.js";
import {
    State,
    activeNames,
    hasOtherSignatures,
    hasSignature,
    readAddition,
} from "../pdf/grammar.js";
import { PdfError, array, asText, dictionary, referred } from "../pdf/values.js";
import {
    accountOf,
    documentDigestOf,
    isSignedBy,
    levelOf,
    maySignDocuments,
    mayStamp,
    nameOf,
    readCertificate,
} from "./certificate.js";
import {
    CMS_BYTES_MAX,
    DATA,
    ECDSA_SHA256,
    TST_INFO,
    contentDigest,
    names,
    readSignedData,
    readToken,
    signedAttributes,
} from "./cms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { TOLERANCE_MS, Trust, readable } from "./trust.js";

const SIGNATURES_MAX = 200;
const MARKER = "%%EOF";
/** @type {Record<string, Verdict>} the best verdict with a reason; with others it is invalid */
const BEST = {
    no_signature: "unsigned",
    outside_the_sealed_profile: "unreadable",
    too_many_signatures: "unreadable",
    who_is_not_proven: "unproven",
    when_is_not_proven: "unproven",
    not_time_stamped: "signed",
    revocation_unknown: "signed",
    tail_not_time_stamped: "signed",
    first_signature_does_not_certify: "signed",
    active_content: "signed",
    other_signatures_before: "signed",
};
/** @type {Verdict[]} */
const WORST_FIRST = ["unreadable", "unsigned", "invalid", "unproven", "signed"];

/** The signature does not hold. */
class Fault extends Error {
    /** @param {string} reason */
    constructor(reason) {
        super(reason);
        this.reason = reason;
    }
}

/**
 * @param {Bytes} bytes the file
 * @param {Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists] newer than those in the file
 * @returns {Promise<Report>}
 */
export async function judge(bytes, roots, nowMs, lists = []) {
    const pdf = asText(bytes);
    let document, parts;
    try {
        document = new PdfDocument(pdf);
        parts = revisionsOf(document);
    } catch (error) {
        return reported([
            finding(beginsSigned(pdf) ? "hidden_bytes" : "outside_the_sealed_profile", error),
        ]);
    }
    try {
        const { base, added } = split(document, parts);
        if (added.length === 0) return reported([finding("no_signature")]);
        if (added.length > SIGNATURES_MAX) return reported([finding("too_many_signatures")]);
        return await new Walk({ document, bytes, base, added }, roots, nowMs, lists).report();
    } catch (error) {
        return reported([finding("changed_after_signing", error)]);
    }
}

/** @param {string} reason @param {unknown} [error] @returns {Finding} */
function finding(reason, error) {
    if (error !== undefined && !(error instanceof PdfError)) throw error;
    return { reason, field: "", detail: error?.message ?? "" };
}

/** @param {Finding[]} findings @param {Partial<Report>} [known] @returns {Report} */
function reported(findings, known = {}) {
    const left = new Set(findings.map(({ reason }) => BEST[reason] ?? "invalid"));
    const verdict = WORST_FIRST.find((one) => left.has(one)) ?? "sealed";
    const nothing = { signers: [], documentSha256: "", documentEnd: 0, closedAtMs: undefined };
    return { ...nothing, ...known, verdict, findings };
}

/** @param {string} pdf whether a beginning of the file is a signed file in the profile */
function beginsSigned(pdf) {
    let at = pdf.indexOf(MARKER);
    for (let tried = 0; tried < SIGNATURES_MAX && at >= 0; tried += 1) {
        try {
            const document = new PdfDocument(pdf.slice(0, at + MARKER.length));
            if (split(document, revisionsOf(document)).added.length > 0) return true;
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
 * @returns {{base: Revision[], added: {field: SignatureField, revision: Revision}[]}}
 */
function split(document, parts) {
    let before = new State(document.root, new Map());
    const base = [];
    const added = [];
    for (const revision of parts) {
        const after = before.later(revision.objects);
        if (added.length > 0 || hasSignature(after))
            added.push({ field: readAddition(before, after, revision), revision });
        else base.push(revision);
        before = after;
    }
    return { base, added };
}

/** @param {PdfDocument} document @param {string} key @param {Bytes} bytes @returns {Bytes[]} */
function stored(document, key, bytes) {
    const held = dictionary(document.object(document.root).value, "the catalog").get("/DSS");
    if (held === undefined) return [];
    const store = dictionary(document.resolve(held), "/DSS");
    return array(document.resolve(store.get(key) ?? []), key).map((one) => {
        const { data, value } = document.object(referred(one, "a proof"));
        if (!data || dictionary(value, "a stream").has("/Filter"))
            throw new PdfError("the security store has what is no plain stream");
        return bytes.subarray(...data);
    });
}

/** One file, from its last signature to its first. */
class Walk {
    /**
     * @param {{document: PdfDocument, bytes: Bytes, base: Revision[],
     *   added: {field: SignatureField, revision: Revision}[]}} file
     * @param {Certificate[]} roots
     * @param {number} nowMs
     * @param {Bytes[]} lists
     */
    constructor(file, roots, nowMs, lists) {
        this.file = file;
        this.roots = roots;
        this.nowMs = nowMs;
        this.lists = lists;
        /** @type {Finding[]} */
        this.findings = [];
        /** @type {Bytes[]} */
        this.documents = [];
        this.trust = new Trust([], [], []);
    }

    async report() {
        const { document, bytes, base, added } = this.file;
        /** @type {(Opened | undefined)[]} */
        const opened = [];
        for (const one of added) opened.push(await this.open(one.field, one.revision));
        const ends = base.at(-1)?.ends ?? [0, 0];
        for (const end of ends) this.documents.push(await sha256(bytes.subarray(0, end)));
        const own = opened.flatMap((one) => [
            ...(one?.signed?.certificates ?? []),
            ...(one?.stamp?.signed.certificates ?? []),
        ]);
        this.trust = new Trust(
            this.roots,
            [...stored(document, "/Certs", bytes), ...own],
            [...stored(document, "/CRLs", bytes), ...this.lists],
        );
        /** @type {Signed[]} */
        const signers = [];
        let provenMs = this.nowMs;
        /** @type {number | undefined} */
        let closedAtMs;
        for (const one of opened.toReversed()) {
            if (!one) continue;
            if (one.signed) {
                const signed = await this.judgeSignature(one, one.signed, provenMs);
                if (signed) signers.unshift(signed);
            } else if (one.stamp && (await this.judgeStamp(one, one.stamp, provenMs))) {
                provenMs = one.stamp.atMs;
                if (one === opened.at(-1)) closedAtMs = provenMs;
            }
        }
        this.judgeFile();
        const documentSha256 = hex(this.documents[1] ?? new Uint8Array());
        const known = { signers, documentSha256, documentEnd: ends[1], closedAtMs };
        return reported(this.findings.toReversed(), known);
    }

    /** @param {string} reason @param {string} [field] @param {string} [detail] */
    find(reason, field = "", detail = "") {
        this.findings.push({ reason, field, detail });
    }

    /** @param {unknown} error @param {string} field @throws {unknown} it is no fault */
    fault(error, field) {
        if (error instanceof Fault) this.find(error.reason, field);
        else if (error instanceof DerError) this.find("broken", field);
        else throw error;
    }

    /** @param {SignatureField} field @param {Revision} revision @returns {Promise<Opened | undefined>} */
    async open(field, revision) {
        try {
            const digest = await this.covered(field, revision.ends);
            const encoded = encodedIn(field.contents);
            if (field.isStamp) return { field, digest, stamp: readToken(encoded) };
            const signed = readSignedData(encoded);
            const stamp = signed.token && readToken(signed.token);
            if (!isSame(signed.contentType, DATA) || signed.content) throw new Fault("broken");
            return { field, digest, signed, stamp };
        } catch (error) {
            this.fault(error, field.field);
            return undefined;
        }
    }

    /** @param {SignatureField} field @param {[number, number]} ends @returns {Promise<Bytes>} */
    async covered(field, ends) {
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
        return sha256(bytes.subarray(0, hole), bytes.subarray(resume, resume + rest));
    }

    judgeFile() {
        const { base, added } = this.file;
        const objects = base.flatMap((one) => Array.from(one.objects.values()));
        for (const name of activeNames(objects).toReversed()) this.find("active_content", "", name);
        if (hasOtherSignatures(objects)) this.find("other_signatures_before");
        if (!added[0]?.field.certifies) this.find("first_signature_does_not_certify");
        if (!added.at(-1)?.field.isStamp) this.find("tail_not_time_stamped");
    }

    /** @param {SignedData} signed @param {Bytes} digest @returns {Promise<Certificate>} */
    async signerOf(signed, digest) {
        const held = readable(signed.certificates, readCertificate);
        const certificate = held.find((one) => names(signed, one));
        if (!certificate) throw new Fault("broken");
        const kind = signed.content ? TST_INFO : DATA;
        const attributes = await signedAttributes(certificate, digest, kind);
        if (!isSame(attributes, signed.attributes) || !isSame(signed.algorithm, ECDSA_SHA256))
            throw new Fault("broken");
        if (!(await isSignedBy(certificate.key, signed.signature, attributes, "SHA-256")))
            throw new Fault("broken");
        return certificate;
    }

    /** @param {Stamp} stamp @param {Bytes} imprint */
    async stamperOf(stamp, imprint) {
        if (!isSame(stamp.imprint, imprint)) throw new Fault("broken");
        return this.signerOf(stamp.signed, await contentDigest(stamp.signed));
    }

    /** @param {Opened} one @param {Stamp} stamp @param {number} provenMs */
    async judgeStamp(one, stamp, provenMs) {
        const { field } = one.field;
        try {
            const certificate = await this.stamperOf(stamp, one.digest);
            return await this.isGoodStamp(field, certificate, stamp.atMs, provenMs);
        } catch (error) {
            this.fault(error, field);
            return false;
        }
    }

    /**
     * @param {string} field
     * @param {Certificate} certificate
     * @param {number} atMs
     * @param {number} provenMs
     */
    async isGoodStamp(field, certificate, atMs, provenMs) {
        const standing = await this.trust.standing(certificate, provenMs);
        if (standing.isRevoked) this.find("revoked", field);
        else if (!mayStamp(certificate)) this.find("certificate_not_for_this", field);
        else if (!standing.isTrusted || atMs > provenMs + TOLERANCE_MS)
            this.find("when_is_not_proven", field);
        else {
            if (!standing.isListed) this.find("revocation_unknown", field);
            return true;
        }
        return false;
    }

    /**
     * @param {Opened} one
     * @param {SignedData} data
     * @param {number} provenMs
     * @returns {Promise<Signed | undefined>}
     */
    async judgeSignature(one, data, provenMs) {
        const { field } = one.field;
        try {
            const certificate = await this.signerOf(data, one.digest);
            const atMs = await this.signedAt(one, data, provenMs);
            const isGood = await this.isGoodSigner(field, certificate, atMs ?? provenMs);
            return {
                field,
                name: nameOf(certificate),
                account: accountOf(certificate),
                level: levelOf(certificate),
                atMs,
                isProven: isGood && atMs !== undefined,
            };
        } catch (error) {
            this.fault(error, field);
            return undefined;
        }
    }

    /** @param {Opened} one @param {SignedData} data @param {number} provenMs */
    async signedAt(one, data, provenMs) {
        const { field } = one.field;
        if (!one.stamp) {
            this.find("not_time_stamped", field);
            return undefined;
        }
        const certificate = await this.stamperOf(one.stamp, await sha256(data.signature));
        const isGood = await this.isGoodStamp(field, certificate, one.stamp.atMs, provenMs);
        return isGood ? one.stamp.atMs : undefined;
    }

    /** @param {string} field @param {Certificate} certificate @param {number} atMs */
    async isGoodSigner(field, certificate, atMs) {
        const standing = await this.trust.standing(certificate, atMs);
        if (standing.isRevoked) this.find("revoked", field);
        else if (!maySignDocuments(certificate)) this.find("certificate_not_for_this", field);
        else if (!this.isForThis(certificate)) this.find("certified_for_another_document", field);
        else if (!standing.isTrusted) this.find("who_is_not_proven", field);
        else if (!standing.isListed) this.find("revocation_unknown", field);
        return standing.isTrusted && standing.isListed && !standing.isRevoked;
    }

    /** @param {Certificate} certificate */
    isForThis(certificate) {
        try {
            const bound = documentDigestOf(certificate);
            return !bound || this.documents.some((one) => isSame(one, bound));
        } catch (error) {
            if (error instanceof DerError) return false;
            throw error;
        }
    }
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
