/**
 * Signatures by a key, which lives in this page as a rule, as `veche.documents.pki.cms` builds them. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 */
import { issuerAndSerialOf } from "./certificate.js";
import { DATA, SIGNED_DATA, TIME_STAMP_TOKEN } from "./cms.js";
import * as der from "./der.js";
import { SHA256 } from "./digests.js";

const KEY = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const EXPLICIT_0 = 0xa0;
const UNSIGNED = 0xa1;
const ONE = Uint8Array.of(der.INTEGER, 1, 1);

/** @returns {Promise<CryptoKeyPair>} for one signature; its secret part can't be taken out */
export async function makeKey() {
    return crypto.subtle.generateKey(KEY, false, ["sign", "verify"]);
}

/** @param {CryptoKey} key @returns {Promise<Bytes>} SubjectPublicKeyInfo, DER */
export async function publicKeyOf(key) {
    return new Uint8Array(await crypto.subtle.exportKey("spki", key));
}

/**
 * @param {CryptoKey | ((data: Bytes) => Promise<Bytes>)} key here, or a way to one that is elsewhere
 * @param {Bytes} data
 * @returns {Promise<Bytes>} with SHA-256: ECDSA in DER; from elsewhere also RSA with PKCS #1 v1.5
 */
export async function signData(key, data) {
    if (typeof key === "function") return key(data);
    return derOf(new Uint8Array(await crypto.subtle.sign(SIGNING, key, data)));
}

/** @param {Bytes} raw r and s, of one length @returns {Bytes} Ecdsa-Sig-Value (RFC 3279 §2.2.3) */
export function derOf(raw) {
    const half = raw.length / 2;
    return der.sequence(natural(raw.subarray(0, half)), natural(raw.subarray(half)));
}

/** @param {Bytes} digits the largest first @returns {Bytes} INTEGER of the fewest octets */
export function natural(digits) {
    const first = digits.findIndex((byte) => byte !== 0);
    const least = first < 0 ? Uint8Array.of(0) : digits.subarray(first);
    const sign = (least[0] ?? 0) & 0x80 ? [Uint8Array.of(0)] : [];
    return der.tlv(der.INTEGER, ...sign, least);
}

/**
 * A signature over what lies elsewhere.
 * @param {Certificate} certificate of the signer
 * @param {Bytes[]} chain certificates that travel with it, in any order
 * @param {Bytes} attributes of `signedAttributes`
 * @param {Bytes} signature by the certificate's key over them, DER
 * @param {Bytes} [token] RFC 3161 time stamp over the SHA-256 of `signature`
 * @returns {Bytes} CMS
 */
export function detached(certificate, chain, attributes, signature, token) {
    const stamps = token ? [unsigned(token)] : [];
    const info = der.sequence(
        ONE,
        issuerAndSerialOf(certificate),
        SHA256.identifier,
        der.tlv(EXPLICIT_0, der.readWhole(attributes, der.SET)),
        certificate.key?.kind === "RSA" ? SHA256.rsa : SHA256.ecdsa,
        der.tlv(der.OCTET_STRING, signature),
        ...stamps,
    );
    const data = der.sequence(
        ONE,
        der.setOf(SHA256.identifier),
        der.sequence(DATA),
        der.tlv(EXPLICIT_0, ...[certificate.encoded, ...chain].toSorted(der.compare)),
        der.setOf(info),
    );
    return der.sequence(SIGNED_DATA, der.tlv(EXPLICIT_0, data));
}

/** @param {Bytes} token */
function unsigned(token) {
    return der.tlv(UNSIGNED, der.sequence(TIME_STAMP_TOKEN, der.setOf(token)));
}
