/**
 * Keys and algorithms of signatures: ECDSA and RSA, with SHA-256 and larger. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 *
 * @typedef {object} PublicKey
 * @property {"P-256" | "P-384" | "RSA"} kind
 * @property {number} bits of a modulus
 * @property {Bytes} encoded of a curve its point; of RSA SubjectPublicKeyInfo
 *
 * @typedef {object} Scheme
 * @property {"ecdsa" | "rsa" | "pss"} kind
 * @property {string} hash `SHA-256`, `SHA-384` or `SHA-512`
 * @property {number} salt length of it, of PSS
 */
import { hex } from "../verify/bytes.js";
import * as der from "./der.js";
import { DerError } from "./der.js";

const RSA_BITS_MIN = 2048;
const PARAMETER = 0xa0;

/** @param {string} dotted @returns {string} hex of the OID's contents */
export const idOf = (dotted) => hex(der.readWhole(der.oid(dotted), der.OID));

const HASHES = new Map([
    [idOf("2.16.840.1.101.3.4.2.1"), "SHA-256"],
    [idOf("2.16.840.1.101.3.4.2.2"), "SHA-384"],
    [idOf("2.16.840.1.101.3.4.2.3"), "SHA-512"],
]);
const RSA = idOf("1.2.840.113549.1.1.1");
const RSA_WITH = new Map([
    [idOf("1.2.840.113549.1.1.11"), "SHA-256"],
    [idOf("1.2.840.113549.1.1.12"), "SHA-384"],
    [idOf("1.2.840.113549.1.1.13"), "SHA-512"],
]);
const ECDSA_WITH = new Map([
    [idOf("1.2.840.10045.4.3.2"), "SHA-256"],
    [idOf("1.2.840.10045.4.3.3"), "SHA-384"],
    [idOf("1.2.840.10045.4.3.4"), "SHA-512"],
]);
const PSS = idOf("1.2.840.113549.1.1.10");
const MGF1 = idOf("1.2.840.113549.1.1.8");
const EC_KEY = idOf("1.2.840.10045.2.1");
const NAMES = { "P-256": "1.2.840.10045.3.1.7", "P-384": "1.3.132.0.34" };
/** @type {Map<string, "P-256" | "P-384">} */
const CURVES = new Map([
    [idOf(NAMES["P-256"]), "P-256"],
    [idOf(NAMES["P-384"]), "P-384"],
]);

/** @param {der.Element | undefined} one @returns {string} hex of its contents; empty: no OID */
const idIn = (one) => (one?.tag === der.OID ? hex(one.body) : "");

/** @param {der.Element | undefined} bits @returns {Bytes} of a BIT STRING of whole octets */
export function wholeBits(bits) {
    if (bits?.tag !== der.BIT_STRING || bits.body[0] !== 0) throw new DerError("no whole octets");
    return bits.body.subarray(1);
}

/** @param {Bytes} body of an AlgorithmIdentifier @returns {string | undefined} none: not taken */
export function hashOf(body) {
    return HASHES.get(idIn(der.children(body)[0]));
}

/**
 * @param {Bytes} body of an AlgorithmIdentifier
 * @param {string} [hash] of what is signed, where the algorithm does not say it
 * @returns {Scheme | undefined} none: not taken
 */
export function schemeOf(body, hash) {
    const [kind, parameters] = der.children(body);
    const name = idIn(kind);
    if (name === PSS) return pssOf(parameters);
    const rsa = name === RSA ? hash : RSA_WITH.get(name);
    if (rsa) return { kind: "rsa", hash: rsa, salt: 0 };
    const ecdsa = ECDSA_WITH.get(name);
    return ecdsa ? { kind: "ecdsa", hash: ecdsa, salt: 0 } : undefined;
}

/** @param {der.Element | undefined} parameters @returns {Scheme | undefined} */
function pssOf(parameters) {
    const said = der.children(parameters?.body ?? new Uint8Array());
    const [hashed, masked, salted] = said;
    const isSaid = said.slice(0, 3).every((one, at) => one.tag === PARAMETER + at);
    if (!isSaid || !hashed || !masked || !salted || said.length > 4) return undefined;
    const hash = hashOf(der.readWhole(hashed.body, der.SEQUENCE));
    const [mask, its] = der.children(der.readWhole(masked.body, der.SEQUENCE));
    const salt = numberOf(der.readWhole(salted.body, der.INTEGER));
    if (!hash || idIn(mask) !== MGF1 || !its || hashOf(its.body) !== hash) return undefined;
    return { kind: "pss", hash, salt };
}

