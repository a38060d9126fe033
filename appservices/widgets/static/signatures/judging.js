/**
 * What is the same for signatures in any kind of file, as `veche.documents.signatures.judging` has it:
 * who, when, and is it proven. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./cms.js").SignedData} SignedData
 * @typedef {import("./cms.js").Stamp} Stamp
 * @typedef {import("./digests.js").Hash} Hash
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
 * @property {string} registrar who has identified them in person; empty: nobody
 * @property {string} hand who has written by hand before them, without a key; empty: nobody
 * @property {number | undefined} atMs
 * @property {boolean} isProven
 * @property {string} certificate by which it was signed: SHA-256, hex
 * @property {string} issuer who has issued the certificate, as it says
 * @property {string} root SHA-256 of the trusted certificate that it leads to, hex; empty: to none
 * @property {string[]} policies that the certificate states: hex of the OIDs' contents
 * @property {string} clause id of the one that was signed by itself; empty: it is of the whole
 *
 * @typedef {object} Report
 * @property {Verdict} verdict
 * @property {Finding[]} findings
 * @property {Record<string, number>} [ends] where the file ends that each field signed
 * @property {Signed[]} signers
 * @property {string} documentSha256 of the file before anyone signed, hex; empty without signatures
 * @property {number} documentEnd where that ends in the file; 0 without signatures
 * @property {number | undefined} closedAtMs
 * @property {string[]} files names of those in a container; empty of a PDF
 *
 * @typedef {object} Opened
 * @property {string} name of its field, or of its file in a container
 * @property {Bytes} digest SHA-256, or of a stamp over the whole by the hash of the stamp
 * @property {SignedData} [signed] none of a stamp over the whole
 * @property {Stamp} [stamp]
 *
 * @typedef {object} Claim a signature, or a stamp over the whole, as a kind of files has it
 * @property {string} name
 * @property {boolean} isStamp
 * @property {number | undefined} stampedAtMs none: it has no stamp
 * @property {string[]} signedBy names of the hashes that the signature rests on
 * @property {string[]} stampedBy names of the hashes that its stamp rests on
 * @property {() => Promise<Certificate>} signer throws a `Fault` if nobody signed it
 * @property {() => Promise<Certificate>} stamper
 *
 * @typedef {Record<string, number>} AlgorithmsEnd from when an algorithm proves nothing, UTC
 */
import { hex, isSame } from "../verify/bytes.js";
import { hasSigned, schemeOf } from "./algorithms.js";
import { namesIn, says, valuesIn } from "./attributes.js";
import {
    accountOf,
    digestOf,
    documentDigestOf,
    issuerOf,
    levelOf,
    allowsSigning,
    mayStamp,
    namesStamping,
    handOf,
    nameOf,
    policiesOf,
    readCertificate,
    registrarOf,
} from "./certificate.js";
import { DATA, contentDigest, names, readSignedData, readToken, signedAttributes } from "./cms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { SHA256, digestBy } from "./digests.js";
import { TOLERANCE_MS, readable } from "./trust.js";

/** @type {Record<string, Verdict>} the best verdict with a reason; with others it is invalid */
const BEST = {
    no_signature: "unsigned",
    outside_the_sealed_profile: "unreadable",
    too_many_signatures: "unreadable",
    locked_by_a_password: "unreadable",
    signature_not_readable: "unreadable",
    signature_of_another_kind: "unreadable",
    container_of_another_program: "unreadable",
    who_is_not_proven: "unproven",
    when_is_not_proven: "unproven",
    algorithm_no_longer_trusted: "unproven",
    signed_an_earlier_state: "unproven",
    signed_elsewhere: "signed",
    clause_not_signed_by_its_signer: "signed",
    bytes_before_the_container: "unreadable",
    not_time_stamped: "signed",
    revocation_unknown: "signed",
    tail_not_time_stamped: "signed",
    first_signature_does_not_certify: "signed",
    active_content: "signed",
    other_signatures_before: "signed",
};
/** @type {Verdict[]} */
const WORST_FIRST = ["invalid", "unreadable", "unsigned", "unproven", "signed"];
/** @type {AlgorithmsEnd} nobody has named a day for those that we take; as in Python */
export const ALGORITHMS_END = {};

/** The signature does not hold. */
export class Fault extends Error {
    /** @param {string} reason @param {string} [detail] */
    constructor(reason, detail = reason) {
        super(detail);
        this.reason = reason;
    }
}

