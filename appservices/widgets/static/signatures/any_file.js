/**
 * Signed files of each kind, as `veche.protocol.signed_file` judges them. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./judging.js").Report} Report
 */
import { bytesBefore, isContainer } from "../asic/container.js";
import { judgeContainer } from "../asic/verdict.js";
import { asText } from "../pdf/values.js";
import { judgeElsewhere } from "./elsewhere.js";
import { ALGORITHMS_END, reported } from "./judging.js";
import { beginsSigned, judge } from "./verdict.js";

/**
 * @param {Bytes} bytes the file
 * @param {import("./certificate.js").Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists] newer than those in the file
 * @param {import("./judging.js").AlgorithmsEnd} [end]
 * @returns {Promise<Report>}
 */
export async function judgeFile(bytes, roots, nowMs, lists = [], end = ALGORITHMS_END) {
    if (isContainer(bytes)) return judgeContainer(bytes, roots, nowMs, lists, end);
    const before = bytesBefore(bytes);
    if (before > 0) {
        const detail = `the container begins after ${before} bytes`;
        return reported([{ reason: "bytes_before_the_container", field: "", detail }]);
    }
    const pdf = asText(bytes);
    const report = await judge(bytes, roots, nowMs, lists, end, pdf);
    if (!(await mayBeOfOthers(pdf, report))) return report;
    return (await judgeElsewhere(bytes, roots, nowMs, lists, end, pdf)) ?? report;
}

/** @param {string} pdf @param {Report} report @returns {Promise<boolean>} no signature of our form */
async function mayBeOfOthers(pdf, { findings, signers }) {
    const found = new Set(findings.map(({ reason }) => reason));
    const [only] = found;
    if (found.size !== 1) return false;
    if (only === "changed_after_signing" && signers.length === 0) return !(await beginsSigned(pdf));
    return only === "outside_the_sealed_profile";
}
