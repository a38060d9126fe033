/**
 * CMS signatures and time stamps, read as `veche.documents.pki.cms` and `stamps` do. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./digests.js").Hash} Hash
 *
 * @typedef {object} SignedData
 * @property {Bytes} contentType OID
 * @property {Bytes | undefined} content none if it is detached
 * @property {Bytes[]} certificates
 * @property {Bytes} issuerAndSerial
 * @property {Bytes} attributes as a SET
 * @property {Bytes} algorithm
 * @property {Bytes} signature
 * @property {Bytes | undefined} token
 * @property {Bytes[]} lists of revoked certificates, and answers, that travel with it
 * @property {Hash} by the hash of what is signed, and of the attributes
 *
 * @typedef {object} Stamp
 * @property {Bytes} imprint
 * @property {number} atMs
 * @property {Bytes | undefined} nonce contents of the INTEGER
 * @property {SignedData} signed
 * @property {Hash} by the hash of the imprint
 * @property {Bytes} policy DER of the OID under which it was made
 */
import { isSame } from "../verify/bytes.js";
import * as der from "./der.js";
import { DerError } from "./der.js";
import { issuerAndSerialOf } from "./certificate.js";
import { HASHES, SHA256, digestBy, hashNamed } from "./digests.js";
import { OTHER, archived, fromCms, isAnswer, toCms, toValues } from "./proofs.js";

export const CMS_BYTES_MAX = 64 * 1024;
export const DATA = der.oid("1.2.840.113549.1.7.1");
export const TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4");
export const SIGNED_DATA = der.oid("1.2.840.113549.1.7.2");
const CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47");
export const TIME_STAMP_TOKEN = der.oid("1.2.840.113549.1.9.16.2.14");
const REVOCATION_VALUES = der.oid("1.2.840.113549.1.9.16.2.24");
const UNSIGNED_KINDS = [TIME_STAMP_TOKEN, REVOCATION_VALUES];
const EXPLICIT_0 = 0xa0;
const UNSIGNED = 0xa1;
const ISSUER_NAME = 0xa4;
const ONE = Uint8Array.of(2, 1, 1);
const LISTS = 0xa1;
/** Version of what has other proofs than lists. */
const WITH_OTHERS = Uint8Array.of(5);
const PARTS = [der.INTEGER, der.SET, der.SEQUENCE, EXPLICIT_0, der.SET];
const INFO = [
    der.INTEGER,
    der.SEQUENCE,
    der.SEQUENCE,
    EXPLICIT_0,
    der.SEQUENCE,
    der.OCTET_STRING,
    UNSIGNED,
];

/**
 * What a key signs (RFC 5652 §5.4), built again to be compared.
 * @param {Certificate} certificate
 * @param {Bytes} digest
 * @param {Bytes} contentType
 * @param {Hash} [by]
 * @returns {Promise<Bytes>}
 */
export async function signedAttributes(certificate, digest, contentType, by = SHA256) {
    const { issuer, serial } = certificate;
    const name = der.sequence(
        der.sequence(der.tlv(ISSUER_NAME, issuer)),
        der.tlv(der.INTEGER, serial),
    );
    const own = der.tlv(der.OCTET_STRING, await digestBy(by, certificate.encoded));
    // SHA-256 is the default, which DER leaves out (RFC 5035 §4).
    const reference = der.sequence(...(by === SHA256 ? [] : [by.identifier]), own, name);
    return der.setOf(
        der.sequence(CONTENT_TYPE, der.setOf(contentType)),
        der.sequence(MESSAGE_DIGEST, der.setOf(der.tlv(der.OCTET_STRING, digest))),
        der.sequence(SIGNING_CERTIFICATE_V2, der.setOf(der.sequence(der.sequence(reference)))),
    );
}

/** @param {SignedData} signed @param {Certificate} certificate */
export function names(signed, certificate) {
    return isSame(signed.issuerAndSerial, issuerAndSerialOf(certificate));
}

/**
 * @param {Bytes} encoded
 * @param {Hash[]} [taken] the hashes that count
 * @returns {SignedData}
 * @throws {DerError} not of our form
 */