/** @param {Finding[]} findings @param {Partial<Report>} [known] @returns {Report} */
export function reported(findings, known = {}) {
    const left = new Set(findings.map(({ reason }) => BEST[reason] ?? "invalid"));
    const verdict = WORST_FIRST.find((one) => left.has(one)) ?? "sealed";
    const nothing = { signers: [], documentSha256: "", documentEnd: 0, files: [] };
    return { ...nothing, closedAtMs: undefined, ...known, verdict, findings };
}

/**
 * Reads a signature, or a stamp over the whole, over what has a digest.
 * @param {string} name
 * @param {(by: Hash) => Promise<Bytes>} digest of what it covers, by a hash
 * @param {Bytes} encoded DER
 * @param {boolean} isStamp
 * @returns {Promise<Opened>}
 * @throws {Fault | DerError} it is none
 */
export async function openEncoded(name, digest, encoded, isStamp) {
    if (isStamp) {
        const whole = readToken(encoded);
        return { name, digest: await digest(whole.by), stamp: whole };
    }
    const signed = readSignedData(encoded);
    const stamp = signed.token && readToken(signed.token);
    if (!isSame(signed.contentType, DATA) || signed.content) throw new Fault("broken");
    return { name, digest: await digest(SHA256), signed, ...(stamp && { stamp }) };
}

/** @param {Opened | undefined} one @returns {SignedData[]} its parts that certificates travel with */
export function partsOf(one) {
    return [one?.signed, one?.stamp?.signed].filter((part) => part !== undefined);
}

/** @param {SignedData | undefined} signed @param {Bytes} digest @returns {Promise<Certificate>} */
async function signerOf(signed, digest) {
    const held = readable(signed?.certificates ?? [], readCertificate);
    const certificate = signed && held.find((one) => names(signed, one));
    if (!certificate) throw new Fault("broken");
    const { by } = signed;
    const attributes = await signedAttributes(certificate, digest, DATA, by);
    const isRsa = certificate.key?.kind === "RSA";
    const algorithm = isRsa ? by.rsa : by.ecdsa;
    if (!isSame(attributes, signed.attributes) || !isSame(signed.algorithm, algorithm))
        throw new Fault("broken");
    /** @type {import("./algorithms.js").Scheme} */
    const scheme = { kind: isRsa ? "rsa" : "ecdsa", hash: by.called, salt: 0 };
    if (!(await hasSigned(certificate.key, signed.signature, attributes, scheme)))
        throw new Fault("broken");
    return certificate;
}

/**
 * @param {Stamp} stamp whose attributes may be of any order, and others than ours
 * @returns {Promise<Certificate>} of whose key signed it, which it has to name
 */
export async function stamperOf({ signed }) {
    const held = readable(signed.certificates, readCertificate);
    const certificate = held.find((one) => names(signed, one));
    const values = valuesIn(der.readWhole(signed.attributes, der.SET));
    const scheme = schemeOf(der.readWhole(signed.algorithm, der.SEQUENCE), signed.by.called);
    const isBy =
        certificate &&
        says(values, signed.contentType, await contentDigest(signed)) &&
        (await namesIn(values, certificate)) &&
        scheme?.hash === signed.by.called &&
        (await hasSigned(certificate.key, signed.signature, signed.attributes, scheme));
    if (!isBy) throw new Fault("broken");
    return certificate;
}

/** @param {Opened} opened @returns {Claim} */
export function claimOf({ name, digest, signed, stamp }) {
    return {
        name,
        isStamp: !signed,
        stampedAtMs: stamp?.atMs,
        signedBy: signed ? [signed.by.name] : [],
        stampedBy: stamp ? [stamp.by.name, stamp.signed.by.name] : [],
        signer: () => signerOf(signed, digest),
        stamper: async () => {
            if (!stamp) throw new Fault("broken");
            const imprint = signed ? await digestBy(stamp.by, signed.signature) : digest;
            if (!isSame(stamp.imprint, imprint)) throw new Fault("broken");
            return stamperOf(stamp);
        },
    };
}

