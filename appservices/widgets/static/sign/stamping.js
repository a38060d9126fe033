/**
 * Who stamps what this page signs or closes: the service, or an authority elsewhere in its place.
 * That one's proofs go into the file before its stamp, so they are fetched first, and before
 * anything is approved: where it does not answer, nothing has begun.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("../signatures/signing.js").Stamper} Stamper
 * @typedef {import("../signatures/signing.js").Certified} Certified
 * @typedef {Certified & {stamp: Stamper}} Ready what a signature takes besides its key
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Stamping
 * @property {Stamper} stamp
 * @property {Bytes[]} certificates of who stamps elsewhere, and those above them
 * @property {Bytes[]} lists about them
 */
import { clock } from "../approve/handing.js";
import { fromBase64 } from "../kit/approval.js";
import { OtherKeyError, stamperBelow } from "../signatures/other_stamps.js";
import { stamper } from "../signatures/stamps.js";
import { stampRoot } from "../signatures/trust.js";
import { getStampers, postOtherStamp, postStamp } from "./api.js";

/** How long proofs are taken for the newest: many documents are signed in one go. */
const KEPT_MS = 60_000;

/** @type {{atMs: number, stampers: Promise<import("./types.d.ts").Stampers>} | undefined} */
let kept;

/** @param {View} view @returns {boolean} whether an authority elsewhere stamps */
export function isElsewhere({ is_stamped_elsewhere = false }) {
    return is_stamped_elsewhere;
}

/**
 * Makes sure that whoever stamps can be had.
 * @param {View} view
 * @throws {SilentStamperError} it does not answer as it should
 */
export async function checkStamping(view) {
    if (isElsewhere(view)) await stampersNow();
}

/**
 * @param {View} view
 * @param {Bytes | undefined} tsa certificate of the service's own, if that one stamps
 * @returns {Promise<Stamping | undefined>} none: nobody stamps
 */
export async function stampingOf(view, tsa) {
    if (!isElsewhere(view))
        return tsa && { stamp: stamper(postStamp, tsa), certificates: [], lists: [] };
    const told = await stampersNow();
    const [certificates, lists] = [told.certificates, told.lists].map((all) => all.map(fromBase64));
    const proofs = { certificates: certificates ?? [], lists: lists ?? [] };
    const roots = told.roots.map((one) => stampRoot(fromBase64(one)));
    const others = { roots, ...proofs, policy: told.policy, now: () => clock.now() };
    return { ...proofs, stamp: stamperBelow(postOtherStamp, others) };
}

/**
 * @param {View} view
 * @param {Certified} certified
 * @returns {Promise<Ready | undefined>} with who stamps; none: nobody does
 */
export async function ready(view, certified) {
    const stamping = await stampingOf(view, certified.tsa);
    return (
        stamping && {
            ...certified,
            stampers: stamping.certificates,
            lists: [...certified.lists, ...stamping.lists],
            stamp: stamping.stamp,
        }
    );
}

/**
 * Does some work with a stamp; once more where another key has stamped than the proofs speak of.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withNewest(work) {
    try {
        return await work();
    } catch (error) {
        if (!(error instanceof OtherKeyError)) throw error;
    }
    kept = undefined;
    return work();
}

/** @returns {Promise<import("./types.d.ts").Stampers>} who stamps now, and what proves them */
async function stampersNow() {
    const now = clock.now();
    if (!kept || now - kept.atMs > KEPT_MS) kept = { atMs: now, stampers: getStampers() };
    const { stampers } = kept;
    try {
        return await stampers;
    } catch (error) {
        kept = undefined;
        throw error;
    }
}
