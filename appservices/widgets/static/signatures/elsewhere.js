/**
 * Signatures in PDF files that other programs made, as `veche.documents.signatures.foreign` judges
 * them: never green. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./judging.js").Claim} Claim
 * @typedef {import("./judging.js").Finding} Finding
 * @typedef {import("./judging.js").Report} Report
 *
 * @typedef {object} Cms a signature of one signer, as it was read
 * @property {Bytes} contentType
 * @property {Bytes | undefined} content
 * @property {Bytes[]} certificates
 * @property {Bytes[]} lists of revoked ones, and answers of responders
 * @property {der.Element} signer
 * @property {string} hash
 * @property {Bytes} attributes
 * @property {Map<string, Bytes>} values
 * @property {der.Element} algorithm
 * @property {Bytes} signature
 * @property {Bytes | undefined} token
 *
 * @typedef {Claim & {end: number, parts: Cms[]}} Elsewhere
 */
import { digested, hex, isSame } from "../verify/bytes.js";
import { asText } from "../pdf/values.js";
import { hasSigned, hashOf, isTaken, schemeOf } from "./algorithms.js";
import { namesIn, says, valuesIn } from "./attributes.js";
import { issuerAndSerialOf, keyIdOf, readCertificate } from "./certificate.js";
import { DATA, SIGNED_DATA, TIME_STAMP_TOKEN, TST_INFO, momentOf } from "./cms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { nameOfHash } from "./digests.js";
import { ALGORITHMS_END, Fault, Judge } from "./judging.js";
import { archived, fromCms } from "./proofs.js";
import { Trust, readable } from "./trust.js";

const SIGNATURES_MAX = 20;
const CMS_BYTES_MAX = 256 * 1024;
const RANGE =
    /\/ByteRange[\0\t\n\f\r ]*\[[\0\t\n\f\r ]*0{1,10}[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]*\]/g;
const ANY_RANGE = "/ByteRange";
const HOLE = /^[\0\t\n\f\r ]*<([0-9A-Fa-f\0\t\n\f\r ]+)>[\0\t\n\f\r ]*$/;
const SPACE = /[\0\t\n\f\r ]/g;
const TEXT = /^\([\s\S]*\)$/;
/** First octets of signatures: of CMS, and of those that are a number alone, in DER or BER. */
const BEGINNINGS = new Set([0x30, 0x04, 0x24]);
const UNREAD = "signature_not_readable";
const ONLY_LINE_ENDS = /^[\r\n]*$/;
const TOKEN = hex(TIME_STAMP_TOKEN);
/** Attributes with proofs: of Adobe, which is signed, and of CAdES, which is not. */
const REVOCATION = ["1.2.840.113583.1.1.8", "1.2.840.113549.1.9.16.2.24"].map((one) =>
    hex(der.oid(one)),
);
const CONTEXT_0 = 0xa0;
const CONTEXT_1 = 0xa1;
const KEY_ID = 0x80;

/**
 * @param {Bytes} bytes the file
 * @param {Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists]
 * @param {import("./judging.js").AlgorithmsEnd} [end]
 * @param {string} [pdf] the file as text, from who has it
 * @returns {Promise<Report | undefined>} none: there is no signature in it that can be read
 */
export async function judgeElsewhere(
    bytes,
    roots,
    nowMs,
    lists = [],
    end = ALGORITHMS_END,
    pdf = asText(bytes),
) {
    /** @type {Finding[]} */
    const broken = [];
    const claims = claimsIn(pdf, bytes, broken);
    if (claims.length === 0 && broken.length === 0) return undefined;
    const parts = claims.flatMap((one) => one.parts);
    const held = parts.flatMap((one) => one.certificates);
    const known = parts.flatMap((one) => one.lists);
    const judge = new Judge(new Trust(roots, held, [...known, ...lists]), [], nowMs, end);
    judge.findings.push(...broken);
    for (const one of claims.toReversed()) {
        const isWhole = ONLY_LINE_ENDS.test(pdf.slice(one.end));
        await judge.take(one, isWhole);
        if (!isWhole && !one.isStamp) judge.find("signed_an_earlier_state", one.name);
    }
    if (!isOften(pdf, ANY_RANGE, claims.length + broken.length))
        judge.find("other_signatures_before");
    const last = claims.at(-1);
    if (last?.isStamp && !ONLY_LINE_ENDS.test(pdf.slice(last.end)))
        judge.find("signed_an_earlier_state");
    if (broken.length === 0 && claims.every(({ isStamp }) => isStamp)) judge.find("no_signature");
    judge.find("signed_elsewhere");
    return judge.report({});
}