/** One file, from its last signature to its first. */
export class Judge {
    /**
     * @param {import("./trust.js").Trust} trust with the certificates and lists of the file
     * @param {Bytes[]} documents digests of what was there before anyone signed
     * @param {number} nowMs
     * @param {AlgorithmsEnd} [end]
     * @param {boolean} [isChained] whether each signature covers those before it, which are then no later
     */
    constructor(trust, documents, nowMs, end = ALGORITHMS_END, isChained = false) {
        this.trust = trust;
        this.documents = documents;
        this.provenMs = nowMs;
        this.coveredMs = nowMs;
        this.isChained = isChained;
        this.end = end;
        /** @type {Finding[]} the last first */
        this.findings = [];
        /** @type {Signed[]} */
        this.signers = [];
        /** @type {number | undefined} */
        this.closedAtMs = undefined;
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

    /** @param {Claim} one the one before those that were taken @param {boolean} isLast */
    async take(one, isLast) {
        if (one.isStamp) {
            const atMs = await this.judgeStamp(one);
            if (atMs !== undefined) this.provenMs = this.coveredMs = atMs;
            if (isLast) this.closedAtMs = atMs;
        } else {
            const signed = await this.judgeSignature(one);
            if (signed) this.signers.unshift(signed);
        }
    }

    /** @param {string} name @returns {string} by which certificates a place was signed */
    certificates(name) {
        const found = this.signers.filter(({ field }) => field === name);
        return [...new Set(found.map(({ certificate }) => certificate))].toSorted().join(" ");
    }

    /** @param {Partial<Report>} known @returns {Report} */
    report(known) {
        const { signers, closedAtMs } = this;
        return reported(this.findings.toReversed(), { signers, closedAtMs, ...known });
    }

    /** @param {Claim} one @returns {Promise<number | undefined>} its time, if it counts */
    async judgeStamp(one) {
        try {
            const certificate = await one.stamper();
            return await this.stampedAt(one, certificate);
        } catch (error) {
            this.fault(error, one.name);
            return undefined;
        }
    }

    /** @param {Claim} one @param {Certificate} certificate of who stamped it */
    async stampedAt(one, certificate) {
        return (await this.isGoodStamp(one, certificate)) ? one.stampedAtMs : undefined;
    }

    /** @param {Claim} one @param {Certificate} certificate */
    async isGoodStamp({ name: field, stampedAtMs: atMs = 0, stampedBy }, certificate) {
        const { provenMs, coveredMs } = this;
        const standing = await this.trust.standing(certificate, provenMs, this.end, stampedBy);
        if (standing.isRevoked) this.find("revoked", field);
        else if (!mayStamp(certificate))
            this.find(
                namesStamping(certificate) ? "when_is_not_proven" : "certificate_not_for_this",
                field,
            );
        else if (!standing.isTrusted || atMs > coveredMs + TOLERANCE_MS)
            this.find("when_is_not_proven", field);
        else if (standing.isWeak) this.find("algorithm_no_longer_trusted", field);
        else {
            if (!standing.isListed) this.find("revocation_unknown", field);
            return true;
        }
        return false;
    }

    /** @param {Claim} one @returns {Promise<Signed | undefined>} */
    async judgeSignature(one) {
        const field = one.name;
        try {
            const certificate = await one.signer();
            const atMs = await this.signedAt(one);
            if (this.isChained) this.coveredMs = atMs ?? this.coveredMs;
            const isGood = await this.isGoodSigner(one, certificate, atMs ?? this.provenMs);
            const root = (await this.trust.chain(certificate))?.at(-1);
            return {
                field,
                name: nameOf(certificate),
                account: accountOf(certificate),
                level: levelOf(certificate),
                registrar: registrarOf(certificate),
                hand: handOf(certificate)?.name ?? "",
                atMs,
                isProven: isGood && atMs !== undefined,
                certificate: hex(await digestOf(certificate)),
                issuer: issuerOf(certificate),
                root: root ? hex(await digestOf(root)) : "",
                policies: policiesOf(certificate),
                clause: "",
            };
        } catch (error) {
            this.fault(error, field);
            return undefined;
        }
    }

    /** @param {Claim} one */
    async signedAt(one) {
        if (one.stampedAtMs !== undefined) return this.stampedAt(one, await one.stamper());
        this.find("not_time_stamped", one.name);
        return undefined;
    }

    /** @param {Claim} one @param {Certificate} certificate @param {number} atMs */
    async isGoodSigner({ name: field, signedBy }, certificate, atMs) {
        const standing = await this.trust.standing(certificate, atMs, this.end, signedBy);
        if (standing.isRevoked) this.find("revoked", field);
        else if (!allowsSigning(certificate)) this.find("certificate_not_for_this", field);
        else if (!this.isForThis(certificate)) this.find("certified_for_another_document", field);
        else if (!standing.isTrusted) this.find("who_is_not_proven", field);
        else if (standing.isWeak) this.find("algorithm_no_longer_trusted", field);
        else if (!standing.isListed) this.find("revocation_unknown", field);
        const { isTrusted, isListed, isRevoked, isWeak } = standing;
        return isTrusted && isListed && !isRevoked && !isWeak;
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
