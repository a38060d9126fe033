/**
 * Certificates and lists of revoked ones, as far as our profile goes (RFC 5280). Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./der.js").Element} Element
 * @typedef {import("./algorithms.js").PublicKey} PublicKey
 * @typedef {import("./algorithms.js").Scheme} Scheme
 *
 * @typedef {object} Extension
 * @property {boolean} critical
 * @property {Bytes} value what its OCTET STRING holds
 *
 * @typedef {object} Certificate
 * @property {Bytes} encoded
 * @property {Bytes} signed the part that is signed
 * @property {Bytes} signature DER
 * @property {Scheme | undefined} scheme of the signature; none: another one
 * @property {Bytes} serial contents of the INTEGER
 * @property {Bytes} issuer DER
 * @property {Bytes} subject DER
 * @property {number} notBeforeMs
 * @property {number} notAfterMs
 * @property {PublicKey | undefined} key none if it is of another kind
 * @property {Bytes} keyBits octets of the key, without its algorithm
 * @property {Map<string, Extension>} extensions by hex of the OID's contents
 * @property {boolean} [isForStamps] whether it is trusted, if it is, for time stamps alone
 *
 * @typedef {object} RevocationList
 * @property {Bytes} signed
 * @property {Bytes} signature
 * @property {Scheme | undefined} scheme
 * @property {Bytes} issuer
 * @property {number} thisUpdateMs
 * @property {number | undefined} nextUpdateMs
 * @property {Map<string, number>} revoked when, by hex of the serial number
 * @property {Map<string, Extension>} extensions
 */
import { hex, isSame, sha256 } from "../verify/bytes.js";
import { hasSigned, idOf, keyOf, schemeOf, wholeBits } from "./algorithms.js";
import * as der from "./der.js";
import { DerError } from "./der.js";

const ARC = "2.25.147685682438330685864766896022376717073";
const EXTENSIONS_MAX = 40;
const ENTRIES_MAX = 10_000;
const CONTEXT_0 = 0xa0;
const CONTEXT_3 = 0xa3;
const ADDRESS = 0x86;
/** onlySomeReasons, indirectCRL, onlyContainsAttributeCerts */
/** [0] of certificates of version 1, 2 and 3 */
const VERSIONS = new Set(["020100", "020101", "020102"]);
/** Unique identifiers, and extensions. */
const TAIL = new Set([0x81, 0x82, CONTEXT_3]);
const PARTIAL = new Set([0x83, 0x84, 0x85]);

const KEY_ID = idOf("2.5.29.14");
const BASIC_CONSTRAINTS = idOf("2.5.29.19");
const KEY_USAGE = idOf("2.5.29.15");
const EXTENDED_KEY_USAGE = idOf("2.5.29.37");
const POLICIES = idOf("2.5.29.32");
const LIST_ADDRESSES = idOf("2.5.29.31");
const LIST_BOUNDS = idOf("2.5.29.28");
const LIST_OF_CHANGES = idOf("2.5.29.27");
/** Critical extensions that stop nobody, as `stated.is_understood` has them. */
const UNDERSTOOD = new Set([
    ...[BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, POLICIES, LIST_ADDRESSES, KEY_ID],
    // Its issuer's key, other names, what is done with policies, and where more is told.
    ...["2.5.29.35", "2.5.29.17", "2.5.29.36", "2.5.29.54", "1.3.6.1.5.5.7.1.1"].map(idOf),
]);
const TIME_STAMPING = idOf("1.3.6.1.5.5.7.3.8");
const OCSP_SIGNING = idOf("1.3.6.1.5.5.7.3.9");
const NO_CHECK = idOf("1.3.6.1.5.5.7.48.1.5");
const DOCUMENT_DIGEST = idOf(`${ARC}.3.1`);
const REGISTRAR = idOf(`${ARC}.3.2`);
const HAND = idOf(`${ARC}.3.3`);
const COMMON_NAME = idOf("2.5.4.3");
const PSEUDONYM = idOf("2.5.4.65");
/** @type {Map<string, string>} */
const LEVELS = new Map([
    [idOf(`${ARC}.2.1`), "account"],
    [idOf(`${ARC}.2.2`), "substantial"],
    [idOf(`${ARC}.2.3`), "high"],
    [idOf(`${ARC}.2.4`), "in_person"],
    [idOf(`${ARC}.2.9`), "seal"],
]);

