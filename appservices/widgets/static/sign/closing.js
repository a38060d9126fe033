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
import { judgeContainer } from "../asic/verdict.js";
import { judge } from "../signatures/verdict.js";
import { sha256 } from "../verify/bytes.js";
import { extended, grown, revisionOf, rootsOf } from "./paper.js";
import { MismatchError } from "./signing.js";
import { stampingOf, withNewest } from "./stamping.js";

const STALE = "ORG.VECHE.STALE_REVISION";
const CLOSED = "Closed";

/**
 * @param {{session: Session, view: View, paper: Paper}} task
 * @returns {Promise<{view: View, paper: Paper}>} closed, by this page or by another
 * @throws {MismatchError} with the stamp the file would not hold
 */
export async function closePaper({ session, view, paper }) {
    const by = HASHES.find(({ name }) => name === view.stamp_hash) ?? SHA256;
    const { file } = paper;
    const added = await withNewest(() => closed(view, paper, by));
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

/**
 * @param {View} view
 * @param {Paper} paper
 * @param {import("../signatures/digests.js").Hash} by
 * @returns {Promise<import("../signatures/signing.js").Added>}
 */
async function closed(view, paper, by) {
    const certificates = view.proofs.certificates.map(fromBase64);
    const lists = view.proofs.lists.map(fromBase64);
    const stamping = await stampingOf(view, certificates[2]);
    if (!stamping) throw new MismatchError("proofs");
    const field = view.is_to_renew ? `Renewed${paper.revision + 1}` : CLOSED;
    const proofs = {
        certificates: [...certificates, ...stamping.certificates],
        lists: [...lists, ...stamping.lists],
    };
    const { file, additions, whole } = paper;
    return file
        ? closeStep(file, additions, proofs, stamping.stamp, by)
        : closeFile(openFile(whole), field, proofs, stamping.stamp, by);
}
