/**
 * Time stamps of an authority elsewhere, as `appservices.signing` takes them: whoever serves this
 * page is not believed on it. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 *
 * @typedef {object} Others who may stamp, and what proves them
 * @property {Certificate[]} roots below which they are, by `stampRoot`
 * @property {Bytes[]} certificates that go into the file before the stamp
 * @property {Bytes[]} lists so do these
 * @property {string | null | undefined} policy under which they stamp, as dotted numbers; none: any
 * @property {() => number} now UTC
 */
import { isSame } from "../verify/bytes.js";
import { mayStamp } from "./certificate.js";
import { readToken } from "./cms.js";
import * as der from "./der.js";
import { SHA256 } from "./digests.js";
import { Fault, stamperOf } from "./judging.js";
import { StampError, askedFor, stampRequest, tokenIn } from "./stamps.js";
import { Trust } from "./trust.js";

/** How far the clock of who stamps may be from ours. */
const CLOCK_MS_MAX = 60_000;

/** A key has stamped that the proofs do not speak of: newer ones may. */
export class OtherKeyError extends StampError {}

/**
 * @param {(request: Bytes) => Promise<Bytes>} post hands a TimeStampReq to the authority
 * @param {Others} others
 * @returns {import("./signing.js").Stamper} gives a token over a digest that a verdict would believe
 */
export function stamperBelow(post, others) {
    return async (imprint, by = SHA256) => {
        const asked = askedFor(imprint, by);
        const token = tokenIn(await post(stampRequest(asked)), asked);
        const stamp = readToken(token);
        await checkStamper(stamp, await whoStamped(stamp), others);
        return token;
    };
}

/** @param {import("./cms.js").Stamp} stamp @returns {Promise<Certificate>} */
async function whoStamped(stamp) {
    try {
        return await stamperOf(stamp);
    } catch (error) {
        if (!(error instanceof Fault || error instanceof der.DerError)) throw error;
        throw new StampError("a stamp that does not hold", { cause: error });
    }
}

/**
 * @param {import("./cms.js").Stamp} stamp whose signature holds
 * @param {Certificate} certificate of who stamped
 * @param {Others} others
 * @throws {StampError} it is not taken
 */
async function checkStamper(stamp, certificate, { roots, certificates, lists, policy, now }) {
    const atMs = now();
    if (!mayStamp(certificate)) throw new StampError("a certificate that is not for time stamps");
    if (Math.abs(stamp.atMs - atMs) > CLOCK_MS_MAX) throw new StampError("a stamp of another time");
    if (stamp.signed.by.size < stamp.by.size) throw new StampError("a stamp by a shorter hash");
    if (policy && !isSame(stamp.policy, der.oid(policy)))
        throw new StampError("a stamp under another policy");
    const below = await new Trust(roots, stamp.signed.certificates, []).standing(certificate, atMs);
    if (!below.isTrusted) throw new StampError("a stamp by somebody else");
    if (!certificates.some((one) => isSame(one, certificate.encoded)))
        throw new OtherKeyError("a stamp by another key");
    const proven = await new Trust(roots, certificates, lists).standing(certificate, atMs);
    if (!proven.isListed || proven.isRevoked)
        throw new StampError("nobody says that who stamped was not revoked");
}