/** @param {Bytes} encoded @returns {Certificate} @throws {DerError} */
export function readCertificate(encoded) {
    const { body, signed, algorithm, scheme, signature } = readSigned(encoded);
    const parts = der.children(body);
    if (parts[0]?.tag === CONTEXT_0 && !VERSIONS.has(hex(parts.shift()?.body ?? body)))
        throw new DerError("no version that is known");
    const [serial, own, issuer, life, subject, key, ...rest] = parts;
    const isFormed = [own, issuer, life, subject, key].every((one) => one?.tag === der.SEQUENCE);
    const isKnown = rest.every(({ tag }) => TAIL.has(tag));
    if (
        serial?.tag !== der.INTEGER ||
        !isPositive(serial.body) ||
        !isFormed ||
        !isKnown ||
        !issuer ||
        !life ||
        !subject ||
        !key
    )
        throw new DerError("no certificate");
    const [begins, ends] = der.children(life.body);
    return checked({
        encoded,
        signed,
        signature,
        // The part that is signed has to name the same algorithm.
        scheme: own && isSame(own.encoded, algorithm) ? scheme : undefined,
        serial: serial.body,
        issuer: issuer.encoded,
        subject: subject.encoded,
        notBeforeMs: momentOf(begins),
        notAfterMs: momentOf(ends),
        key: keyOf(key),
        keyBits: wholeBits(der.children(key.body)[1]),
        extensions: extensionsOf(rest.find((one) => one.tag === CONTEXT_3)),
    });
}

/** @param {Bytes} body of an INTEGER */
function isPositive(body) {
    return ((body[0] ?? 0x80) & 0x80) === 0 && body.some((byte) => byte !== 0);
}

/**
 * Reads once all that is asked of a certificate later, so that one that cannot be read is none.
 * @param {Certificate} one
 */
function checked(one) {
    isAuthority(one);
    allowsBelow(one, 0);
    hasUse(one, 0);
    isForStamps(one);
    isResponder(one);
    needsNoList(one);
    levelOf(one);
    registrarOf(one);
    handOf(one);
    nameOf(one);
    listAddressesOf(one);
    return one;
}

/** @param {Bytes} encoded @returns {RevocationList} @throws {DerError} */
export function readList(encoded) {
    const { body, signed, scheme, signature } = readSigned(encoded);
    const parts = der.children(body);
    if (parts[0]?.tag === der.INTEGER) parts.shift();
    const [, issuer, begins, ...rest] = parts;
    if (!issuer || !begins) throw new DerError("no list");
    const isTime = rest[0]?.tag === der.UTC_TIME || rest[0]?.tag === der.GENERALIZED_TIME;
    const next = isTime ? rest.shift() : undefined;
    const entries = rest[0]?.tag === der.SEQUENCE ? rest.shift() : undefined;
    /** @type {Map<string, number>} */
    const revoked = new Map();
    for (const one of der.children(entries?.body ?? new Uint8Array(), ENTRIES_MAX)) {
        const [serial, at] = der.children(one.body);
        if (serial) revoked.set(hex(serial.body), momentOf(at));
    }
    const extensions = extensionsOf(rest.find((one) => one.tag === CONTEXT_0));
    boundsIn(extensions);
    return {
        signed,
        signature,
        scheme,
        issuer: issuer.encoded,
        thisUpdateMs: momentOf(begins),
        nextUpdateMs: next && momentOf(next),
        revoked,
        extensions,
    };
}