/** @param {string} pdf @param {string} what @param {number} often whether it is there just so often */
function isOften(pdf, what, often) {
    let at = pdf.indexOf(what);
    for (let left = often; left > 0 && at >= 0; left -= 1) {
        at = pdf.indexOf(what, at + what.length);
        if (at < 0) return left === 1;
    }
    return at < 0 && often === 0;
}

/** @param {string} pdf @param {Bytes} bytes @param {Finding[]} broken @returns {Elsewhere[]} */
function claimsIn(pdf, bytes, broken) {
    const found = [];
    let number = 0;
    for (const [, hole, resume, rest] of pdf.matchAll(RANGE)) {
        if (number === SIGNATURES_MAX) {
            broken.push({ reason: "too_many_signatures", field: "", detail: "" });
            break;
        }
        number += 1;
        const field = `${number}`;
        try {
            found.push(claimOf(pdf, bytes, field, [Number(hole), Number(resume), Number(rest)]));
        } catch (error) {
            broken.push({ reason: reasonOf(error), field, detail: String(error) });
        }
    }
    return found.toSorted((one, other) => one.end - other.end);
}

/** @param {unknown} error @returns {string} @throws {unknown} it is no fault of the file */
function reasonOf(error) {
    if (error instanceof Fault) return error.reason;
    if (error instanceof DerError) return UNREAD;
    throw error;
}

/**
 * @param {string} pdf
 * @param {Bytes} bytes
 * @param {string} name
 * @param {[number, number, number]} range
 * @returns {Elsewhere}
 */
function claimOf(pdf, bytes, name, [hole, resume, rest]) {
    const end = resume + rest;
    const isRange = hole < resume && resume <= end && end <= bytes.length;
    const held = isRange ? pdf.slice(hole, resume) : "";
    const isLong = held.length > 2 * CMS_BYTES_MAX && held.indexOf(">") === held.length - 1;
    if (isLong || TEXT.test(held)) throw new Fault(UNREAD);
    const digits = HOLE.exec(held)?.[1]?.replaceAll(SPACE, "");
    if (digits === undefined) throw new Fault("does_not_cover_its_revision");
    const data = Uint8Array.from({ length: Math.ceil(digits.length / 2) }, (_, at) =>
        Number.parseInt(digits.slice(2 * at, 2 * at + 2).padEnd(2, "0"), 16),
    );
    if (!BEGINNINGS.has(data[0] ?? 0)) throw new Fault("broken");
    const [encoded, length] = der.readIndefinite(data);
    if (data.subarray(length).some((byte) => byte !== 0)) throw new Fault("broken");
    const cms = readCms(encoded);
    const isStamp = isSame(cms.contentType, TST_INFO);
    const stamp = isStamp ? cms : cms.token && readCms(cms.token);
    const stated = stamp && statedIn(stamp);
    const covered = [bytes.subarray(0, hole), bytes.subarray(resume, end)];
    return {
        name,
        end,
        isStamp,
        parts: stamp && stamp !== cms ? [cms, stamp] : [cms],
        stampedAtMs: stated?.atMs,
        signedBy: [nameOfHash(cms.hash)],
        stampedBy: stamp && stated ? [stated.hash, stamp.hash].map(nameOfHash) : [],
        signer: async () => {
            if (!isSame(cms.contentType, DATA) || cms.content) throw new Fault(UNREAD);
            return signerOf(cms, await digested(cms.hash, covered));
        },
        stamper: async () => {
            if (!stamp || !stated) throw new Fault("broken");
            const own = await digested(stated.hash, isStamp ? covered : [cms.signature]);
            if (!isSame(own, stated.imprint)) throw new Fault("broken");
            return signerOf(stamp, await digested(stamp.hash, [stamp.content ?? new Uint8Array()]));
        },
    };
}

/** @template T @param {T | undefined} part @returns {T} */
function needed(part) {
    if (part === undefined) throw new DerError("a part is missing");
    return part;
}