/** @param {Bytes} body of a small natural number */
function numberOf(body) {
    if (body.length === 0 || body.length > 3 || ((body[0] ?? 0) & 0x80) !== 0)
        throw new DerError("no natural number");
    return body.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** @param {der.Element} info SubjectPublicKeyInfo @returns {PublicKey | undefined} none: not taken */
export function keyOf(info) {
    const [algorithm, bits] = der.children(info.body);
    const [kind, curve] = der.children(algorithm?.body ?? new Uint8Array());
    const name = idIn(kind);
    const encoded = wholeBits(bits);
    if (name === RSA) return { kind: "RSA", bits: modulusBits(encoded), encoded: info.encoded };
    if (name === PSS) {
        // Browsers take such keys under the name of RSA alone (RFC 4055 §1.2).
        const plain = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.tlv(der.NULL));
        const spki = der.sequence(plain, der.tlv(der.BIT_STRING, Uint8Array.of(0), encoded));
        return { kind: "RSA", bits: modulusBits(encoded), encoded: spki };
    }
    const known = name === EC_KEY ? CURVES.get(idIn(curve)) : undefined;
    return known && { kind: known, bits: 0, encoded };
}

/** @param {PublicKey} key @returns {Bytes} SubjectPublicKeyInfo */
export function spkiOf({ kind, encoded }) {
    if (kind === "RSA") return encoded;
    const algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(NAMES[kind]));
    return der.sequence(algorithm, der.tlv(der.BIT_STRING, Uint8Array.of(0), encoded));
}

/** @param {Bytes} encoded RSAPublicKey */
function modulusBits(encoded) {
    const [modulus] = der.children(der.readWhole(encoded, der.SEQUENCE));
    const digits = modulus?.body ?? new Uint8Array();
    const first = digits.findIndex((byte) => byte !== 0);
    if (first < 0) return 0;
    return (digits.length - first) * 8 - Math.clz32(digits[first] ?? 0) + 24;
}

/** @param {PublicKey | undefined} key @returns {boolean} whether what it signed is believed */
export function isTaken(key) {
    return key !== undefined && (key.kind !== "RSA" || key.bits >= RSA_BITS_MIN);
}

/**
 * @param {PublicKey | undefined} key
 * @param {Bytes} signature
 * @param {Bytes} data
 * @param {Scheme | undefined} scheme
 * @returns {Promise<boolean>} whether the key signed the data so
 */
export async function hasSigned(key, signature, data, scheme) {
    if (!key || !isTaken(key) || !scheme) return false;
    const isRsa = key.kind === "RSA";
    if (isRsa === (scheme.kind === "ecdsa")) return false;
    const raw = isRsa ? signature : rawSignature(signature, key.kind === "P-256" ? 32 : 48);
    if (!raw) return false;
    const { hash, salt } = scheme;
    const name = { ecdsa: "ECDSA", rsa: "RSASSA-PKCS1-v1_5", pss: "RSA-PSS" }[scheme.kind];
    const kind = isRsa ? { name, hash } : { name, namedCurve: key.kind };
    try {
        const form = isRsa ? "spki" : "raw";
        const known = await crypto.subtle.importKey(form, key.encoded, kind, false, ["verify"]);
        return await crypto.subtle.verify({ name, hash, saltLength: salt }, known, raw, data);
    } catch {
        return false; // no point of the curve
    }
}

/** @param {Bytes} signature DER @param {number} size @returns {Bytes | undefined} r and s */
function rawSignature(signature, size) {
    try {
        const raw = new Uint8Array(2 * size);
        const body = der.readWhole(signature, der.SEQUENCE);
        for (const [index, part] of der.members(body, der.INTEGER, der.INTEGER).entries()) {
            const isPadded = part[0] === 0 && part.length > 1;
            const digits = isPadded ? part.subarray(1) : part;
            const isMinimal = !isPadded || ((part[1] ?? 0) & 0x80) !== 0;
            const isNegative = ((part[0] ?? 0x80) & 0x80) !== 0;
            if (digits.length > size || !isMinimal || isNegative) return undefined;
            raw.set(digits, (index + 1) * size - digits.length);
        }
        return raw;
    } catch {
        return undefined;
    }
}