/** @param {Bytes} encoded of SIGNED (RFC 5280 §4.1) */
function readSigned(encoded) {
    const [held, kind, bits] = der.children(der.readWhole(encoded, der.SEQUENCE));
    if (held?.tag !== der.SEQUENCE || kind?.tag !== der.SEQUENCE || bits?.tag !== der.BIT_STRING)
        throw new DerError("nothing that is signed");
    return {
        body: held.body,
        signed: held.encoded,
        algorithm: kind.encoded,
        scheme: schemeOf(kind.body),
        signature: wholeBits(bits),
    };
}

/** @param {Element | undefined} one @returns {number} UTC */
function momentOf(one) {
    const text = String.fromCharCode(...(one?.body ?? []));
    const found = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
    if (!one || !found) throw new DerError("no time");
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
        .slice(1)
        .map(Number);
    const isShort = one.tag === der.UTC_TIME;
    if (isShort !== (found[1]?.length === 2)) throw new DerError("no time");
    const whole = isShort ? year + (year < 50 ? 2000 : 1900) : year;
    const at = Date.UTC(whole, month - 1, day, hour, minute, second);
    const stated = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+Z/g, "");
    if (!stated.endsWith(text.slice(0, -1))) throw new DerError("no time");
    return at;
}

/** @param {Element | undefined} holder @returns {Map<string, Extension>} */
function extensionsOf(holder) {
    /** @type {Map<string, Extension>} */
    const found = new Map();
    if (!holder) return found;
    for (const one of der.children(der.readWhole(holder.body, der.SEQUENCE), EXTENSIONS_MAX)) {
        const parts = der.children(one.body);
        const [id, value] = [parts[0], parts.at(-1)];
        if (id?.tag !== der.OID || value?.tag !== der.OCTET_STRING)
            throw new DerError("no extension");
        const name = hex(id.body);
        if (found.has(name)) throw new DerError("an extension is there twice");
        found.set(name, { critical: parts[1]?.tag === der.BOOLEAN, value: value.body });
    }
    return found;
}

/** @param {Certificate} one */
export function isAuthority(one) {
    const constraints = one.extensions.get(BASIC_CONSTRAINTS);
    if (!constraints) return false;
    const [first] = der.children(der.readWhole(constraints.value, der.SEQUENCE));
    return first?.tag === der.BOOLEAN && first.body[0] === 0xff && hasUse(one, 5);
}

/** @param {Certificate} one @param {number} authorities between it and the end */
export function allowsBelow(one, authorities) {
    const constraints = one.extensions.get(BASIC_CONSTRAINTS);
    if (!constraints) return authorities === 0;
    const length = der
        .children(der.readWhole(constraints.value, der.SEQUENCE))
        .find((part) => part.tag === der.INTEGER);
    return !length || (length.body.length === 1 && (length.body[0] ?? 0) >= authorities);
}