/** @param {Bytes} encoded @returns {Cms} */
function readCms(encoded) {
    const [kind, wrapped] = der.members(der.readWhole(encoded, der.SEQUENCE), der.OID, CONTEXT_0);
    if (!isSame(der.tlv(der.OID, needed(kind)), SIGNED_DATA)) throw new Fault(UNREAD);
    const [, , content, ...rest] = der.children(der.readWhole(needed(wrapped), der.SEQUENCE));
    const held = rest.find((one) => one.tag === CONTEXT_0)?.body ?? new Uint8Array();
    const infos = needed(rest.at(-1));
    const [info, ...others] = der.children(infos.body);
    if (infos.tag !== der.SET || !info || others.length > 0) throw new Fault(UNREAD);
    const [, signer, hashed, attributes, algorithm, signature, unsigned] = der.children(info.body);
    if (attributes?.tag !== CONTEXT_0 || signature?.tag !== der.OCTET_STRING)
        throw new Fault(UNREAD);
    const [what, enclosed] = der.children(needed(content).body);
    const hash = hashOf(needed(hashed).body);
    if (!hash) throw new Fault(UNREAD);
    const values = valuesIn(attributes.body);
    const more = unsigned ? valuesIn(unsigned.body) : new Map();
    const listed = rest.find((one) => one.tag === CONTEXT_1)?.body ?? new Uint8Array();
    return {
        contentType: needed(what).encoded,
        content: enclosed && der.readWhole(enclosed.body, der.OCTET_STRING),
        certificates: der.children(held).map((one) => one.encoded),
        lists: listsIn(listed, new Map([...values, ...more])),
        signer: needed(signer),
        hash,
        attributes: der.tlv(der.SET, attributes.body),
        values,
        algorithm: needed(algorithm),
        signature: signature.body,
        token: more.get(TOKEN),
    };
}

/**
 * @param {Bytes} listed
 * @param {Map<string, Bytes>} attributes
 * @returns {Bytes[]} what says that certificates were not revoked
 */
function listsIn(listed, attributes) {
    const kept = REVOCATION.flatMap((one) => attributes.get(one) ?? []);
    return [() => fromCms(listed), ...kept.map((one) => () => archived(one))].flatMap((read) => {
        try {
            return read();
        } catch (error) {
            if (error instanceof DerError) return []; // what cannot be read says nothing
            throw error;
        }
    });
}

/** @param {Cms} cms @param {Bytes} own digest of what is here @returns {Promise<Certificate>} */
async function signerOf(cms, own) {
    try {
        return await checkedSigner(cms, own);
    } catch (error) {
        throw error instanceof DerError ? new Fault(UNREAD) : error;
    }
}

/** @param {Cms} cms @param {Bytes} own @returns {Promise<Certificate>} */
async function checkedSigner(cms, own) {
    const certificate = readable(cms.certificates, readCertificate).find((one) => isOf(cms, one));
    if (!certificate) throw new Fault(UNREAD);
    if (!says(cms.values, cms.contentType, own)) throw new Fault("broken");
    if ((await namesIn(cms.values, certificate)) === false) throw new Fault("broken");
    const scheme = schemeOf(cms.algorithm.body, cms.hash);
    if (!scheme || !isTaken(certificate.key)) throw new Fault(UNREAD);
    // Signed in the order of DER, whatever the order in which they stand there (RFC 5652 §5.4).
    const held = der.children(der.readWhole(cms.attributes, der.SET));
    for (const form of [cms.attributes, der.setOf(...held.map((one) => one.encoded))])
        if (await hasSigned(certificate.key, cms.signature, form, scheme)) return certificate;
    throw new Fault("broken");
}

/** @param {Cms} cms @param {Certificate} one */
function isOf({ signer }, one) {
    if (signer.tag !== KEY_ID) return isSame(issuerAndSerialOf(one), signer.encoded);
    const id = keyIdOf(one);
    return id !== undefined && isSame(id, signer.body);
}

/** @param {Cms} stamp @returns {{hash: string, imprint: Bytes, atMs: number}} */
function statedIn(stamp) {
    if (!isSame(stamp.contentType, TST_INFO) || !stamp.content) throw new Fault(UNREAD);
    const [, , imprint, , when] = der.children(der.readWhole(stamp.content, der.SEQUENCE));
    const [algorithm, imprinted, ...more] = der.children(needed(imprint).body);
    const hash = hashOf(needed(algorithm).body);
    if (when?.tag !== der.GENERALIZED_TIME || !hash || more.length > 0) throw new Fault(UNREAD);
    return { hash, imprint: needed(imprinted).body, atMs: momentOf(when.body) };
}