export function readSignedData(encoded, taken = [SHA256]) {
    if (encoded.length > CMS_BYTES_MAX) throw new DerError("too large");
    const outer = der.readWhole(encoded, der.SEQUENCE);
    const [kind, wrapped] = der.members(outer, der.OID, EXPLICIT_0);
    const [, digests, content, certificates, lists, infos] = partsIn(needed(wrapped));
    const by = hashNamed(needed(digests), taken);
    if (!isSame(der.tlv(der.OID, needed(kind)), SIGNED_DATA) || !by)
        throw new DerError("not a signature with a hash that is taken");
    const [signer, ...others] = der.children(needed(infos));
    if (signer?.tag !== der.SEQUENCE || others.length > 0) throw new DerError("not by one signer");
    const parts = der.children(signer.body);
    const [version, name, digest, attributes, algorithm, signature, unsigned] = parts;
    const isKnown =
        parts.every((one, at) => one.tag === INFO[at]) && parts.length >= INFO.length - 1;
    if (!isKnown || !version || !name || !digest || !attributes || !algorithm || !signature)
        throw new DerError("the signer's part is of another form");
    if (!isSame(version.encoded, ONE) || hashNamed(digest.encoded, taken) !== by)
        throw new DerError("another hash");
    const { contentType, enclosed } = contentOf(needed(content));
    const { token, answers } = unsigned
        ? unsignedIn(unsigned.body)
        : { token: undefined, answers: [] };
    return {
        contentType,
        content: enclosed,
        certificates: der.children(needed(certificates)).map((one) => one.encoded),
        issuerAndSerial: name.encoded,
        attributes: der.tlv(der.SET, attributes.body),
        algorithm: algorithm.encoded,
        signature: signature.body,
        token,
        lists: [...fromCms(needed(lists)), ...answers],
        by,
    };
}

/** @param {Bytes} wrapped @returns {Bytes[]} version, digests, content, certificates, lists, signers */
function partsIn(wrapped) {
    const found = der.children(der.readWhole(wrapped, der.SEQUENCE));
    const hasLists = found.length > PARTS.length && found[PARTS.length - 1]?.tag === LISTS;
    const lists = hasLists ? found.splice(PARTS.length - 1, 1)[0]?.body : new Uint8Array();
    if (found.length !== PARTS.length || found.some((one, at) => one.tag !== PARTS[at]))
        throw new DerError("not the parts of a signature");
    const bodies = found.map((one) => one.body);
    return [...bodies.slice(0, -1), needed(lists), needed(bodies.at(-1))];
}

/**
 * A signature with proofs added to what travels with it (CAdES B-LT); what is signed stays the same.
 * @param {Bytes} encoded of this module's form
 * @param {Bytes[]} certificates
 * @param {Bytes[]} lists
 * @returns {Bytes}
 */
export function withProofs(encoded, certificates, lists) {
    const known = readSignedData(encoded, HASHES);
    const outer = der.readWhole(encoded, der.SEQUENCE);
    const [kind, wrapped] = der.members(outer, der.OID, EXPLICIT_0);
    const [version, digests, content, , , infos] = partsIn(needed(wrapped));
    const every = sortedOnce([...known.lists, ...lists]);
    // OpenSSL reads no time stamp with others than lists in their place.
    const apart = known.content ? every.filter(isAnswer) : [];
    const listed = sortedOnce(toCms(every.filter((one) => !apart.includes(one))));
    const hasOthers = listed.some(([tag]) => tag === OTHER); // RFC 5652 §5.1
    const made = der.sequence(
        der.tlv(der.OID, needed(kind)),
        der.tlv(
            EXPLICIT_0,
            der.sequence(
                der.tlv(der.INTEGER, hasOthers ? WITH_OTHERS : needed(version)),
                der.tlv(der.SET, needed(digests)),
                der.tlv(der.SEQUENCE, needed(content)),
                der.tlv(EXPLICIT_0, ...sortedOnce([...known.certificates, ...certificates])),
                ...(listed.length > 0 ? [der.tlv(LISTS, ...listed)] : []),
                der.tlv(
                    der.SET,
                    apart.length > 0 ? withValues(needed(infos), apart) : needed(infos),
                ),
            ),
        ),
    );
    readSignedData(made, HASHES);
    return made;
}

/** @param {Bytes} infos @param {Bytes[]} answers @returns {Bytes} with them among what is not signed */
function withValues(infos, answers) {
    const parts = der.children(der.readWhole(infos, der.SEQUENCE));
    const [signed, [unsigned]] = [parts.slice(0, INFO.length - 1), parts.slice(INFO.length - 1)];
    const others = der
        .children(unsigned?.body ?? new Uint8Array())
        .filter((one) => !isSame(kindOf(one), REVOCATION_VALUES))
        .map((one) => one.encoded);
    const values = der.sequence(REVOCATION_VALUES, der.tlv(der.SET, toValues(answers)));
    const more = der.tlv(UNSIGNED, ...[...others, values].toSorted(der.compare));
    return der.sequence(...signed.map((one) => one.encoded), more);
}

/** @param {Bytes[]} parts @returns {Bytes[]} each once, in the order of their encodings */
function sortedOnce(parts) {
    const sorted = parts.toSorted(der.compare);
    return sorted.filter((one, at) => at === 0 || der.compare(one, sorted[at - 1] ?? one) !== 0);
}