/** @param {Certificate} one @param {number} bit of KeyUsage */
function hasUse(one, bit) {
    const usage = one.extensions.get(KEY_USAGE);
    if (!usage) return true; // nothing limits it (RFC 5280 §4.2.1.3)
    const bits = der.readWhole(usage.value, der.BIT_STRING);
    return (((bits[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
}

/** @param {Certificate} one */
function isForStamps(one) {
    const uses = one.extensions.get(EXTENDED_KEY_USAGE);
    if (!uses?.critical) return false;
    const held = der.children(der.readWhole(uses.value, der.SEQUENCE));
    return held.length === 1 && held[0] !== undefined && hex(held[0].body) === TIME_STAMPING;
}

/** @param {Certificate} one whose uses have time stamps among them, though not as RFC 3161 §2.3 has it */
export function namesStamping(one) {
    const uses = one.extensions.get(EXTENDED_KEY_USAGE);
    if (!uses) return false;
    const held = der.children(der.readWhole(uses.value, der.SEQUENCE));
    return held.some(({ body }) => hex(body) === TIME_STAMPING);
}

/** @param {Certificate} one @returns {boolean} for signing answers, whoever has issued it */
export function isResponder(one) {
    const uses = one.extensions.get(EXTENDED_KEY_USAGE);
    if (!uses) return false;
    const held = der.children(der.readWhole(uses.value, der.SEQUENCE));
    return (
        hasUse(one, 0) &&
        held.some(({ tag, body }) => tag === der.OID && hex(body) === OCSP_SIGNING)
    );
}

/** @param {Certificate} one @returns {boolean} of a responder: its issuer revokes it never */
export function needsNoList(one) {
    const said = one.extensions.get(NO_CHECK);
    return said !== undefined && der.readWhole(said.value, der.NULL).length === 0;
}

/** @param {Certificate} one whose key it may not limit to something else than signing documents */
export function allowsSigning(one) {
    return (hasUse(one, 0) || hasUse(one, 1)) && !isForStamps(one);
}

/** @param {Certificate} one */
export function mayStamp(one) {
    return !isAuthority(one) && isForStamps(one);
}

/** @param {Certificate} one @returns {Bytes | undefined} digest of its one document */
export function documentDigestOf(one) {
    const bound = one.extensions.get(DOCUMENT_DIGEST);
    if (!bound) return undefined;
    const digest = der.readWhole(bound.value, der.OCTET_STRING);
    if (digest.length !== 32) throw new DerError("the document's digest is not 32 octets");
    return digest;
}

/**
 * @param {Certificate} one
 * @returns {string} name and account of who has identified its holder; empty: nobody
 */
export function registrarOf(one) {
    const told = one.extensions.get(REGISTRAR);
    if (!told) return "";
    try {
        const words = der.readWhole(told.value, der.OCTET_STRING);
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(words);
    } catch {
        return "";
    }
}

/**
 * @param {Certificate} one
 * @returns {{name: string, record: Bytes} | undefined} who has written by hand before its holder,
 *   and the digest of the record of that; none: nobody
 */
export function handOf(one) {
    const told = one.extensions.get(HAND);
    if (!told) return undefined;
    try {
        const words = der.readWhole(told.value, der.OCTET_STRING);
        const record = words.slice(0, 32);
        const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
            words.subarray(32),
        );
        return record.length === 32 && name ? { name, record } : undefined;
    } catch {
        return undefined;
    }
}

/** @param {Certificate} one @returns {string[]} policies that it states: hex of the OIDs' contents */
export function policiesOf(one) {
    const policies = one.extensions.get(POLICIES);
    if (!policies) return [];
    return der.children(der.readWhole(policies.value, der.SEQUENCE)).map((policy) => {
        const [id] = der.children(policy.body);
        return hex(id?.body ?? new Uint8Array());
    });
}

/** @param {Certificate} one @returns {string} how its holder is known; empty: it does not say */
export function levelOf(one) {
    const found = new Set(policiesOf(one).map((policy) => LEVELS.get(policy)));
    return [...LEVELS.values()].find((level) => found.has(level)) ?? "";
}

/** @param {Bytes} name @param {string} kind @returns {string} */
function attribute(name, kind) {
    for (const part of der.children(der.readWhole(name, der.SEQUENCE))) {
        for (const pair of der.children(part.body)) {
            const [id, value] = der.children(pair.body);
            if (id && value && hex(id.body) === kind) return new TextDecoder().decode(value.body);
        }
    }
    return "";
}

/** @param {Certificate} one */
export function nameOf(one) {
    return attribute(one.subject, COMMON_NAME);
}

/** @param {Certificate} one @returns {string} who has issued it, as it says */
export function issuerOf(one) {
    return attribute(one.issuer, COMMON_NAME);
}

/** @param {Certificate} one */
export function accountOf(one) {
    return attribute(one.subject, PSEUDONYM);
}

/** @param {Certificate} one @returns {string[]} where its list is */
export function listAddressesOf(one) {
    const held = one.extensions.get(LIST_ADDRESSES);
    if (!held) return [];
    return der.children(der.readWhole(held.value, der.SEQUENCE)).flatMap((point) => {
        const [name] = der.children(point.body);
        return name?.tag === CONTEXT_0 ? addressesIn(name.body) : [];
    });
}

/** @param {Bytes} body of DistributionPointName @returns {string[]} */
function addressesIn(body) {
    const [full] = der.children(body);
    if (full?.tag !== CONTEXT_0) return [];
    return der
        .children(full.body)
        .filter((one) => one.tag === ADDRESS)
        .map((one) => String.fromCharCode(...one.body));
}

/**
 * @param {Map<string, Extension>} extensions of a list
 * @returns {{addresses: string[], isPartial: boolean} | undefined} none: it is about all
 */
function boundsIn(extensions) {
    const bounds = extensions.get(LIST_BOUNDS);
    if (!bounds) return undefined;
    const parts = der.children(der.readWhole(bounds.value, der.SEQUENCE));
    const name = parts.find((part) => part.tag === CONTEXT_0);
    const addresses = name ? addressesIn(name.body) : [];
    return {
        addresses,
        isPartial: parts.some((part) => PARTIAL.has(part.tag) && part.body[0] !== 0),
    };
}

/** @param {RevocationList} list @param {Certificate} one @returns {boolean} whether it is about it */
export function isAbout(list, one) {
    const bounds = boundsIn(list.extensions);
    if (!bounds) return true;
    const mine = new Set(listAddressesOf(one));
    return !bounds.isPartial && bounds.addresses.some((address) => mine.has(address));
}

/**
 * One of changes says nothing of who was revoked before; what must be understood, and is not here, may say
 * the like (RFC 5280 §5.2).
 * @param {RevocationList} list
 * @returns {boolean} whether who is not on it was not revoked
 */
export function isWhole({ extensions }) {
    const isKnown = [...extensions].every(([id, { critical }]) => !critical || id === LIST_BOUNDS);
    return isKnown && !extensions.has(LIST_OF_CHANGES);
}

/** @param {Certificate} one @returns {boolean} whether nothing in it must be understood that is not looked at */
export function isUnderstood({ extensions }) {
    return [...extensions].every(([id, { critical }]) => !critical || UNDERSTOOD.has(id));
}

/** @param {Certificate} one @returns {Bytes | undefined} of its key, as it says itself */
export function keyIdOf(one) {
    const held = one.extensions.get(KEY_ID);
    return held && der.readWhole(held.value, der.OCTET_STRING);
}

/** @param {Certificate} one @returns {Bytes} what names it in a signature */
export function issuerAndSerialOf(one) {
    return der.sequence(one.issuer, der.tlv(der.INTEGER, one.serial));
}

/**
 * @param {Certificate} by
 * @param {{signed: Bytes, signature: Bytes, scheme: Scheme | undefined}} what
 */
export async function hasIssued(by, what) {
    return hasSigned(by.key, what.signature, what.signed, what.scheme);
}

/**
 * @param {PublicKey | undefined} key
 * @param {Bytes} signature DER
 * @param {Bytes} data
 * @param {string} hash
 * @returns {Promise<boolean>} whether it is ECDSA by the key
 */
export async function isSignedBy(key, signature, data, hash) {
    return hasSigned(key, signature, data, { kind: "ecdsa", hash, salt: 0 });
}

/** @param {Certificate} one @param {Certificate} other */
export function isSameCertificate(one, other) {
    return isSame(one.encoded, other.encoded);
}

/** @param {Certificate} one @returns {Promise<Bytes>} */
export function digestOf(one) {
    return sha256(one.encoded);
}
