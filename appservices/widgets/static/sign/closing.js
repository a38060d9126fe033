/**
 * Closing a document that no service can read: the page of whoever comes first once everyone has
 * signed puts the closing time stamp in, and nobody has to be trusted for it, for all can check it.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {import("./api.js").Session} Session
 */
import { ApiError } from "../kit/api.js";
import { base64, fromBase64 } from "../kit/approval.js";
import { openFile } from "../pdf/signing.js";
import { HASHES, SHA256 } from "../signatures/digests.js";
import { closeFile, closeStep } from "../signatures/signing.js";
import { stamper } from "../signatures/stamps.js";
import { judgeContainer } from "../asic/verdict.js";
import { judge } from "../signatures/verdict.js";
import { sha256 } from "../verify/bytes.js";
import { postStamp } from "./api.js";
import { extended, grown, revisionOf, rootsOf } from "./paper.js";
import { MismatchError } from "./signing.js";

const STALE = "ORG.VECHE.STALE_REVISION";
const CLOSED = "Closed";

/**
 * @param {{session: Session, view: View, paper: Paper}} task
 * @returns {Promise<{view: View, paper: Paper}>} closed, by this page or by another
 * @throws {MismatchError} with the stamp the file would not hold
 */
export async function closePaper({ session, view, paper }) {
    const { certificates, lists } = view.proofs;
    const [root, , tsa] = certificates.map(fromBase64);
    if (!root || !tsa) throw new MismatchError("proofs");
    const number = paper.revision + 1;
    const field = view.is_to_renew ? `Renewed${number}` : CLOSED;
    const proofs = { certificates: certificates.map(fromBase64), lists: lists.map(fromBase64) };
    const by = HASHES.find(({ name }) => name === view.stamp_hash) ?? SHA256;
    const stamp = stamper(postStamp, tsa);
    const { file, additions } = paper;
    const added = file
        ? await closeStep(file, additions, proofs, stamp, by)
        : await closeFile(openFile(paper.whole), field, proofs, stamp, by);
    const longer = extended(paper, added.data);
    const { whole } = longer;
    const { findings } = await (file ? judgeContainer : judge)(whole, rootsOf(view), view.now_ms);
    if (findings.length > 0) throw new MismatchError("closing");
    const revision = {
        ...(await revisionOf(paper, whole, added.data)),
        cms: base64(added.cms),
        signed_sha256: base64(by === SHA256 ? added.digest : await sha256(added.digest)),
    };
    try {
        const newer = await session.closing({ party: view.you.party, revision });
        return { view: newer, paper: longer };
    } catch (error) {
        if (!(error instanceof ApiError && error.errcode === STALE)) throw error;
        const newer = await session.view();
        return { view: newer, paper: await grown(paper, newer) };
    }
}
