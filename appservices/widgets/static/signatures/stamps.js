/**
 * Time stamps (RFC 3161): asking for one, and taking only what was asked for. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./cms.js").Stamp} Stamp
 * @typedef {import("./digests.js").Hash} Hash
 *
 * @typedef {object} Asked
 * @property {Bytes} imprint digest of what is stamped
 * @property {Bytes} nonce a number that the token repeats, the largest digit first
 * @property {Hash} [by] the hash of the imprint
 */
import { isSame } from "../verify/bytes.js";
import { isSignedBy, mayStamp, readCertificate } from "./certificate.js";
import { TST_INFO, contentDigest, names, readToken, signedAttributes } from "./cms.js";
import * as der from "./der.js";
import { SHA256 } from "./digests.js";
import { DerError } from "./der.js";
import { natural } from "./making.js";

const NONCE_BYTES = 16;
const ONE = Uint8Array.of(der.INTEGER, 1, 1);
const TRUE = Uint8Array.of(0xff);
const GRANTED = 0;

/** The authority gave no stamp, or another one than was asked for. */
export class StampError extends Error {}

/** @param {Bytes} imprint @param {Hash} [by] @returns {Asked} */
export function askedFor(imprint, by = SHA256) {
    return { imprint, by, nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) };
}

/** @param {Asked} asked @returns {Bytes} TimeStampReq that asks for the certificate too */
export function stampRequest({ imprint, nonce, by = SHA256 }) {
    return der.sequence(
        ONE,
        der.sequence(by.identifier, der.tlv(der.OCTET_STRING, imprint)),
        natural(nonce),
        der.tlv(der.BOOLEAN, TRUE),
    );
}

/**
 * @param {Bytes} answer TimeStampResp
 * @param {Asked} asked
 * @param {Certificate} authority whose stamp it must be
 * @returns {Promise<Bytes>} TimeStampToken
 * @throws {StampError} it is refused, or is about something else, or by somebody else
 */
export async function readAnswer(answer, asked, authority) {
    const token = tokenIn(answer, asked);
    if (!(await isStampBy(readToken(token), authority)))
        throw new StampError("a stamp by somebody else");
    return token;
}

/**
 * @param {Bytes} answer TimeStampResp
 * @param {Asked} asked
 * @returns {Bytes} TimeStampToken, of anybody: its signature is not looked at
 * @throws {StampError} it is refused, or is about something else
 */
export function tokenIn(answer, asked) {
    try {
        const [info, token, ...more] = der.children(der.readWhole(answer, der.SEQUENCE));
        const [status] = der.children(info?.body ?? new Uint8Array());
        if (status?.body.length !== 1 || status.body[0] !== GRANTED || !token || more.length > 0)
            throw new StampError("the authority gives no stamp");
        const stamp = readToken(token.encoded);
        const nonce = der.readWhole(natural(asked.nonce), der.INTEGER);
        if (
            !isSame(stamp.imprint, asked.imprint) ||
            stamp.by !== (asked.by ?? SHA256) ||
            !stamp.nonce ||
            !isSame(stamp.nonce, nonce)
        )
            throw new StampError("a stamp over something else");
        return token.encoded;
    } catch (error) {
        if (error instanceof DerError)
            throw new StampError("the answer is no time stamp", { cause: error });
        throw error;
    }
}

/** @param {Stamp} stamp @param {Certificate} authority */
async function isStampBy({ signed }, authority) {
    if (!names(signed, authority) || !mayStamp(authority)) return false;
    const digest = await contentDigest(signed);
    const attributes = await signedAttributes(authority, digest, TST_INFO, signed.by);
    return (
        isSame(attributes, signed.attributes) &&
        isSame(signed.algorithm, signed.by.ecdsa) &&
        isSignedBy(authority.key, signed.signature, attributes, signed.by.called)
    );
}

/**
 * @param {(request: Bytes) => Promise<Bytes>} post hands a TimeStampReq to the authority
 * @param {Bytes} authority its certificate
 * @returns {import("./signing.js").Stamper} gives a token over a digest
 */
export function stamper(post, authority) {
    const certificate = readCertificate(authority);
    return async (imprint, by = SHA256) => {
        const asked = askedFor(imprint, by);
        return readAnswer(await post(stampRequest(asked)), asked, certificate);
    };
}