/** @param {Bytes | undefined} part @returns {Bytes} */
function needed(part) {
    if (!part) throw new DerError("a part is missing");
    return part;
}

/** @param {Bytes} body */
function contentOf(body) {
    const [kind, held, ...more] = der.children(body);
    if (kind?.tag !== der.OID || more.length > 0 || (held && held.tag !== EXPLICIT_0))
        throw new DerError("what is signed is of another form");
    return {
        contentType: kind.encoded,
        enclosed: held && der.readWhole(held.body, der.OCTET_STRING),
    };
}

/** @param {Bytes} body the time stamp and the proofs that are not signed; there is nothing else */
function unsignedIn(body) {
    const parts = der.children(body);
    const kinds = parts.map(kindOf);
    const isKnown = kinds.every((one) => UNSIGNED_KINDS.some((known) => isSame(known, one)));
    const isSorted = parts.every((one, at) => {
        const before = parts[at - 1];
        return !before || der.compare(before.encoded, one.encoded) < 0;
    });
    const isTwice = kinds.length > 1 && isSame(needed(kinds[0]), needed(kinds[1]));
    if (kinds.length === 0 || kinds.length > 2 || !isKnown || !isSorted || isTwice)
        throw new DerError("an unsigned attribute that is neither one time stamp nor proofs");
    const held = parts.map(valueOf);
    const [token, values] = UNSIGNED_KINDS.map(
        (kind) => held[kinds.findIndex((one) => isSame(one, kind))],
    );
    const answers = values ? archived(values) : [];
    if (values && (answers.length === 0 || !isSame(toValues(answers), values)))
        throw new DerError("proofs that are not signed are answers, and nothing else");
    return { token, answers };
}

/** @param {der.Element} attribute @returns {Bytes} DER of its OID */
function kindOf({ encoded }) {
    const [kind] = der.members(der.readWhole(encoded, der.SEQUENCE), der.OID, der.SET);
    return der.tlv(der.OID, needed(kind));
}

/** @param {der.Element} attribute @returns {Bytes} */
function valueOf({ body }) {
    const [, values] = der.members(body, der.OID, der.SET);
    const [value, ...more] = der.children(needed(values));
    if (!value || more.length > 0) throw new DerError("it has not one value");
    return value.encoded;
}

/** @param {Bytes} encoded @returns {Stamp} @throws {DerError} it is none */
export function readToken(encoded) {
    const signed = readSignedData(encoded, HASHES);
    if (!isSame(signed.contentType, TST_INFO) || !signed.content || signed.token)
        throw new DerError("not a time stamp");
    const parts = der.children(der.readWhole(signed.content, der.SEQUENCE));
    const [version, policy, imprint, , when, ...rest] = parts;
    if (
        !version ||
        !policy ||
        !imprint ||
        !when ||
        !isSame(version.encoded, ONE) ||
        when.tag !== der.GENERALIZED_TIME
    )
        throw new DerError("not a time stamp of version 1");
    const [algorithm, digest] = der.members(imprint.body, der.SEQUENCE, der.OCTET_STRING);
    const by = hashNamed(der.sequence(needed(algorithm)));
    if (!by || needed(digest).length !== by.size)
        throw new DerError("the time stamp is not over SHA-256, SHA-384 or SHA-512");
    const numbers = rest.filter((one) => one.tag === der.INTEGER);
    for (const one of numbers) checkNatural(one.body);
    const nonce = numbers[0]?.body;
    const atMs = momentOf(when.body);
    return { imprint: needed(digest), atMs, nonce, signed, by, policy: policy.encoded };
}

/** @param {Bytes} body of an INTEGER @throws {DerError} negative, or not in its shortest form */
export function checkNatural(body) {
    const [first, second] = body;
    const isLong = body.length > 1 && first === 0 && second !== undefined && (second & 0x80) === 0;
    if (first === undefined || (first & 0x80) !== 0 || isLong)
        throw new DerError("no natural number");
}

/** @param {Bytes} body of a GeneralizedTime as tokens have it */
export function momentOf(body) {
    const text = String.fromCharCode(...body);
    const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,5}[1-9]))?Z$/.exec(text);
    if (!found) throw new DerError("the time stamp states no time");
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
        .slice(1, 7)
        .map(Number);
    const whole = Date.UTC(year, month - 1, day, hour, minute, second);
    const stated = new Date(whole).toISOString().replaceAll(/[-:T]|\.\d+Z/g, "");
    if (stated !== text.slice(0, 14)) throw new DerError("the time stamp states no time");
    return whole + Number((found[7] ?? "0").padEnd(6, "0").slice(0, 3));
}

/** @param {SignedData} signed @returns {Promise<Bytes>} */
export function contentDigest(signed) {
    return digestBy(signed.by, signed.content ?? new Uint8Array());
}
